import { UserError } from '#ostree/format/errors.ts';

/** One value of a section, with the line it began on. */
export interface RepositoryValue {
  readonly text: string;
  readonly line: number;
}

export interface RepositorySection {
  readonly id: string;
  readonly line: number;
  readonly values: ReadonlyMap<string, RepositoryValue>;
}

/**
 * The sections of a `.repo` file: `key = value`, comments with `#` or `;`, lines that begin with white space go on
 * with the value above. A section or key that comes again overrides. @throws UserError BAD_REPOSITORY_FILE with file:line
 */
export function parseRepositoryFile(text: string, file: string): RepositorySection[] {
  const sections = new Map<string, { id: string; line: number; values: Map<string, RepositoryValue> }>();
  let values: Map<string, RepositoryValue> | null = null;
  let key: string | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === '' || /^[#;]/.test(content)) continue;
    if (/^\s/.test(raw) && values !== null && key !== null) {
      const before = values.get(key);
      values.set(key, { text: `${before?.text ?? ''}\n${content}`, line: before?.line ?? line });
      continue;
    }
    if (content.startsWith('[')) {
      values = openSection(sections, content, { file, line });
      key = null;
      continue;
    }
    const equals = content.indexOf('=');
    if (equals < 1 || values === null)
      throw badLine({ file, line }, values === null ? 'is outside a section' : 'is not key=value');
    key = content.slice(0, equals).trim();
    values.set(key, { text: content.slice(equals + 1).trim(), line });
  }
  return [...sections.values()];
}

interface Place {
  readonly file: string;
  readonly line: number;
}

function openSection(
  sections: Map<string, { id: string; line: number; values: Map<string, RepositoryValue> }>,
  content: string,
  place: Place,
): Map<string, RepositoryValue> {
  const [, id] = /^\[([^\]]+)\]\s*(?:[#;].*)?$/.exec(content) ?? [];
  if (id === undefined) throw badLine(place, 'does not end with ]');
  if (!/^[A-Za-z0-9._:+-]+$/.test(id))
    throw badLine(place, `names the repository '${id}', which may only hold letters, digits and ._:+-`);
  const section = sections.get(id) ?? { id, line: place.line, values: new Map<string, RepositoryValue>() };
  sections.set(id, section);
  return section.values;
}

function badLine({ file, line }: Place, what: string): UserError {
  return new UserError('BAD_REPOSITORY_FILE', `${file}:${line}: this line ${what}`);
}
