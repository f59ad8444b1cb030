/** The texts of /proc that tell what runs: proc(5), cgroups(7). Pure. */
import { deviceNumber, unescapePath } from '#ostree/format/mount-table.ts';

/** A file that a process has mapped, each once. */
export interface MappedFile {
  /** As seen from the root of who reads, or where that is elsewhere, from the root of the process. */
  readonly path: string;
  /** As st_dev. */
  readonly device: number;
  readonly inode: number;
  /** The name is gone, or leads to another file. */
  readonly isDeleted: boolean;
  /** Some of it is mapped as code. */
  readonly isExecutable: boolean;
}

/** Where systemd put a process; null where it is in none. */
export interface UnitOfProcess {
  /** Of the system's manager, e.g. `sshd.service`, `session-2.scope`, `user@1000.service`. */
  readonly unit: string | null;
  /** Of a user's manager below it, e.g. `pipewire.service`. */
  readonly userUnit: string | null;
  /** The innermost slice. */
  readonly slice: string | null;
}

const DELETED = ' (deleted)';
const UNIT_SUFFIXES = ['.service', '.scope', '.socket', '.mount', '.swap'];
/** USER_HZ: in so many parts of a second the kernel tells times, on every architecture. */
const TICKS = 100;
const NO_UNIT: UnitOfProcess = { unit: null, userUnit: null, slice: null };

/** The files in `/proc/PID/maps`; memory without a file is left out, and so is a line that cannot be read. */
export function parseMaps(text: string): MappedFile[] {
  const found = new Map<string, MappedFile>();
  for (const line of text.split('\n')) {
    const parts = /^[0-9a-f]+-[0-9a-f]+ (\S{4}) [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) ([0-9]+) +(\/.*)$/.exec(
      line,
    );
    if (parts === null) continue;
    const [, permissions = '', major = '', minor = '', inode = '', spelt = ''] = parts;
    const isDeleted = spelt.endsWith(DELETED);
    const file = {
      path: unescapePath(isDeleted ? spelt.slice(0, -DELETED.length) : spelt),
      device: deviceNumber(parseInt(major, 16), parseInt(minor, 16)),
      inode: Number(inode),
      isDeleted,
      isExecutable: permissions.includes('x'),
    };
    const key = `${file.device}:${file.inode}:${file.path}`;
    const before = found.get(key);
    found.set(
      key,
      before === undefined ? file : { ...before, isExecutable: before.isExecutable || file.isExecutable },
    );
  }
  return [...found.values()].filter(({ inode }) => inode !== 0);
}

/** The unit in `/proc/PID/cgroup`: of the unified hierarchy, else of systemd's own. */
export function parseCgroup(text: string): UnitOfProcess {
  const lines = text.split('\n');
  const systemd = lines.find((line) => /^[0-9]+:name=systemd:/.test(line));
  const unified = lines.find((line) => line.startsWith('0::'));
  const paths = [unified, systemd].map(
    (line) => line?.slice(line.indexOf(':', line.indexOf(':') + 1) + 1) ?? '',
  );
  return paths.map(unitOfCgroup).find(({ unit }) => unit !== null) ?? unitOfCgroup(paths[0] ?? '');
}

/** What systemd's naming of control groups says; what a container has below its own is not looked at. */
export function unitOfCgroup(path: string): UnitOfProcess {
  let result = NO_UNIT;
  for (const component of path.split('/').map(withoutEscape)) {
    if (component.endsWith('.slice') && result.userUnit === null) result = { ...result, slice: component };
    if (!UNIT_SUFFIXES.some((suffix) => component.endsWith(suffix) && component !== suffix)) continue;
    if (result.unit === null) result = { ...result, unit: component };
    else if (
      /^user@[0-9]+\.service$/.test(result.unit) &&
      result.userUnit === null &&
      component !== 'init.scope'
    )
      result = { ...result, userUnit: component };
  }
  return result;
}

/** What is wanted of `/proc/PID/status`; null where it is none. */
export function parseStatus(text: string): {
  readonly name: string;
  readonly uid: number;
  readonly isKernelThread: boolean;
} | null {
  const fields = new Map(
    text
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const name = fields.get('Name');
  const uid = fields.get('Uid')?.split('\t')[0];
  if (name === undefined || uid === undefined || !/^[0-9]+$/.test(uid)) return null;
  // Only what has memory of its own is a program; a process that has ended has none either.
  const hasMemory = fields.has('VmSize');
  return { name, uid: Number(uid), isKernelThread: !hasMemory };
}

/** Of `/proc/PID/stat`: seconds from the machine's start, in hundredths; null where the text is none. */
export function parseStartTime(text: string): number | null {
  const end = text.lastIndexOf(') ');
  const ticks = end < 0 ? '' : (text.slice(end + 2).split(' ')[19] ?? '');
  return /^[0-9]{1,15}$/.test(ticks) ? Number(ticks) / TICKS : null;
}

/** cg_unescape of systemd: a name that could be a kernel's file has a `_` before it. */
function withoutEscape(component: string): string {
  return component.startsWith('_') ? component.slice(1) : component;
}
