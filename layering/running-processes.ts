/** Reads from a /proc which processes there are and what they have mapped. */
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { parseMountTable, type MountLine } from '#ostree/format/mount-table.ts';
import {
  parseCgroup,
  parseMaps,
  parseStartTime,
  parseStatus,
  type MappedFile,
  type UnitOfProcess,
} from '#layering/running-proc.ts';

export interface ProcessFacts extends UnitOfProcess {
  readonly pid: number;
  /** The program's name, as the kernel cuts it (15 bytes). */
  readonly name: string;
  readonly uid: number;
  /** Seconds from the machine's start to the process's; null where that cannot be seen. */
  readonly startedAt: number | null;
  /** It has another root than the machine, as in a container; false where that cannot be seen. */
  readonly isForeign: boolean;
  /** null where the kernel does not show them to who asks. */
  readonly files: readonly MappedFile[] | null;
}

export interface ProcFacts {
  /** By number; without kernel threads and what has ended. */
  readonly processes: readonly ProcessFacts[];
  /** The unit of this process. */
  readonly own: UnitOfProcess;
  /** As this process sees them. */
  readonly mounts: readonly MountLine[];
  /** The kernel lists to who asks only processes of their own (`hidepid`). */
  readonly isPartial: boolean;
}

type ProcCalls = Pick<Syscalls, 'readFile' | 'readdir' | 'stat'>;

/** @throws UserError NO_PROC where `proc` is no such folder */
export function readProc(sys: ProcCalls, proc: string): ProcFacts {
  const processes = pidsOf(sys, proc).flatMap((pid) => readProcess(sys, `${proc}/${pid}`, pid) ?? []);
  const mounts = parseMountTable(textOf(sys, `${proc}/self/mountinfo`) ?? '');
  const own = parseCgroup(textOf(sys, `${proc}/self/cgroup`) ?? '');
  return { processes, own, mounts, isPartial: isHiding(mounts, proc) };
}

function pidsOf(sys: ProcCalls, proc: string): number[] {
  try {
    const names = sys.readdir(AT_FDCWD, proc).map(({ name }) => name);
    return names
      .filter((name) => /^[0-9]{1,10}$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  } catch (cause) {
    throw new UserError('NO_PROC', `the processes in ${proc} cannot be listed: ${codeOf(cause) ?? ''}`, {
      hint: 'mount proc there, or name a folder like it with --proc',
      cause,
    });
  }
}

/** null for one that ended meanwhile. */
function readProcess(sys: ProcCalls, path: string, pid: number): ProcessFacts | null {
  const status = parseStatus(textOf(sys, `${path}/status`) ?? '');
  if (status === null || status.isKernelThread) return null;
  const { name, uid } = status;
  const unit = parseCgroup(textOf(sys, `${path}/cgroup`) ?? '');
  const maps = textOf(sys, `${path}/maps`);
  if (maps === undefined) return null;
  const isForeign = hasForeignRoot(sys, path);
  const startedAt = parseStartTime(textOf(sys, `${path}/stat`) ?? '');
  const files = maps === null ? null : parseMaps(maps);
  return { pid, name, uid, startedAt, ...unit, isForeign, files };
}

function hasForeignRoot(sys: ProcCalls, path: string): boolean {
  try {
    const [own, machine] = [sys.stat(AT_FDCWD, `${path}/root`), sys.stat(AT_FDCWD, '/')];
    return own !== null && machine !== null && (own.dev !== machine.dev || own.ino !== machine.ino);
  } catch {
    return false;
  }
}

const GONE = ['ENOENT', 'ESRCH', 'ENOTDIR'];
const HIDDEN = ['EACCES', 'EPERM'];

/** undefined for what is gone, null for what may not be read. */
function textOf(sys: ProcCalls, path: string): string | null | undefined {
  try {
    return Buffer.from(sys.readFile(AT_FDCWD, path)).toString('utf8');
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (GONE.includes(code)) return undefined;
    if (HIDDEN.includes(code)) return null;
    throw error;
  }
}

function isHiding(mounts: readonly MountLine[], proc: string): boolean {
  const mount = mounts.findLast(({ point, type }) => point === proc && type === 'proc');
  return mount?.superOptions.some((option) => /^hidepid=(2|4|invisible|ptraceable)$/.test(option)) ?? false;
}
