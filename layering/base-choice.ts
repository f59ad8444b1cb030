/** Which base a change starts from, and with which requests: the present one, a newer one, another, an older one. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { isChecksum } from '#ostree/format/checksum.ts';
import { metadataString, type Commit } from '#ostree/format/commit.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { formatRefspec, isRefName, parseRefspec, type Refspec } from '#ostree/format/ref-name.ts';
import { loadCommit, loadCommitIfThere } from '#ostree/repo/objects.ts';
import { refuseOlder } from '#ostree/repo/pull-remote.ts';
import { readRef, resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { completeBase, fetchBase, type BaseFetch } from '#layering/base-content.ts';
import { withFacts } from '#layering/change-facts.ts';
import type { LayerOrigin } from '#layering/layer-origin.ts';
import type { RepositoryRequest } from '#layering/open-repositories.ts';
import { readStatus } from '#layering/status.ts';
import type { System } from '#layering/system.ts';
import { splitBase } from '#layering/tree-name-reading.ts';
import { withoutRemote } from '#layering/tree-name.ts';

export type BaseChoice =
  | { readonly kind: 'present' }
  /** The newest commit of the base's ref. */
  | { readonly kind: 'newest'; readonly allowDowngrade: boolean; readonly retryFailed: boolean }
  /** A ref with the present requests, or the name of a derived tree: then what that says. */
  | {
      readonly kind: 'switch';
      readonly name: string;
      /** A commit of the ref, as `deploy` has it; null: the newest. */
      readonly revision: string | null;
      readonly allowDowngrade: boolean;
    }
  /** A commit of the base's ref: a checksum or its beginning, `version=V`, `revision=C`, or a version. */
  | { readonly kind: 'deploy'; readonly revision: string; readonly allowDowngrade: boolean }
  /** The present one, without what a change of the history did. */
  | { readonly kind: 'undo'; readonly id: number };

export interface BaseOptions extends RepositoryRequest, BaseFetch {
  readonly base: BaseChoice;
}

/** Generations of older commits that are fetched at first; then twice as many each time. */
const FIRST_DEPTH = 16;

export interface ChosenBase {
  readonly commit: Checksum;
  /** The requests that the change starts from. */
  readonly origin: LayerOrigin;
}

/** What is needed of the commit is here afterwards. @throws UserError NO_REV, OLDER_COMMIT, USAGE, NOT_CACHED, and of the pull */
export async function chooseBase(system: System, options: BaseOptions): Promise<ChosenBase> {
  const chosen = await choose(system, options);
  if ('allowDowngrade' in options.base && !options.base.allowDowngrade)
    refuseOlder(namedCommit(system, system.baseCommit), namedCommit(system, chosen.commit));
  await completeBase(system, options, { base: chosen.origin.base, commit: chosen.commit });
  return chosen;
}

function namedCommit({ sysroot }: System, checksum: Checksum): { checksum: Checksum; commit: Commit } {
  return { checksum, commit: loadCommit(sysroot.repo, checksum) };
}

async function choose(system: System, options: BaseOptions): Promise<ChosenBase> {
  const { base } = options;
  switch (base.kind) {
    case 'present':
      return { commit: system.baseCommit, origin: system.origin };
    case 'newest':
      return newestBase(system, options);
    case 'switch':
      return base.revision === null
        ? switchedBase(system, options, base.name)
        : revisionOf(system, options, { name: base.name, revision: base.revision });
    case 'deploy':
      return revisionOf(system, options, { name: null, revision: base.revision });
    case 'undo':
      return undoneBase(system, base.id);
    default:
      return base satisfies never;
  }
}

async function newestBase(system: System, options: BaseOptions): Promise<ChosenBase> {
  const origin = { ...system.origin, overrideCommit: null };
  await fetchBase(system, options, { base: origin.base });
  return { commit: resolveRev(system.sysroot.repo, origin.base), origin };
}

