/** Reads what a signed boot has to trust from the repository on the disk. */
import {
  isContainerCommit,
  NOT_SIGNED,
  parsePublicKeys,
  trustedDigest,
  untrusted,
  type SignedCommit,
} from '#prepare-root/commit-trust.ts';
import { reasonOf } from '#prepare-root/reason.ts';
import { isChecksum } from '#ostree/format/checksum.ts';
import { decodeCommit } from '#ostree/format/commit.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';

export interface SignedDeployment {
  /** Where the physical root is; '/' or without a slash at the end. */
  readonly sysroot: string;
  /** The deployment's absolute path; its name begins with the commit's checksum. */
  readonly path: string;
  readonly keys: readonly Uint8Array[];
}

/** The keys of the initramfs. @throws UserError BAD_BOOT_CONFIG */
export function readPublicKeys(sys: Syscalls, file: string): Uint8Array[] {
  let text: string | null;
  try {
    text = sys.readText(AT_FDCWD, file);
  } catch (error) {
    throw unreadableKeys(file, reasonOf(error));
  }
  if (text === null) throw unreadableKeys(file, 'No such file or directory');
  return parsePublicKeys(text, file);
}

/** The fs-verity digest that the image must have. @throws UserError COMPOSEFS_UNTRUSTED, BAD_GVARIANT */
export function readTrustedDigest(sys: Syscalls, deployment: SignedDeployment): Uint8Array {
  return during('Failed to mount composefs', () =>
    trustedDigest(readSignedCommit(sys, deployment), deployment.keys, (...signature) =>
      sys.verifyEd25519(...signature),
    ),
  );
}

/** The deployment's commit; where that has no signatures and is of a container, the one below it. */
function readSignedCommit(sys: Syscalls, { sysroot, path }: SignedDeployment): SignedCommit {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const checksum = name.split('.')[0] ?? '';
  if (!isChecksum(checksum)) throw untrusted(`${path} is not named after a commit`, DAMAGED);
  const objects = `${sysroot === '/' ? '' : sysroot}/ostree/repo/objects`;
  const commit = readObject(sys, objects, `${checksum}.commit`);
  if (commit === null) throw untrusted(`No commit object for deploy ${path}`, DAMAGED);
  const detached = readObject(sys, objects, `${checksum}.commitmeta`);
  if (detached !== null) return { commit, detached };
  const base = readContainerBase(sys, objects, commit);
  if (base !== null) return base;
  throw untrusted(`No commitmeta for deploy ${path}`, NOT_SIGNED);
}

function readContainerBase(sys: Syscalls, objects: string, bytes: Uint8Array): SignedCommit | null {
  const container = decodeCommit(bytes);
  if (container.parent === null || !isContainerCommit(container)) return null;
  const commit = readObject(sys, objects, `${container.parent}.commit`);
  const detached = readObject(sys, objects, `${container.parent}.commitmeta`);
  return commit === null || detached === null ? null : { commit, detached };
}

function readObject(sys: Syscalls, objects: string, name: string): Uint8Array | null {
  try {
    return sys.readFile(AT_FDCWD, `${objects}/${name.slice(0, 2)}/${name.slice(2)}`);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw untrusted(`reading ${name}: ${reasonOf(error)}`, DAMAGED);
  }
}

function unreadableKeys(file: string, why: string): UserError {
  return new UserError(
    'BAD_BOOT_CONFIG',
    `Parsing rootfs config: Reading public key file '${file}': ${why}`,
    { hint: 'put the key into the initramfs, or name its file: [composefs] keypath= in prepare-root.conf' },
  );
}

const DAMAGED = 'the repository is damaged: choose another entry in the boot menu, and deploy this one again';
