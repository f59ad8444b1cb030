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
    attach(sys, erofsFromFile(sys, image, options), op.to);
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

/** From the file itself since Linux 6.12, else through a loop device (ENOTBLK: a block device is wanted). */
function erofsFromFile(sys: Syscalls, image: Fd, options: readonly Option[]): Fd {
  try {
    return erofs(sys, image, options);
  } catch (error) {
    if (codeOf(error) !== 'ENOTBLK') throw error;
  }
  const device = sys.attachLoop(image);
  try {
    return erofs(sys, device, options);
  } finally {
    sys.close(device);
  }
}

function erofs(sys: Syscalls, source: Fd, options: readonly Option[]): Fd {
  const all = [['source', `/proc/self/fd/${source}`] as const, ...options];
  return newMount(sys, 'erofs', { options: all, readonly: true });
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
