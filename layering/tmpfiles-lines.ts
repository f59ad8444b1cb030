/** Lines of tmpfiles.d(5) files. Pure. */

export type TmpfilesLine =
  | {
      readonly type: 'd' | 'C';
      readonly path: string;
      /** Permission bits. */
      readonly mode: number;
      readonly user: string;
      readonly group: string;
    }
  | { readonly type: 'L'; readonly path: string; readonly target: string };

/** The text of a file of these lines; what `C` copies lies below /usr/share/factory. */
export function formatTmpfiles(lines: readonly TmpfilesLine[]): string {
  return lines.map((line) => `${formatLine(line)}\n`).join('');
}

function formatLine(line: TmpfilesLine): string {
  const path = escapedField(line.path);
  // The last field is the rest of the line as it is.
  if (line.type === 'L') return `L ${path} - - - - ${line.target.replaceAll('%', '%%')}`;
  const mode = line.mode.toString(8).padStart(4, '0');
  return `${line.type} ${path} ${mode} ${escapedField(line.user)} ${escapedField(line.group)} - -`;
}

/**
 * Quoted where needed, with only `\"` and `\\` escaped: systemd up to 252 knows no other escapes. `%` would start a
 * specifier.
 */
function escapedField(text: string): string {
  const escaped = text.replaceAll('%', '%%');
  return /[\s"'\\]/.test(text) ? `"${escaped.replace(/["\\]/g, '\\$&')}"` : escaped;
}

/** Whether a line can name it: a line's end cannot be escaped. */
export function fitsTmpfiles(text: string): boolean {
  return !/[\n\r]/.test(text) && text !== '';
}
