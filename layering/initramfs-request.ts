/** What is asked of the initramfs, and how an origin says it (as rpm-ostree does, under [rpmostree]). Pure. */
import { UserError } from '#ostree/format/errors.ts';
import { keyFileBoolean, keyFileList, withKey, type KeyFile } from '#ostree/format/keyfile.ts';
import { sortedUnique } from '#layering/tree-name.ts';

export interface InitramfsRequest {
  /** It is made on this machine, with its /etc, instead of being that of the base. */
  readonly regenerate: boolean;
  /** Further arguments for dracut, in order. */
  readonly args: readonly string[];
  /** Files and directories of /etc (absolute, sorted) that an initrd beside that of the tree brings. */
  readonly etc: readonly string[];
}

export type InitramfsChange =
  /** `regenerate` as is given; `args` take the place of those before. */
  | { readonly kind: 'regenerate'; readonly enable: boolean; readonly args: readonly string[] }
  | {
      readonly kind: 'etc';
      readonly track: readonly string[];
      /** null: all. */
      readonly untrack: readonly string[] | null;
      /** The present files are taken anew, whether or not the list changes. */
      readonly forceSync: boolean;
    };

/** Nothing is asked for. */
export const INITRAMFS_OF_TREE: InitramfsRequest = { regenerate: false, args: [], etc: [] };

const GROUP = 'rpmostree';

export function isInitramfsOfTree({ regenerate, etc }: InitramfsRequest): boolean {
  return !regenerate && etc.length === 0;
}

export function readInitramfsRequest(file: KeyFile): InitramfsRequest {
  const regenerate = keyFileBoolean(file, GROUP, 'regenerate-initramfs') ?? false;
  return {
    regenerate,
    args: regenerate ? (keyFileList(file, GROUP, 'initramfs-args') ?? []) : [],
    etc: sortedUnique(keyFileList(file, GROUP, 'initramfs-etc') ?? []),
  };
}

export function writeInitramfsRequest(file: KeyFile, { regenerate, args, etc }: InitramfsRequest): KeyFile {
  const enabled = withKey(file, GROUP, 'regenerate-initramfs', regenerate ? true : null);
  const given = withKey(enabled, GROUP, 'initramfs-args', regenerate && args.length > 0 ? args : null);
  return withKey(given, GROUP, 'initramfs-etc', etc.length === 0 ? null : sortedUnique(etc));
}

/** The request after a command. @throws UserError ALREADY_REQUESTED, NOT_REQUESTED, USAGE */
export function changedInitramfs(before: InitramfsRequest, change: InitramfsChange): InitramfsRequest {
  const after = change.kind === 'etc' ? changedEtc(before, change) : changedRegeneration(before, change);
  if (after.regenerate && after.etc.length > 0)
    throw new UserError(
      'USAGE',
      'an initramfs that is made here and files tracked beside it exclude each other',
      {
        hint: "'yum-ostree initramfs --enable --arg=-I --arg=/etc/FILE' puts a file into it; 'initramfs-etc --untrack-all' tracks none",
      },
    );
  return after;
}

/** Whether the present files are to be taken anew even where the request is as before. */
export function asksAgain(change: InitramfsChange | null): boolean {
  if (change === null) return false;
  return change.kind === 'etc' ? change.forceSync : change.enable;
}

/** The request without what a change asked for, and with what it took back. */
export function undoneInitramfs(
  present: InitramfsRequest,
  { before, after }: { readonly before: InitramfsRequest; readonly after: InitramfsRequest },
): InitramfsRequest {
  const added = after.etc.filter((path) => !before.etc.includes(path));
  const gone = before.etc.filter((path) => !after.etc.includes(path));
  const sameWay = before.regenerate === after.regenerate && before.args.join('\0') === after.args.join('\0');
  const { regenerate, args } = sameWay ? present : before;
  return {
    regenerate,
    args,
    etc: sortedUnique([...present.etc.filter((path) => !added.includes(path)), ...gone]),
  };
}

/** Arguments given again are taken as a wish to have it made again: a file that they name may be another. */
function changedRegeneration(
  before: InitramfsRequest,
  { enable, args }: Extract<InitramfsChange, { kind: 'regenerate' }>,
): InitramfsRequest {
  if (before.regenerate === enable && before.args.length + args.length === 0)
    throw new UserError(
      'ALREADY_REQUESTED',
      `initramfs regeneration state is already ${enable ? 'enabled' : 'disabled'}`,
      { hint: "'yum-ostree status' shows it" },
    );
  return { ...before, regenerate: enable, args: enable ? args : [] };
}

function changedEtc(
  before: InitramfsRequest,
  { track, untrack }: Extract<InitramfsChange, { kind: 'etc' }>,
): InitramfsRequest {
  const outside = track.filter((path) => !isBelowEtc(path));
  if (outside.length > 0)
    throw new UserError('USAGE', `Path outside /etc forbidden: ${outside.join(', ')}`, {
      hint: 'it is written as /etc/NAME, without . and ..',
    });
  const kept = untrack === null ? [] : before.etc.filter((path) => !untrack.includes(path));
  return { ...before, etc: sortedUnique([...kept, ...track]) };
}

function isBelowEtc(path: string): boolean {
  const [first, second, ...names] = path.split('/');
  return (
    first === '' &&
    second === 'etc' &&
    names.length > 0 &&
    names.every((name) => name !== '' && name !== '.' && name !== '..') &&
    !/[\0-\x1f\x7f]/.test(path)
  );
}
