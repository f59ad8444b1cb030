/** How a composefs is mounted: the kernel's newest way first, then what older ones know, as libcomposefs does. */
import {
  composefsOptions,
  oldComposefsOptions,
  type ComposefsMount,
  type ImageMount,
} from '#prepare-root/mount-op.ts';
import { bytesToHex } from '#ostree/format/checksum.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { AT_FDCWD, MOUNT_ATTR, MS, type Fd, type Syscalls } from '#native/syscalls.ts';

const HEADER_BYTES = 32;
const MAGIC = [0x9a, 0x62, 0x78, 0xd0];
/** Of the byte at 8: some file of the image has an access control list. */
const HAS_ACL = 1;

/** @throws UserError COMPOSEFS_UNTRUSTED where the image is not the one that was signed; or the errno */
export function mountImage(sys: Syscalls, op: ImageMount): void {
  const image = sys.open(AT_FDCWD, op.image, ['read']);
  try {
    if (op.digest !== null) checkDigest(sys.measureVerity(image), op.digest);
    const options = imageOptions(sys.read(image, HEADER_BYTES));
    erofsFromFile(sys, image, { to: op.to, options });
  } finally {
    sys.close(image);
  }
}

export function mountComposefs(sys: Syscalls, op: ComposefsMount): void {
  try {
    const options = [['source', 'composefs'] as const, ...composefsOptions(op)];
    attach(sys, newMount(sys, 'overlay', { options, readonly: op.readonly }), op.to);
  } catch (error) {
    // Linux before 6.8 does not know `lowerdir+` (EINVAL), before 5.2 no fsopen (ENOSYS).
    if (!isUnknownToKernel(error)) throw error;
    mountComposefsTheOldWay(sys, op);
  }
}

function mountComposefsTheOldWay(sys: Syscalls, op: ComposefsMount): void {
  const flags = MS.SILENT | (op.readonly ? MS.RDONLY : 0);
  try {
    sys.mount('composefs', op.to, 'overlay', flags, oldComposefsOptions(op, '::'));
  } catch (error) {
    // As an ordinary layer the objects could add files of their own: not where every file is to be checked.
    if (op.verity || !isUnknownToKernel(error)) throw error;
    sys.mount('composefs', op.to, 'overlay', flags, oldComposefsOptions(op, ':'));
  }
}

function checkDigest(measured: Uint8Array | null, expected: Uint8Array): void {
  const why =
    measured === null
      ? 'fsverity not enabled on composefs image'
      : bytesToHex(measured) === bytesToHex(expected)
        ? null
        : 'Wrong fsverity digest in composefs image';
  if (why === null) return;
  throw new UserError('COMPOSEFS_UNTRUSTED', `Failed to mount composefs: composefs: ${why}`, {
    hint: 'the deployment is not what was signed: choose another entry in the boot menu, and deploy this one again',
  });
}

function imageOptions(header: Uint8Array): Option[] {
  if (MAGIC.some((byte, at) => header[at] !== byte))
    throw new UserError(
      'COMPOSEFS_MISSING',
      'Failed to mount composefs: composefs: failed to mount: Invalid argument',
      {
        hint: 'the image has no composefs header, it is damaged: choose another entry in the boot menu, and deploy this one again',
      },
    );
  const hasAcl = ((header[8] ?? 0) & HAS_ACL) !== 0;
  return [['ro', null], ...(hasAcl ? [] : [['noacl', null] as const])];
}

interface ErofsMount {
  readonly to: string;
  readonly options: readonly Option[];
}

/** From the file itself since Linux 6.12, else through a loop device (ENOTBLK: a block device is wanted). */
function erofsFromFile(sys: Syscalls, image: Fd, mount: ErofsMount): void {
  try {
    return erofs(sys, image, mount);
  } catch (error) {
    if (codeOf(error) !== 'ENOTBLK') throw error;
  }
  const device = sys.attachLoop(image);
  try {
    erofs(sys, device, mount);
  } finally {
    sys.close(device);
  }
}

function erofs(sys: Syscalls, source: Fd, { to, options }: ErofsMount): void {
  const path = `/proc/self/fd/${source}`;
  try {
    const all = [['source', path] as const, ...options];
    attach(sys, newMount(sys, 'erofs', { options: all, readonly: true }), to);
  } catch (error) {
    // Linux before 5.2 has no fsopen.
    if (codeOf(error) !== 'ENOSYS') throw error;
    const flags = options.map(([key]) => key).filter((key) => key !== 'ro');
    sys.mount(path, to, 'erofs', MS.RDONLY | MS.SILENT, flags.join(','));
  }
}

/** A key with its value, or null for a flag. */
type Option = readonly [string, string | null];

interface NewMount {
  readonly options: readonly Option[];
  readonly readonly: boolean;
}

/** A mount that is attached nowhere yet. */
function newMount(sys: Syscalls, type: string, { options, readonly }: NewMount): Fd {
  const fs = sys.fsopen(type);
  try {
    for (const [key, value] of options) sys.fsconfig(fs, key, value);
    return sys.fsmount(fs, readonly ? MOUNT_ATTR.RDONLY : 0);
  } finally {
    sys.close(fs);
  }
}

function attach(sys: Syscalls, mount: Fd, to: string): void {
  try {
    sys.moveMount(mount, to);
  } finally {
    sys.close(mount);
  }
}

function isUnknownToKernel(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EINVAL' || code === 'ENOSYS';
}
