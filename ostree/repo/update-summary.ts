/** `ostree summary --update`: the file `summary` from the repository's refs. */
import { metadataString } from '#ostree/format/commit.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { serialize } from '#ostree/format/gvariant.ts';
import { keyFileBoolean, keyFileString } from '#ostree/format/keyfile.ts';
import { loadCommit, loadMetadataBytes } from '#ostree/repo/objects.ts';
import { listRefs, type Ref } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { bigEndianTime, encodeSummary, type Summary, type SummaryRef } from '#ostree/repo/summary.ts';

export interface SummaryRequest {
  /** Put after what the summary says by itself. */
  readonly metadata?: VariantDict;
  /** Makes the signatures over the file's bytes: what `summary.sig` holds. */
  sign?(bytes: Uint8Array): VariantDict;
}

/**
 * Replaces the summary, and its signature: the old one goes first, so that no reader takes it for the new file's. A crash
 * leaves the old summary, or the new one unsigned.
 */
export function updateSummary(repo: Repo, request: SummaryRequest = {}): void {
  const bytes = encodeSummary(currentSummary(repo, request.metadata ?? []));
  const signatures = request.sign?.(bytes) ?? [];
  const { sys, fd } = repo;
  if (sys.lstat(fd, 'summary.sig') !== null) sys.unlink(fd, 'summary.sig');
  replace(repo, 'summary', bytes);
  if (signatures.length > 0) replace(repo, 'summary.sig', serialize('a{sv}', signatures));
  sys.fsync(fd);
}

/** Whether a change of refs, or a new commit of `ostree commit`, is to be followed by an update. */
export function wantsSummary(repo: Repo, change: 'commit' | 'refs'): boolean {
  const flag = (key: string): boolean => keyFileBoolean(repo.config, 'core', key) ?? false;
  return flag(change === 'refs' ? 'auto-update-summary' : 'commit-update-summary');
}

function currentSummary(repo: Repo, added: VariantDict): Summary {
  const refs = listRefs(repo)
    .filter(({ refspec }) => !refspec.includes(':') && !refspec.startsWith('ostree/'))
    .map((ref) => summaryRef(repo, ref));
  const collection = keyFileString(repo.config, 'core', 'collection-id');
  return { refs, metadata: [...ownMetadata(repo, collection), ...added] };
}

function ownMetadata(repo: Repo, collection: string | null): VariantDict {
  const mode = keyFileString(repo.config, 'core', 'mode') ?? 'bare';
  const tombstones = keyFileBoolean(repo.config, 'core', 'tombstone-commits') ?? false;
  return [
    ['ostree.summary.mode', { type: 's', value: mode }],
    ['ostree.summary.last-modified', { type: 't', value: bigEndianTime(repo.sys.now()) }],
    ['ostree.summary.tombstone-commits', { type: 'b', value: tombstones }],
    ...(collection === null
      ? []
      : ([['ostree.summary.collection-id', { type: 's', value: collection }]] as const)),
  ];
}

function summaryRef(repo: Repo, { refspec, checksum }: Ref): SummaryRef {
  const commit = loadCommit(repo, checksum);
  const version = metadataString(commit, 'version');
  return {
    name: refspec,
    checksum,
    size: loadMetadataBytes(repo, checksum, 'commit').length,
    metadata: [
      ...(version === undefined ? [] : ([['ostree.commit.version', { type: 's', value: version }]] as const)),
      ['ostree.commit.timestamp', { type: 't', value: bigEndianTime(commit.timestamp) }],
    ],
  };
}

function replace({ sys, fd }: Repo, name: string, bytes: Uint8Array): void {
  const temporary = `.${name}-${sys.randomHex(4)}`;
  const file = sys.open(fd, temporary, ['write', 'create', 'exclusive'], 0o644);
  try {
    sys.write(file, bytes);
    sys.fsync(file);
  } finally {
    sys.close(file);
  }
  sys.rename(fd, temporary, fd, name);
}