/** A commit of the present ref, or of another one (`name`). */
async function revisionOf(
  system: System,
  options: BaseOptions,
  { name, revision }: { readonly name: string | null; readonly revision: string },
): Promise<ChosenBase> {
  const { repo } = system.sysroot;
  const [, kind, value = revision] = /^(version|revision)=(.+)$/.exec(revision) ?? [];
  const ref = name === null ? null : refspecFor(system, name);
  if (name !== null && ref === null)
    throw new UserError('USAGE', `'${name}' is no ref, so that it has no revision '${revision}'`);
  const base = ref === null ? system.origin.base : formatRefspec(ref);
  const isWhole = kind !== 'version' && isChecksum(value);
  // Which commit it is has to be known before more of it is fetched.
  await fetchBase(system, isWhole ? options : { ...options, part: 'commit' }, {
    base,
    ...(isWhole ? { commit: value } : {}),
  });
  const commit = kind === 'version' ? null : checksumOf(repo, value);
  const found =
    commit ?? (kind === 'revision' ? null : await commitOfVersion(system, options, { base, version: value }));
  if (found === null)
    throw new UserError('NO_REV', `${base} has no commit '${revision}' here`, {
      hint: "'ostree log REF' lists its commits; a checksum of the remote is pulled",
    });
  return { commit: found, origin: { ...system.origin, base, overrideCommit: found } };
}

/** The base goes back too where the change brought the present one. */
async function undoneBase(system: System, id: number): Promise<ChosenBase> {
  const { readHistory, recordOf, undoneRequests } = await import('#layering/history.ts');
  const record = recordOf(readHistory(system.historyPath), id);
  const origin = undoneRequests(system.origin, record);
  const { baseBefore, baseAfter, before } = record;
  if (baseBefore === baseAfter || system.baseCommit !== baseAfter)
    return { commit: system.baseCommit, origin };
  if (loadCommitIfThere(system.sysroot.repo, baseBefore) === null)
    throw new UserError('NO_REV', `the base before change ${id}, ${baseBefore}, is no longer here`, {
      hint: "'yum-ostree deploy' takes another commit of the ref",
    });
  return { commit: baseBefore, origin: { ...origin, base: before.base, overrideCommit: baseBefore } };
}

function checksumOf(repo: Repo, text: string): Checksum | null {
  if (!/^[0-9a-f]{6,64}$/.test(text)) return null;
  try {
    const checksum = resolveRev(repo, text);
    loadCommit(repo, checksum);
    return checksum;
  } catch (error) {
    if (codeOf(error) === 'NO_REV' || codeOf(error) === 'NO_OBJECT') return null;
    throw error;
  }
}

/** The newest commit of the ref's history with this version; of a remote, older commits are fetched until it is found. */
async function commitOfVersion(
  system: System,
  options: BaseOptions,
  { base, version }: { readonly base: string; readonly version: string },
): Promise<Checksum | null> {
  const { repo } = system.sysroot;
  let at: Checksum | null = resolveRev(repo, base);
  let depth = FIRST_DEPTH;
  while (at !== null) {
    let commit = loadCommitIfThere(repo, at);
    if (commit === null) {
      await fetchBase(system, { ...options, part: 'commit' }, { base, depth });
      depth *= 2;
      commit = loadCommitIfThere(repo, at);
      // The remote does not keep it, or this run may not ask.
      if (commit === null) return null;
    }
    if (metadataString(commit, 'version') === version) return at;
    at = commit.parent;
  }
  return null;
}

async function switchedBase(system: System, options: BaseOptions, name: string): Promise<ChosenBase> {
  const recorded = recordedTree(system, name);
  if (recorded !== null) return { commit: recorded.commit, origin: recorded.origin };
  const { repo } = system.sysroot;
  if (isChecksum(name)) return { commit: resolveRev(repo, name), origin: rebased(system, name) };
  const [whole, ...shorter] = splitBase(name);
  const ref = whole === undefined ? null : refspecFor(system, whole.base);
  const isHere = ref !== null && readRef(repo, formatRefspec(ref)) !== null;
  const split = isHere ? [] : shorter.flatMap(({ base, suffix }) => knownBase(system, base, suffix) ?? []);
  if (split.length > 0) return namedTree(system, options, { name, split });
  if (ref === null)
    throw new UserError('NO_REV', `'${name}' is neither a ref nor the name of a tree`, {
      hint: "'ostree refs' lists the refs; a name is BASE+@group+package-removed",
    });
  const refspec = formatRefspec(ref);
  if (refspec === system.origin.base && system.origin.overrideCommit === null)
    throw new UserError('USAGE', `Old and new refs are equal: ${refspec}`, {
      hint: "'yum-ostree upgrade' takes its newest commit, 'yum-ostree reset' drops the layers",
    });
  await fetchBase(system, options, { base: refspec });
  return { commit: resolveRev(repo, refspec), origin: rebased(system, refspec) };
}

