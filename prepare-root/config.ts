/** `ostree/prepare-root.conf` of the initramfs, and the kernel argument that overrides a part of it. */
import { kernelArgument } from '#prepare-root/cmdline.ts';
import { fallbackArgument } from '#prepare-root/fallback.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { keyFileBoolean, keyFileString, parseKeyFile, type KeyFile } from '#ostree/format/keyfile.ts';
import { parseTriState, type TriState } from '#ostree/format/tri-state.ts';

/** In the initramfs, relative to its root; a later file overrides an earlier one key by key. */
export const CONFIG_FILES: readonly string[] = [
  '/usr/lib/ostree/prepare-root.conf',
  '/etc/ostree/prepare-root.conf',
];

/** Where the public keys of signed boots are, unless `composefs.keypath` says otherwise. */
const KEY_FILE = '/etc/ostree/initramfs-root-binding.key';

export interface RootConfig {
  /** `sysroot.readonly`: the physical root is mounted read-only at `/sysroot`. The default is true with composefs. */
  readonly sysrootReadonly: boolean;
  /** `etc.transient`: `/etc` forgets its changes at shutdown. */
  readonly etcTransient: boolean;
  /** `root.transient` or `root.transient-ro`: `/` forgets its changes at shutdown; the second mounts it read-only. */
  readonly rootTransient: 'no' | 'yes' | 'readonly';
  readonly composefs: TriState;
  /** Every file that is read must have the fs-verity digest that the image names. */
  readonly verity: boolean;
  /** The image must be the one that a signed commit names. */
  readonly signed: boolean;
  /** `composefs.keypath`; null unless a configuration file (not the kernel argument) says `signed`, as in ostree. */
  readonly keyFile: string | null;
  /** `yum-ostree.mount-var`: `/var` is bound by this program and not by a unit (an initramfs without systemd). */
  readonly mountVar: boolean;
  /** `yum-ostree.fallback` or the kernel argument: take another deployment where the one asked for cannot be booted. */
  readonly fallback: boolean;
}

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** @throws UserError BAD_KEYFILE or BAD_BOOT_CONFIG naming the file or the key */
export function rootConfig(files: readonly ConfigFile[], cmdline: string): RootConfig {
  const parsed = during('Failed to parse config', () =>
    files.map(({ path, text }) => parseKeyFile(text, path)),
  );
  const image = imageConfig(parsed, cmdline);
  return {
    sysrootReadonly: booleanOf(parsed, 'sysroot', 'readonly', image.composefs === 'yes'),
    etcTransient: booleanOf(parsed, 'etc', 'transient'),
    rootTransient: rootTransient(parsed),
    ...image,
    mountVar: booleanOf(parsed, 'yum-ostree', 'mount-var'),
    fallback: fallbackArgument(cmdline) ?? booleanOf(parsed, 'yum-ostree', 'fallback'),
  };
}

type ImageConfig = Pick<RootConfig, 'composefs' | 'verity' | 'signed' | 'keyFile'>;

/**
 * As in ostree: the kernel argument knows fewer words than the file, which must be right all the same; it loads no keys
 * and asks for no signature unless it says so; and it does not take back that contents are checked.
 */
function imageConfig(files: readonly KeyFile[], cmdline: string): ImageConfig {
  const fromFile = stringOf(files, 'composefs', 'enabled') ?? 'no';
  const signedByFile = fromFile === 'signed';
  const sure = signedByFile || fromFile === 'verity';
  const configured = sure ? 'yes' : triState(fromFile, '');
  const fromKernel = kernelArgument(cmdline, 'ostree.prepare-root.composefs');
  const signed = fromKernel === null ? signedByFile : fromKernel === 'signed';
  return {
    composefs: signed ? 'yes' : fromKernel === null ? configured : triState(fromKernel, HANDLING_ARGUMENT),
    verity: sure || signed,
    signed,
    keyFile: signedByFile ? (stringOf(files, 'composefs', 'keypath') ?? KEY_FILE) : null,
  };
}

function rootTransient(files: readonly KeyFile[]): RootConfig['rootTransient'] {
  const writable = booleanOf(files, 'root', 'transient');
  const readonly = booleanOf(files, 'root', 'transient-ro');
  if (writable && readonly)
    throw new UserError(
      'BAD_BOOT_CONFIG',
      'Parsing rootfs config: Cannot set both root.transient and root.transient-ro',
    );
  return writable ? 'yes' : readonly ? 'readonly' : 'no';
}

function booleanOf(files: readonly KeyFile[], group: string, key: string, otherwise = false): boolean {
  return during(`Failed to parse ${group}.${key} value`, () =>
    files.reduce<boolean>((found, file) => keyFileBoolean(file, group, key) ?? found, otherwise),
  );
}

function stringOf(files: readonly KeyFile[], group: string, key: string): string | null {
  return files.reduce<string | null>((found, file) => keyFileString(file, group, key) ?? found, null);
}

const HANDLING_ARGUMENT = 'handling karg ostree.prepare-root.composefs: ';

function triState(value: string, where: string): TriState {
  const mode = parseTriState(value);
  if (mode !== null) return mode;
  throw new UserError('BAD_BOOT_CONFIG', `Parsing rootfs config: ${where}Invalid tri-state value: ${value}`, {
    hint: 'composefs.enabled is one of no, maybe, yes, verity, signed',
  });
}
