/** `ostree-remount`: in the real root, once systemd-remount-fs has run: what must be writable is made so. */
import { BOOTED_PATH } from '#prepare-root/booted.ts';
import { relabelEtc, SELINUX } from '#prepare-root/relabel-etc.ts';
import { reportFailure } from '#prepare-root/report-failure.ts';
import { codeOf, during } from '#ostree/format/errors.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import { parse, type VariantDict } from '#ostree/format/gvariant.ts';
import { AT_FDCWD, MS, S, ST_RDONLY, type Syscalls } from '#native/syscalls.ts';

/** What `/run/ostree-booted` says; an empty one (ostree before 2023.6) says nothing. */
export interface BootedState {
  readonly sysrootReadonly: boolean;
  /** `/` is a composefs: that it is read-only says nothing about the rest. */
  readonly composefs: boolean;
  /** The folder of `/etc`'s upper layer; null where `/etc` is kept. */
  readonly transientEtc: string | null;
}

/** 0 done or nothing to do; 1 failed, with one message on standard error. */
export function remount(sys: Syscalls): number {
  try {
    remountAll(sys);
    return 0;
  } catch (error) {
    return reportFailure(sys, 'ostree-remount', error);
  }
}

/** The places to remount writable, in order. */
export function planRemount(booted: BootedState): readonly string[] {
  return [
    ...(booted.sysrootReadonly ? [] : ['/sysroot']),
    ...(booted.sysrootReadonly && booted.transientEtc === null ? ['/etc'] : []),
    '/var',
  ];
}

/** @throws UserError BAD_GVARIANT */
export function parseBooted(bytes: Uint8Array): BootedState {
  const record = bytes.length === 0 ? [] : (parse('a{sv}', bytes) as VariantDict);
  return {
    sysrootReadonly: lookupVariant(record, 'sysroot-ro', 'b') === true,
    composefs: lookupVariant(record, 'composefs', 'b') === true,
    transientEtc: (lookupVariant(record, 'transient-etc', 's') as string | undefined) ?? null,
  };
}

function remountAll(sys: Syscalls): void {
  if (sys.lstat(AT_FDCWD, BOOTED_PATH) === null)
    sys.close(sys.open(AT_FDCWD, BOOTED_PATH, ['write', 'create', 'nofollow'], 0o640));
  const booted = during(`reading ${BOOTED_PATH}`, () => parseBooted(sys.readFile(AT_FDCWD, BOOTED_PATH)));
  // A root that is read-only by intent ('ro' in fstab) stays so, with all that is on it.
  if (!booted.composefs && isReadOnly(sys, '/')) return relabel(sys, booted);
  for (const path of planRemount(booted)) during(`Failed to remount ${path}`, () => makeWritable(sys, path));
  relabel(sys, booted);
}

/** What the initramfs wrote to a transient `/etc` has its labels. The process is replaced: this is the last step. */
function relabel(sys: Syscalls, { transientEtc }: BootedState): void {
  if (transientEtc !== null && sys.stat(AT_FDCWD, SELINUX) !== null)
    during('relabeling /etc for SELinux', () => relabelEtc(sys, `${transientEtc}/upper`));
}

function makeWritable(sys: Syscalls, path: string): void {
  const stat = sys.lstat(AT_FDCWD, path);
  if (stat === null || (stat.mode & S.IFMT) === S.IFLNK || !isReadOnly(sys, path)) return;
  try {
    sys.mount(path, path, null, MS.REMOUNT | MS.SILENT | restrictions(sys, path), null);
  } catch (error) {
    // No mount point.
    if (codeOf(error) === 'EINVAL') return;
    throw error;
  }
  sys.write(1, `Remounted rw: ${path}\n`);
}

/** A remount would drop what is not said again; the values of ST_ and MS_ agree. */
function restrictions(sys: Syscalls, path: string): number {
  return flagsOf(sys, path) & (MS.NOSUID | MS.NODEV | MS.NOEXEC);
}

function isReadOnly(sys: Syscalls, path: string): boolean {
  return (flagsOf(sys, path) & ST_RDONLY) !== 0;
}

function flagsOf(sys: Syscalls, path: string): number {
  const fd = sys.open(AT_FDCWD, path, ['read', 'directory']);
  try {
    return sys.statfs(fd).flags;
  } finally {
    sys.close(fd);
  }
}
