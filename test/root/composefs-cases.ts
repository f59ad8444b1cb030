import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD, MS } from '#native/syscalls.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { decodeCommit, encodeCommit, type Commit } from '#ostree/format/commit.ts';
import { serialize, type VariantDict } from '#ostree/format/gvariant.ts';
import type { ComposefsSysroot } from './composefs-sysroot.ts';
import type { ComposefsCase } from './prepare-root-cases.ts';

const KEY_FILE = '/etc/ostree/initramfs-root-binding.key';
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');

export const enabled = (mode: string, more = ''): string => `[composefs]\nenabled=${mode}\n${more}`;
const TRANSIENT_ETC = '[etc]\ntransient=true\n';

/** What the C program of Debian can do too. */
export const COMPOSEFS_CASES: readonly ComposefsCase[] = [
  { name: 'no composefs on a deployment with an image', config: '' },
  { name: 'yes', config: enabled('yes') },
  { name: 'yes, no mount shared', config: enabled('yes'), shared: false },
  // The kernel cannot mount an image from a file there: a loop device is taken, and nothing tells where the disk is.
  { name: 'yes, on a file system in memory', config: enabled('yes'), directory: '/dev/shm' },
  { name: 'yes, another mount point', config: enabled('yes'), mountPoint: '/disk/root' },
  { name: 'yes, a physical root that is read-only', config: enabled('yes'), sysrootFlags: MS.RDONLY },
  { name: 'yes, nodev and nosuid', config: enabled('yes'), sysrootFlags: MS.NODEV | MS.NOSUID },
  { name: 'yes, sysroot.readonly=false', config: enabled('yes', '[sysroot]\nreadonly=false\n') },
  { name: 'maybe', config: enabled('maybe') },
  { name: 'maybe, sysroot.readonly', config: enabled('maybe', '[sysroot]\nreadonly=true\n') },
  { name: 'verity', config: enabled('verity') },
  { name: 'verity, of the first file', files: { '/usr/lib/ostree/prepare-root.conf': enabled('verity') } },
  { name: 'etc.transient', config: enabled('yes', TRANSIENT_ETC) },
  { name: 'maybe, etc.transient', config: enabled('maybe', TRANSIENT_ETC) },
  { name: 'root.transient', config: enabled('yes', '[root]\ntransient=true\n') },
  { name: 'root.transient-ro', config: enabled('yes', '[root]\ntransient-ro=true\n') },
  { name: 'maybe, root.transient', config: enabled('maybe', '[root]\ntransient=true\n') },
  {
    name: 'verity, root.transient, etc.transient',
    config: enabled('verity', `[root]\ntransient=true\n${TRANSIENT_ETC}`),
  },
  {
    name: 'root.transient-ro, etc.transient',
    config: enabled('yes', `[root]\ntransient-ro=true\n${TRANSIENT_ETC}`),
  },
  {
    name: 'maybe, root.transient, no image',
    config: enabled('maybe', '[root]\ntransient=true\n'),
    alter: withoutImage,
  },
  { name: 'hotfix', config: enabled('yes'), alter: unlocked },
  { name: 'verity, hotfix', config: enabled('verity'), alter: unlocked },
  { name: 'kernel argument yes', config: '', cmdline: 'ostree.prepare-root.composefs=yes' },
  { name: 'kernel argument 1', config: '', cmdline: 'ostree.prepare-root.composefs=1' },
  { name: 'kernel argument maybe', config: '', cmdline: 'ostree.prepare-root.composefs=maybe' },
  {
    name: 'kernel argument no over yes',
    config: enabled('yes'),
    cmdline: 'ostree.prepare-root.composefs=no',
  },
  {
    name: 'kernel argument maybe over signed',
    config: enabled('signed'),
    cmdline: 'ostree.prepare-root.composefs=maybe',
    files: { [KEY_FILE]: `${base64(publicKey)}\n` },
  },
  {
    name: 'kernel argument yes over verity',
    config: enabled('verity'),
    cmdline: 'ostree.prepare-root.composefs=yes',
  },
  { name: 'kernel argument verity', config: enabled('yes'), cmdline: 'ostree.prepare-root.composefs=verity' },
  { name: 'kernel argument signed', config: enabled('yes'), cmdline: 'ostree.prepare-root.composefs=signed' },
  {
    name: 'kernel argument no over banana',
    config: enabled('banana'),
    cmdline: 'ostree.prepare-root.composefs=no',
  },
  {
    name: 'kernel argument no over signed, no key',
    config: enabled('signed'),
    cmdline: 'ostree.prepare-root.composefs=no',
  },
  {
    name: 'kernel argument no over signed',
    config: enabled('signed'),
    cmdline: 'ostree.prepare-root.composefs=no',
    files: { [KEY_FILE]: `${base64(publicKey)}\n` },
  },
  { name: 'yes, no image', config: enabled('yes'), alter: withoutImage },
  { name: 'maybe, no image', config: enabled('maybe'), alter: withoutImage },
  { name: 'verity, no image', config: enabled('verity'), alter: withoutImage },
  {
    name: 'an image that is empty',
    config: enabled('yes'),
    alter: (sysroot) => writeImage(sysroot, new Uint8Array()),
  },
  {
    name: 'an image that is none',
    config: enabled('yes'),
    alter: (sysroot) => writeImage(sysroot, new Uint8Array(16384).fill(120)),
  },
  {
    name: 'an image with a header only',
    config: enabled('maybe'),
    alter: (sysroot) => fs.truncateSync(imageOf(sysroot), 512),
  },
  { name: 'signed, no key file', config: enabled('signed') },
  { name: 'signed, another key file', config: enabled('signed', 'keypath=/etc/other.key\n') },
  { name: 'signed, an empty key file', config: enabled('signed'), files: { [KEY_FILE]: '\n\n' } },
  {
    name: 'signed, no signature',
    config: enabled('signed'),
    files: { [KEY_FILE]: `${base64(publicKey)}\n` },
  },
  {
    name: 'signed, detached metadata without signatures',
    config: enabled('signed'),
    files: { [KEY_FILE]: `${base64(publicKey)}\n` },
    alter: (sysroot) => writeDetached(sysroot, serialize('a{sv}', [])),
  },
];

