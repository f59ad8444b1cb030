/** Lines of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export interface MountLine {
  /** Path on the file system that is seen at `point`. */
  readonly root: string;
  readonly point: string;
  /** Of this mount. */
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, … */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Of the file system. */
  readonly superOptions: readonly string[];
}

/** In the order of mounting; lines that are not of the format are left out. */
export function parseMountTable(text: string): MountLine[] {
  return text
    .split('\n')
    .map(parseLine)
    .filter((line) => line !== null);
}

function parseLine(line: string): MountLine | null {
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [, , , root, point, options] = fields;
  const [type, source, superOptions] = dash < 0 ? [] : fields.slice(dash + 1);
  if (root === undefined || point === undefined || options === undefined) return null;
  if (type === undefined || source === undefined) return null;
  return {
    root: unescape(root),
    point: unescape(point),
    options: options.split(','),
    propagation: fields.slice(6, dash),
    type,
    source: unescape(source),
    superOptions: (superOptions ?? '').split(','),
  };
}

/** Space, tab, newline and backslash are written as a backslash and three octal digits. */
function unescape(field: string): string {
  const [first = '', ...rest] = field.split('\\');
  return rest.reduce((text, part) => {
    const code = parseInt(part.slice(0, 3), 8);
    return Number.isNaN(code) ? `${text}\\${part}` : text + String.fromCharCode(code) + part.slice(3);
  }, first);
}
