import { checksumBytes, checksumFromBytes, type Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  parse,
  serialize,
  swap64,
  type GValue,
  type Variant,
  type VariantDict,
} from '#ostree/format/gvariant.ts';

const COMMIT_TYPE = '(a{sv}aya(say)sstayay)';

export interface Commit {
  readonly metadata: VariantDict;
  readonly parent: Checksum | null;
  readonly subject: string;
  readonly body: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  /** The root directory's dirtree and dirmeta. */
  readonly rootContents: Checksum;
  readonly rootMeta: Checksum;
}

/** The commit object, `(a{sv}aya(say)sstayay)`; the timestamp is stored big-endian. */
export function encodeCommit(commit: Commit): Uint8Array {
  return serialize(COMMIT_TYPE, [
    commit.metadata,
    commit.parent === null ? new Uint8Array(0) : checksumBytes(commit.parent),
    [],
    commit.subject,
    commit.body,
    swap64(BigInt(commit.timestamp)),
    checksumBytes(commit.rootContents),
    checksumBytes(commit.rootMeta),
  ]);
}

/** @throws UserError BAD_GVARIANT or BAD_OBJECT */
export function decodeCommit(bytes: Uint8Array): Commit {
  const [metadata, parent, , subject, body, timestamp, contents, meta] = parse(COMMIT_TYPE, bytes) as [
    VariantDict,
    Uint8Array,
    GValue,
    string,
    string,
    bigint,
    Uint8Array,
    Uint8Array,
  ];
  const unsigned = swap64(timestamp);
  // As ostree reads it: times before 1970 are negative.
  const seconds = unsigned > 0x7fffffffffffffffn ? unsigned - 0x10000000000000000n : unsigned;
  if (seconds > 0xffffffffffffn || seconds < -0xffffffffffffn)
    throw new UserError('BAD_OBJECT', `a commit has the timestamp ${String(seconds)}`);
  return {
    metadata,
    parent: parent.length === 0 ? null : checksumFromBytes(parent),
    subject,
    body,
    timestamp: Number(seconds),
    rootContents: checksumFromBytes(contents),
    rootMeta: checksumFromBytes(meta),
  };
}

/** The value of one key of an `a{sv}`, where it is there and has that type. */
export function lookupVariant(dict: VariantDict, key: string, type: string): GValue | undefined {
  const found: Variant | undefined = dict.find(([name]) => name === key)?.[1];
  return found !== undefined && found.type === type ? found.value : undefined;
}

/** A string of the commit's metadata, e.g. `version`. */
export function metadataString(commit: Commit, key: string): string | undefined {
  return lookupVariant(commit.metadata, key, 's') as string | undefined;
}