/** What the C program of Debian cannot: it was compiled without signatures. With the message that is expected. */
export const SIGNED_CASES: readonly SignedCase[] = [...signedCases(), ...containerCases()].map((one) => ({
  config: enabled('signed'),
  files: { [KEY_FILE]: `${base64(publicKey)}\n` },
  ...one,
}));

export interface SignedCase extends ComposefsCase {
  readonly message: string;
}

function signedCases(): readonly SignedCase[] {
  return [
    {
      name: 'signed, but the file system has no fs-verity',
      alter: (sysroot) => signCommit(sysroot, [privateKey]),
      message: 'Failed to mount composefs: composefs: fsverity not enabled on composefs image',
    },
    {
      name: 'signed by another key and by ours',
      files: { [KEY_FILE]: `\n${base64(other.publicKey)}\n${base64(publicKey)}\n` },
      alter: (sysroot) => signCommit(sysroot, [generateKeyPairSync('ed25519').privateKey, privateKey]),
      message: 'Failed to mount composefs: composefs: fsverity not enabled on composefs image',
    },
    {
      name: 'signed by another key',
      alter: (sysroot) => signCommit(sysroot, [other.privateKey, other.privateKey]),
      message: 'Failed to mount composefs: Checking commit signature: No valid (of 2) signatures found',
    },
    {
      name: 'signatures that are none',
      alter: (sysroot) => writeDetached(sysroot, signatures([new Uint8Array(64), new Uint8Array(3)])),
      message: 'Failed to mount composefs: Checking commit signature: No valid (of 2) signatures found',
    },
    {
      name: 'a commit that was changed after it was signed',
      alter: (sysroot) => {
        signCommit(sysroot, [privateKey]);
        const bytes = fs.readFileSync(objectOf(sysroot, 'commit'));
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
        replace(objectOf(sysroot, 'commit'), bytes);
      },
      message: 'Failed to mount composefs: Checking commit signature: No valid (of 1) signatures found',
    },
    {
      name: 'detached metadata that is garbage',
      alter: (sysroot) => writeDetached(sysroot, new Uint8Array(99).fill(0xee)),
      message: 'Failed to mount composefs: ',
    },
    {
      name: 'a signed commit that is garbage',
      alter: (sysroot) => {
        replace(objectOf(sysroot, 'commit'), new Uint8Array(77).fill(0xfe));
        signCommit(sysroot, [privateKey]);
      },
      message: 'Failed to mount composefs: ',
    },
    {
      name: 'a signed commit that was cut short',
      alter: (sysroot) => {
        replace(objectOf(sysroot, 'commit'), fs.readFileSync(objectOf(sysroot, 'commit')).subarray(0, -9));
        signCommit(sysroot, [privateKey]);
      },
      message: 'Failed to mount composefs: ',
    },
    {
      name: 'signatures of another type',
      alter: (sysroot) =>
        writeDetached(sysroot, serialize('a{sv}', [['ostree.sign.ed25519', { type: 's', value: 'signed' }]])),
      message: 'Failed to mount composefs: Signature validation requested, but no signatures in commit',
    },
    {
      name: 'no commit object',
      alter: (sysroot) => fs.unlinkSync(objectOf(sysroot, 'commit')),
      message: 'Failed to mount composefs: No commit object for deploy ',
    },
    {
      name: 'a key file that is garbage',
      files: { [KEY_FILE]: `${base64(publicKey)}\nnonsense\n` },
      alter: (sysroot) => signCommit(sysroot, [privateKey]),
      message: `Parsing rootfs config: Reading public key file '${KEY_FILE}': line 2 is not an Ed25519 public key`,
    },
    {
      name: 'a key file with a key that is too short, in base64 that is right',
      files: { [KEY_FILE]: `${Buffer.alloc(31).toString('base64')}\n` },
      alter: (sysroot) => signCommit(sysroot, [privateKey]),
      message: `Parsing rootfs config: Reading public key file '${KEY_FILE}': line 1 is not an Ed25519 public key`,
    },
    {
      name: 'a key file of other bytes',
      files: { [KEY_FILE]: '\u0000\u0001\ufffd=\n' },
      alter: (sysroot) => signCommit(sysroot, [privateKey]),
      message: `Parsing rootfs config: Reading public key file '${KEY_FILE}': line 1 is not an Ed25519 public key`,
    },
    {
      name: 'signed by kernel argument only: there are no keys',
      config: enabled('yes'),
      cmdline: 'ostree.prepare-root.composefs=signed',
      alter: (sysroot) => signCommit(sysroot, [privateKey]),
      message: 'Failed to mount composefs: Checking commit signature: No valid (of 1) signatures found',
    },
  ];
}

