/** `/run/ostree-booted`: how the system was booted, for the tools that run in it. */
import { serialize, type Variant } from '#ostree/format/gvariant.ts';

export const BOOTED_PATH = '/run/ostree-booted';

export interface BootedFacts {
  /** st_dev and st_ino of the deployment's directory. */
  readonly device: number;
  readonly inode: number;
  /** Whether `/` forgets its changes at shutdown, or has a place in memory but is mounted read-only. */
  readonly rootTransient: 'no' | 'yes' | 'readonly';
  /** null where the deployment itself is the root, and no composefs image. */
  readonly composefs: BootedImage | null;
  /** Whether the physical root is mounted read-only. */
  readonly sysrootReadonly: boolean;
  /** The folder of `/etc`'s upper layer; null where `/etc` is kept. */
  readonly transientEtc: string | null;
}

export interface BootedImage {
  /** Every file's content must have the fs-verity digest that the image names. */
  readonly verity: boolean;
  /** The file with the keys of which one has signed the commit; null where that was not asked for. */
  readonly signedBy: string | null;
}

/** The file's bytes: a GVariant `a{sv}`, keys in ostree's order: a soft reboot has the last two `'etc first'`. */
export function bootedRecord(
  facts: BootedFacts,
  order: 'sysroot first' | 'etc first' = 'sysroot first',
): Uint8Array {
  const { composefs, transientEtc } = facts;
  const signedBy = composefs?.signedBy ?? null;
  const entries: (readonly [string, Variant])[] = [
    ['backing-root-device-inode', { type: '(tt)', value: [BigInt(facts.device), BigInt(facts.inode)] }],
    ['root.transient', boolean(facts.rootTransient !== 'no')],
    ['root.transient-ro', boolean(facts.rootTransient === 'readonly')],
  ];
  if (signedBy !== null) entries.push(['composefs.signed', text(signedBy)]);
  if (composefs !== null)
    entries.push(['composefs', boolean(true)], ['composefs.verity', boolean(composefs.verity)]);
  const sysroot: readonly [string, Variant] = ['sysroot-ro', boolean(facts.sysrootReadonly)];
  if (transientEtc === null) entries.push(sysroot);
  else {
    const etc: readonly [string, Variant] = ['transient-etc', text(transientEtc)];
    entries.push(...(order === 'etc first' ? [etc, sysroot] : [sysroot, etc]));
  }
  return serialize('a{sv}', entries);
}

function boolean(value: boolean): Variant {
  return { type: 'b', value };
}

function text(value: string): Variant {
  return { type: 's', value };
}
