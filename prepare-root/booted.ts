/** `/run/ostree-booted`: how the system was booted, for the tools that run in it. */
import { serialize, type Variant } from '#ostree/format/gvariant.ts';

export const BOOTED_PATH = '/run/ostree-booted';

export interface BootedFacts {
  /** st_dev and st_ino of the deployment's directory. */
  readonly device: number;
  readonly inode: number;
  /** Whether the physical root is mounted read-only. */
  readonly sysrootReadonly: boolean;
  /** The folder of `/etc`'s upper layer; null where `/etc` is kept. */
  readonly transientEtc: string | null;
}

/** The file's bytes: a GVariant `a{sv}`, keys in ostree's order. */
export function bootedRecord(facts: BootedFacts): Uint8Array {
  const entries: (readonly [string, Variant])[] = [
    ['backing-root-device-inode', { type: '(tt)', value: [BigInt(facts.device), BigInt(facts.inode)] }],
    ['root.transient', boolean(false)],
    ['root.transient-ro', boolean(false)],
    ['sysroot-ro', boolean(facts.sysrootReadonly)],
  ];
  if (facts.transientEtc !== null) entries.push(['transient-etc', { type: 's', value: facts.transientEtc }]);
  return serialize('a{sv}', entries);
}

function boolean(value: boolean): Variant {
  return { type: 'b', value };
}