/** `bootc` puts a commit of its own on top of the one that was signed, which is the container's base. */
function containerCases(): readonly SignedCase[] {
  const onSigned = (change: Partial<Commit> = {}, key = privateKey) => {
    return (sysroot: ComposefsSysroot): void => {
      signCommit(sysroot, [key]);
      putOnTop(sysroot, change);
    };
  };
  return [
    {
      name: 'container: its parent is signed',
      alter: onSigned(),
      message: 'Failed to mount composefs: composefs: fsverity not enabled on composefs image',
    },
    {
      name: 'container: its parent is signed by another key',
      alter: onSigned({}, other.privateKey),
      message: 'Failed to mount composefs: Checking commit signature: No valid (of 1) signatures found',
    },
    {
      name: 'container: a commit without image-config',
      alter: onSigned({ metadata: [] }),
      message: 'Failed to mount composefs: No commitmeta for deploy ',
    },
    {
      name: 'container: no parent',
      alter: onSigned({ parent: null }),
      message: 'Failed to mount composefs: No commitmeta for deploy ',
    },
    {
      name: 'container: its parent is not there',
      alter: (sysroot) => {
        onSigned()(sysroot);
        fs.unlinkSync(objectOf(sysroot, 'commit'));
      },
      message: 'Failed to mount composefs: No commitmeta for deploy ',
    },
    {
      name: 'container: its parent has no signatures',
      alter: (sysroot) => putOnTop(sysroot, {}),
      message: 'Failed to mount composefs: No commitmeta for deploy ',
    },
    {
      name: 'container: signatures of its own come first',
      alter: (sysroot) => {
        onSigned()(sysroot);
        const top = { ...sysroot, commit: fs.readFileSync(`${sysroot.path}/top`, 'utf8') };
        signCommit(top, [other.privateKey]);
      },
      message: 'Failed to mount composefs: Checking commit signature: No valid (of 1) signatures found',
    },
  ];
}

