/** Lines of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export interface MountLine {
  /** As st_dev. */
  readonly device: number;
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
  const [, , device = '', root, point, options] = fields;
  const [major = NaN, minor = NaN] = device.split(':').map(Number);
  const [type, source, superOptions] = dash < 0 ? [] : fields.slice(dash + 1);
  if (root === undefined || point === undefined || options === undefined) return null;
  if (type === undefined || source === undefined || Number.isNaN(major + minor)) return null;
  return {
    device: deviceNumber(major, minor),
    root: unescapePath(root),
    point: unescapePath(point),
    options: options.split(','),
    propagation: fields.slice(6, dash),
    type,
    source: unescapePath(source),
    superOptions: (superOptions ?? '').split(','),
  };
}

/** st_dev of a device's two numbers, as makedev(3). */
export function deviceNumber(major: number, minor: number): number {
  const low = (major & 0xfff) * 2 ** 8 + (minor & 0xff);
  return Math.floor(major / 2 ** 12) * 2 ** 44 + Math.floor(minor / 2 ** 8) * 2 ** 20 + low;
}

/** In the lists of /proc blanks, line ends and backslashes are a backslash and three octal digits. */
export function unescapePath(field: string): string {
  const [first = '', ...rest] = field.split('\\');
  return rest.reduce((text, part) => {
    const code = parseInt(part.slice(0, 3), 8);
    return Number.isNaN(code) ? `${text}\\${part}` : text + String.fromCharCode(code) + part.slice(3);
  }, first);
}
