import { mountComposefs, mountImage } from '#prepare-root/mount-image.ts';
import {
  describeOp,
  overlayOptions,
  undoOf,
  type MountOp,
  type Propagation,
} from '#prepare-root/mount-op.ts';
import { reasonOf } from '#prepare-root/reason.ts';
import { unlessFailing } from '#prepare-root/unless-failing.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { AT_FDCWD, MNT_DETACH, MOUNT_ATTR, MS, type Syscalls } from '#native/syscalls.ts';

const JOURNAL = '/run/systemd/journal/socket';

const PROPAGATION: Readonly<Record<Propagation, number>> = {
  private: MS.PRIVATE,
  slave: MS.SLAVE,
  shared: MS.SHARED,
};

/**
 * Executes the steps. When one fails, those before it are taken back, so that the next run finds what this one found
 * (a process that is killed cannot: see `planReset`).
 * @throws UserError BOOT_STEP_FAILED naming the step
 */
export function run(sys: Syscalls, ops: readonly MountOp[]): void {
  if (ops.length === 0) return;
  // The initramfs' umask is not ours to rely on.
  const umask = sys.umask(0);
  try {
    runAll(sys, ops, () => sys.umask(umask));
  } finally {
    sys.umask(umask);
  }
}

function runAll(sys: Syscalls, ops: readonly MountOp[], beforeExec: () => void): void {
  const undo: MountOp[] = [];
  for (const op of ops) {
    try {
      if (op.op === 'exec') beforeExec();
      const changed = execute(sys, op);
      const back = changed ? undoOf(op) : null;
      if (back !== null) undo.unshift(back);
    } catch (error) {
      takeBack(sys, undo);
      throw stepFailed(op, error);
    }
  }
}

/** As far as it goes: the first failure is the one to be told. */
function takeBack(sys: Syscalls, undo: readonly MountOp[]): void {
  for (const op of undo) {
    unlessFailing(false, () => execute(sys, op));
  }
}

/** Whether something was changed. */
function execute(sys: Syscalls, op: MountOp): boolean {
  switch (op.op) {
    case 'say':
      say(sys, op);
      return true;
    case 'symlink':
      return makeSymlink(sys, op.target, op.path);
    case 'make-directory':
      return makeDirectory(sys, op.path, op.mode);
    case 'write':
      replaceFile(sys, op);
      return true;
    case 'remove-file':
      sys.unlink(AT_FDCWD, op.path);
      return true;
    case 'remove-directory':
      sys.rmdir(AT_FDCWD, op.path);
      return true;
    case 'change-directory':
      sys.chdir(op.path);
      return true;
    case 'pivot':
      sys.pivotRoot('.', op.putOld);
      sys.chdir('/');
      return true;
    case 'exec':
      sys.exec(op.path, [op.path], op.environment);
      return true;
    case 'bind':
    case 'clone':
    case 'remount':
    case 'overlay':
    case 'image':
    case 'composefs':
    case 'memory':
    case 'move':
    case 'unmount':
    case 'propagation':
      changeMounts(sys, op);
      return true;
    default:
      return op satisfies never;
  }
}

type MountChange = Exclude<
  MountOp,
  {
    readonly op:
      | 'say'
      | 'make-directory'
      | 'remove-directory'
      | 'write'
      | 'remove-file'
      | 'symlink'
      | 'change-directory'
      | 'pivot'
      | 'exec';
  }
>;

function changeMounts(sys: Syscalls, op: MountChange): void {
  switch (op.op) {
    case 'bind':
      return sys.mount(op.from, op.to, null, MS.BIND | MS.SILENT, null);
    case 'clone':
      return cloneMount(sys, op);
    case 'remount': {
      const access = op.readonly ? MS.RDONLY : 0;
      return sys.mount(op.path, op.path, null, MS.BIND | MS.REMOUNT | MS.SILENT | access, null);
    }
    case 'overlay': {
      const access = op.readonly ? MS.RDONLY : 0;
      return sys.mount('overlay', op.to, 'overlay', MS.SILENT | access, overlayOptions(op));
    }
    case 'image':
      return mountImage(sys, op);
    case 'composefs':
      return mountComposefs(sys, op);
    case 'memory':
      return sys.mount('tmpfs', op.to, 'tmpfs', MS.NOSUID | MS.NODEV | MS.SILENT, 'mode=755');
    case 'move':
      return sys.mount(op.from, op.to, null, MS.MOVE | MS.SILENT, null);
    case 'unmount':
      return sys.umount(op.path, MNT_DETACH);
    case 'propagation': {
      const depth = op.recursive ? MS.REC : 0;
      return sys.mount(null, op.path, null, PROPAGATION[op.how] | depth | MS.SILENT, null);
    }
    default:
      return op satisfies never;
  }
}