/** Deploys, in place of the commit, one of a container that has it as parent. Its checksum goes to `/top`. */
function putOnTop(sysroot: ComposefsSysroot, change: Partial<Commit>): void {
  const base = decodeCommit(new Uint8Array(fs.readFileSync(objectOf(sysroot, 'commit'))));
  const metadata: VariantDict = [['ostree.container.image-config', { type: 's', value: '{}' }]];
  const bytes = encodeCommit({ ...base, metadata, parent: parseChecksum(sysroot.commit), ...change });
  const commit = createHash('sha256').update(bytes).digest('hex');
  const object = objectOf({ ...sysroot, commit }, 'commit');
  fs.mkdirSync(path.dirname(object), { recursive: true });
  fs.writeFileSync(object, bytes);
  fs.writeFileSync(`${sysroot.path}/top`, commit);
  const directory = sysroot.path + sysroot.deployment;
  changing(sysroot, () => fs.renameSync(directory, `${path.dirname(directory)}/${commit}.0`));
  const link = sysroot.path + sysroot.argument.slice('ostree='.length);
  fs.unlinkSync(link);
  fs.symlinkSync(`../../../deploy/os/deploy/${commit}.0`, link);
}

/** Raw, as the key files have it: the end of the DER form (RFC 8410). */
function base64(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
}

function imageOf({ path: sysroot, deployment }: ComposefsSysroot): string {
  return `${sysroot}${deployment}/.ostree.cfs`;
}

function withoutImage(sysroot: ComposefsSysroot): void {
  changing(sysroot, () => fs.unlinkSync(imageOf(sysroot)));
}

function writeImage(sysroot: ComposefsSysroot, bytes: Uint8Array): void {
  changing(sysroot, () => replace(imageOf(sysroot), bytes));
}

function unlocked(sysroot: ComposefsSysroot): void {
  changing(sysroot, () =>
    ['.usr-ovl-upper', '.usr-ovl-work'].forEach((name) =>
      fs.mkdirSync(path.join(path.dirname(imageOf(sysroot)), name)),
    ),
  );
}

/** A deployment carries the immutable flag. */
function changing(sysroot: ComposefsSysroot, change: () => void): void {
  const sys = loadSyscalls();
  const fd = sys.open(AT_FDCWD, path.dirname(imageOf(sysroot)), ['read', 'directory']);
  try {
    sys.setImmutable(fd, false);
    change();
  } finally {
    sys.close(fd);
  }
}

function objectOf({ path: sysroot, commit }: ComposefsSysroot, type: 'commit' | 'commitmeta'): string {
  return `${sysroot}/ostree/repo/objects/${commit.slice(0, 2)}/${commit.slice(2)}.${type}`;
}

function signCommit(sysroot: ComposefsSysroot, keys: readonly KeyObject[]): void {
  const commit = fs.readFileSync(objectOf(sysroot, 'commit'));
  writeDetached(sysroot, signatures(keys.map((key) => new Uint8Array(sign(null, commit, key)))));
}

function signatures(list: readonly Uint8Array[]): Uint8Array {
  return serialize('a{sv}', [['ostree.sign.ed25519', { type: 'aay', value: list }]]);
}

function writeDetached(sysroot: ComposefsSysroot, bytes: Uint8Array): void {
  replace(objectOf(sysroot, 'commitmeta'), bytes);
}

/** Objects may be hardlinked to those of another sysroot. */
function replace(file: string, bytes: Uint8Array): void {
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, bytes);
}
