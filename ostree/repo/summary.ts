/** The `summary` file: which refs a repository has, `(a(s(taya{sv}))a{sv})`. */
import { checksumBytes, checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import { during } from '#ostree/format/errors.ts';
import { parse, serialize, swap64, type GValue, type VariantDict } from '#ostree/format/gvariant.ts';

export const SUMMARY_TYPE = '(a(s(taya{sv}))a{sv})';

export interface SummaryRef {
  readonly name: string;
  readonly checksum: Checksum;
  /** Bytes of the commit object. */
  readonly size: number;
  readonly metadata: VariantDict;
}

export interface Summary {
  /** Sorted by name. */
  readonly refs: readonly SummaryRef[];
  readonly metadata: VariantDict;
}

/** @throws UserError BAD_GVARIANT, BAD_CHECKSUM */
export function decodeSummary(bytes: Uint8Array): Summary {
  return during('reading the summary', () => {
    const [refs, metadata] = parse(SUMMARY_TYPE, bytes) as [GValue[], VariantDict];
    return { refs: refs.map(decodeRef), metadata };
  });
}

export function encodeSummary({ refs, metadata }: Summary): Uint8Array {
  return serialize(SUMMARY_TYPE, [refs.map(encodeRef), metadata]);
}

/** The refs of collections beside the summary's own: `ostree.summary.collection-map`. */
export function collectionRefs(summary: Summary): ReadonlyMap<string, readonly SummaryRef[]> {
  const map = lookupVariant(summary.metadata, 'ostree.summary.collection-map', 'a{sa(s(taya{sv}))}');
  const entries = (map ?? []) as [string, GValue[]][];
  return new Map(entries.map(([collection, refs]) => [collection, refs.map(decodeRef)]));
}

export function encodeRef({ name, checksum, size, metadata }: SummaryRef): GValue {
  return [name, [BigInt(size), checksumBytes(checksum), metadata]];
}

/** A time as the summary keeps it, big-endian. */
export function bigEndianTime(seconds: number): bigint {
  return swap64(BigInt(seconds));
}

function decodeRef(value: GValue): SummaryRef {
  const [name, [size, checksum, metadata]] = value as [string, [bigint, Uint8Array, VariantDict]];
  return { name, checksum: checksumFromBytes(checksum), size: Number(size), metadata };
}
