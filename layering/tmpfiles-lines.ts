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

/** Blanks, quotes, backslashes and control characters as C escapes; `%` would start a specifier. */
function escapedField(text: string): string {
  return text
    .replace(
      /[\u0000-\u0020"'\\\u007f]/g,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
    .replaceAll('%', '%%');
}
