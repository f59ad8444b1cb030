/** The text of `/run/ostree/staged-deployment`: an `a{sv}` in the machine's byte order, little-endian. */
import { parseChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import { parse, serialize, type Variant, type VariantDict } from '#ostree/format/gvariant.ts';

/** A deployment as the state names it. */
export interface StagedName {
  /** `CSUM.N` */
  readonly name: string;
  readonly stateroot: string;
  readonly bootcsum: Checksum;
}

export interface StagedState {
  readonly target: StagedName;
  /** Whose changes of /etc are carried over. */
  readonly merge: StagedName | null;
  /** Null: those of the merge deployment. */
  readonly kargs: readonly string[] | null;
  /** Checksums of files in `/run/ostree/staged-initrds`. */
  readonly overlayInitrds: readonly string[];
  /** Not to be finished at shutdown until this is taken back. */
  readonly isLocked: boolean;
  /** Keys that are not known here, which stay as they are. */
  readonly others: VariantDict;
}

const KNOWN = ['target', 'merge-deployment', 'kargs', 'overlay-initrds', 'locked'];

/** @throws UserError BAD_GVARIANT, BAD_STAGED */
export function parseStaged(bytes: Uint8Array): StagedState {
  const dict = parse('a{sv}', bytes) as unknown as VariantDict;
  const target = parseName(dict, 'target');
  if (target === null) throw badStaged(`it has no 'target'`);
  return {
    target,
    merge: parseName(dict, 'merge-deployment'),
    kargs: (lookupVariant(dict, 'kargs', 'as') as string[] | undefined) ?? null,
    overlayInitrds: (lookupVariant(dict, 'overlay-initrds', 'as') as string[] | undefined) ?? [],
    isLocked: lookupVariant(dict, 'locked', 'b') === true,
    others: dict.filter(([key]) => !KNOWN.includes(key)),
  };
}

/** As ostree writes it: a key whose value says nothing is left out. */
export function formatStaged(state: StagedState): Uint8Array {
  const { target, merge, kargs, overlayInitrds, isLocked, others } = state;
  const entries: (readonly [string, Variant] | null)[] = [
    ['target', formatName(target)],
    merge === null ? null : ['merge-deployment', formatName(merge)],
    kargs === null ? null : ['kargs', { type: 'as', value: kargs }],
    overlayInitrds.length === 0 ? null : ['overlay-initrds', { type: 'as', value: overlayInitrds }],
    isLocked ? ['locked', { type: 'b', value: true }] : null,
  ];
  const dict = [...entries.filter((entry) => entry !== null), ...others];
  return serialize('a{sv}', dict);
}

function formatName({ name, stateroot, bootcsum }: StagedName): Variant {
  const text = (value: string): Variant => ({ type: 's', value });
  const dict = [
    ['name', text(name)],
    ['osname', text(stateroot)],
    ['bootcsum', text(bootcsum)],
  ];
  return { type: 'a{sv}', value: dict };
}

function parseName(dict: VariantDict, key: string): StagedName | null {
  const found = lookupVariant(dict, key, 'a{sv}') as unknown as VariantDict | undefined;
  if (found === undefined) return null;
  const text = (name: string): string => {
    const value = lookupVariant(found, name, 's');
    if (typeof value !== 'string') throw badStaged(`its '${key}' has no '${name}'`);
    return value;
  };
  return { name: text('name'), stateroot: text('osname'), bootcsum: parseChecksum(text('bootcsum')) };
}

function badStaged(why: string): UserError {
  return new UserError('BAD_STAGED', why);
}