function cloneMount(sys: Syscalls, op: Extract<MountOp, { readonly op: 'clone' }>): void {
  const copy = sys.openTree(AT_FDCWD, op.from);
  try {
    if (op.readonly) sys.mountSetattr(copy, MOUNT_ATTR.RDONLY, 0);
    sys.moveMount(copy, op.to);
  } finally {
    sys.close(copy);
  }
}

function say(sys: Syscalls, { text, fields }: Extract<MountOp, { readonly op: 'say' }>): void {
  if (fields === undefined || !sys.sendDatagram(JOURNAL, journalEntry({ MESSAGE: text, ...fields })))
    sys.write(1, `${text}\n`);
}

/** The journal's native protocol: a line a field (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
function journalEntry(fields: Readonly<Record<string, string>>): string {
  return Object.entries({ ...fields, PRIORITY: '6', SYSLOG_IDENTIFIER: 'ostree-prepare-root' })
    .map(([key, value]) => `${key}=${value.split('\n').join('?')}\n`)
    .join('');
}

function makeDirectory(sys: Syscalls, path: string, mode: number): boolean {
  return unlessThere(() => sys.mkdir(AT_FDCWD, path, mode));
}

function makeSymlink(sys: Syscalls, target: string, path: string): boolean {
  return unlessThere(() => sys.symlink(target, AT_FDCWD, path));
}

/** Whether it was made. */
function unlessThere(make: () => void): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** `/run` is memory: there is nothing to sync, and a crash leaves nothing. */
function replaceFile(sys: Syscalls, op: Extract<MountOp, { readonly op: 'write' }>): void {
  const temporary = `${op.path}.new`;
  const fd = sys.open(AT_FDCWD, temporary, ['write', 'create', 'truncate', 'nofollow'], op.mode);
  try {
    sys.write(fd, op.data);
  } finally {
    sys.close(fd);
  }
  sys.rename(AT_FDCWD, temporary, AT_FDCWD, op.path);
}

function stepFailed(op: MountOp, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const hint = hintFor(op, codeOf(error));
  const what =
    op.op === 'image' || op.op === 'composefs'
      ? 'mount composefs: composefs: failed to mount'
      : describeOp(op);
  return new UserError('BOOT_STEP_FAILED', `Failed to ${what}: ${reasonOf(error)}`, {
    ...(hint === null ? {} : { hint }),
    cause: error,
  });
}

function hintFor(op: MountOp, code: string | undefined): string | null {
  if (code === 'EPERM' || code === 'EACCES') return 'this needs root (CAP_SYS_ADMIN)';
  if (code === 'ENODEV')
    return `the kernel has no ${op.op === 'image' ? 'erofs' : 'overlay'}: bring the module into the initramfs`;
  if (op.op === 'image' && code === 'ENOENT')
    return 'the kernel cannot mount an image from a file (before Linux 6.12): bring the module loop into the initramfs';
  if (op.op === 'overlay' && code === 'EINVAL')
    return "the layers must be on a writable file system: boot with 'rw' on the kernel command line";
  if (op.op === 'make-directory' && code === 'EROFS')
    return `${op.path} has to be made here: boot with 'rw' on the kernel command line, or create it beforehand`;
  if (op.op === 'bind' && code === 'ENOENT')
    return 'the deployment lacks this directory: it is damaged; choose another entry in the boot menu';
  if (op.op === 'unmount' && code === 'EINVAL') return `${op.path} must be a mount point`;
  return null;
}