/** The present requests on another base. */
function rebased({ origin }: System, base: string): LayerOrigin {
  return { ...origin, base, overrideCommit: null };
}

/** A deployment of that very name: its requests, on the newest commit of its base. */
function recordedTree({ sysroot, stateroot }: System, name: string): ChosenBase | null {
  const wanted = withoutRemote(name);
  for (const { treeName, request, baseCommit } of readStatus(sysroot, stateroot)) {
    if (treeName !== wanted || request === null || wanted === withoutRemote(request.base)) continue;
    const isThere = !isChecksum(request.base) && readRef(sysroot.repo, request.base) !== null;
    const commit =
      isThere && request.overrideCommit === null ? resolveRev(sysroot.repo, request.base) : baseCommit;
    return { commit, origin: request };
  }
  return null;
}

interface SplitName {
  readonly refspec: string;
  readonly commit: Checksum;
  readonly suffix: string;
}

function knownBase(system: System, base: string, suffix: string): SplitName | null {
  const ref = refspecFor(system, base);
  const refspec = ref === null ? null : formatRefspec(ref);
  const commit = refspec === null ? null : readRef(system.sysroot.repo, refspec);
  return refspec === null || commit === null ? null : { refspec, commit, suffix };
}

/** `REF` is of the present remote where that has it, else local; `REMOTE:` is the present ref of another remote. */
function refspecFor({ origin, sysroot }: System, text: string): Refspec | null {
  const present = isChecksum(origin.base) ? null : parseRefspec(origin.base);
  if (text.endsWith(':')) return present === null ? null : parseRefspec(`${text}${present.ref}`);
  if (text.includes(':')) return isRefName(text.slice(text.indexOf(':') + 1)) ? parseRefspec(text) : null;
  if (!isRefName(text)) return null;
  const local = parseRefspec(text);
  if (present === null || present.remote === null) return local;
  const remote = { ...local, remote: present.remote };
  return readRef(sysroot.repo, formatRefspec(remote)) === null && readRef(sysroot.repo, text) !== null
    ? local
    : remote;
}

/** The one way to read the name. @throws UserError USAGE where there is none, or several */
async function namedTree(
  system: System,
  options: BaseOptions,
  { name, split }: { readonly name: string; readonly split: readonly SplitName[] },
): Promise<ChosenBase> {
  const { readingsOf } = await import('#layering/name-readings.ts');
  const found: { base: SplitName; origin: LayerOrigin; shown: string }[] = [];
  for (const base of split) {
    await completeBase(system, options, { base: base.refspec, commit: base.commit });
    const readings = await withFacts(system, base.commit, (facts) =>
      readingsOf({ system, facts, suffix: base.suffix }, options),
    );
    for (const { origin, shown } of readings)
      found.push({ base, origin: { ...origin, base: base.refspec }, shown: `${base.refspec} ${shown}` });
  }
  const [only, second] = found;
  if (only !== undefined && second === undefined) return { commit: only.base.commit, origin: only.origin };
  if (only === undefined)
    throw new UserError(
      'USAGE',
      `'${name}' cannot be read: not every part of it is a known package or group`,
      {
        hint: `bases that it may begin with: ${split.map(({ refspec }) => refspec).join(', ')}`,
      },
    );
  throw new UserError(
    'USAGE',
    `'${name}' can be read in several ways: ${found.map(({ shown }) => shown).join('; ')}`,
    { hint: "'yum-ostree switch BASE' and 'yum-ostree install ITEM…' say which" },
  );
}
