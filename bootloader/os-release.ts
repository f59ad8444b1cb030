import { UserError } from '#ostree/format/errors.ts';

/**
 * The system's name in an os-release(5) file: PRETTY_NAME, else ID.
 * @throws UserError BAD_TREE where it has neither
 */
export function osReleaseName(text: string): string {
  const values = new Map<string, string>();
  for (const row of text.split('\n')) {
    const line = row.trim();
    const equals = line.indexOf('=');
    if (!line.startsWith('#') && equals > 0)
      values.set(line.slice(0, equals), unquoted(line.slice(equals + 1)));
  }
  const name = values.get('PRETTY_NAME') ?? values.get('ID');
  if (name === undefined) throw new UserError('BAD_TREE', 'No PRETTY_NAME or ID in /etc/os-release');
  return oneLine(name);
}

/** Shell quoting: single quotes take all as it is, elsewhere a backslash protects what follows. */
function unquoted(raw: string): string {
  let text = '';
  let quote = '';
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charAt(i);
    if (c === quote) quote = '';
    else if (quote === '' && (c === '"' || c === "'")) quote = c;
    else if (c === '\\' && quote !== "'" && i + 1 < raw.length) text += raw.charAt(++i);
    else text += c;
  }
  return text;
}

function oneLine(name: string): string {
  return name.split('\r').join(' ').trim();
}
