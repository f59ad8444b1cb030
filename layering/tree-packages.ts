/** `db list` and `db diff`: the packages of commits, read from their rpm databases in the object store. */
import { digest } from '#native/hash.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { recordedPackages } from '#layering/client-layer.ts';
import { openBaseDatabase } from '#layering/compose-database.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { diffPackages, type PackageDiff } from '#layering/package-diff.ts';
import { newChanges, type ChangelogEntry } from '#layering/rpm-changelog.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { KEY_PACKAGE } from '#layering/solver-input.ts';
import { readDerived } from '#layering/status.ts';
import { rollbackDeployment } from '#bootloader/rollback.ts';

/** A commit under the word that a person uses for it. */
export interface NamedCommit {
  /** `booted deployment`, a ref, a checksum. */
  readonly label: string;
  readonly checksum: Checksum;
}

export interface TreeDiff {
  readonly from: NamedCommit;
  readonly to: NamedCommit;
  readonly diff: PackageDiff;
  /** New changelog entries of upgraded packages, by NEVRA; empty where they were not asked for. */
  readonly changelogs: ReadonlyMap<string, readonly ChangelogEntry[]>;
}

/** The packages of a commit, by name; where it lists them, its tree need not be here. @throws UserError NO_RPMDB */
export function treePackages({ repo }: Sysroot, commit: Checksum): Nevra[] {
  const all = recordedPackages(loadCommit(repo, commit)) ?? databasePackages(repo, commit);
  return all
    .map((one) => [formatNevra(one), one] as const)
    .sort(([a], [b]) => compareBytewise(a, b))
    .map(([, one]) => one);
}

/**
 * The packages of each commit of the first words (none: of what boots next). The first word that is no commit and all after
 * it are names with `*` and `?`, as rpm-ostree takes them.
 * @throws UserError NO_REV, … where such a word matches nothing either
 */
export function listedPackages(
  sysroot: Sysroot,
  words: readonly string[],
): { readonly commit: NamedCommit; readonly packages: readonly Nevra[] }[] {
  const commits: NamedCommit[] = [];
  let notCommit: UserError | null = null;
  for (const word of words) {
    try {
      commits.push(namedCommit(sysroot, word));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      notCommit = error;
      break;
    }
  }
  const patterns = words.slice(commits.length).map(namePattern);
  if (commits.length === 0) commits.push(namedCommit(sysroot, 'pending'));
  const lists = commits.map((commit) => {
    const packages = treePackages(sysroot, commit.checksum);
    return {
      commit,
      packages: packages.filter((one) => patterns.length === 0 || patterns.some((is) => is(one))),
    };
  });
  // Then the word was rather meant for a commit.
  if (notCommit !== null && lists.every(({ packages }) => packages.length === 0)) throw notCommit;
  return lists;
}

/** Of a name, `NAME.ARCH`, `NAME-VERSION`, `NAME-VERSION-RELEASE` or a NEVRA. */
function namePattern(word: string): (one: Nevra) => boolean {
  const source = word
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const pattern = new RegExp(`^${source}$`, 's');
  return (one) => {
    const { name, version, release, arch } = one;
    const texts = [
      name,
      `${name}.${arch}`,
      `${name}-${version}`,
      `${name}-${version}-${release}`,
      formatNevra(one),
    ];
    return texts.some((text) => pattern.test(text));
  };
}

function databasePackages(repo: Repo, commit: Checksum): Nevra[] {
  const database = openBaseDatabase(repo, commit);
  try {
    const all = database.headers().map(({ header }) => nevraOf(header));
    return all.filter(({ name }) => name !== KEY_PACKAGE);
  } finally {
    database.close();
  }
}

/** SHA-256 over the NEVRAs of all packages after their number, `COUNT:HEX`: the same for trees of the same packages. */
export function packagesDigest(packages: readonly Nevra[]): string {
  const lines = packages.map((one) => `${formatNevra(one)}\n`).sort(compareBytewise);
  return `${packages.length}:${digest('sha256', lines.join(''))}`;
}

export function treeDiff(sysroot: Sysroot, { from, to }: DiffSides, changelogs: boolean): TreeDiff {
  const diff = diffPackages(treePackages(sysroot, from.checksum), treePackages(sysroot, to.checksum));
  return {
    from,
    to,
    diff,
    changelogs: changelogs ? changelogsOf(sysroot, { from, to }, diff) : new Map(),
  };
}

export interface DiffSides {
  readonly from: NamedCommit;
  readonly to: NamedCommit;
}

/**
 * Which two commits are compared: those that are named; one alone is compared with the booted (or default) deployment;
 * none: the booted one with the one that boots next, or where that is the same, the rollback with it.
 * @throws UserError NO_DEPLOYMENT where there is no second one
 */
export function diffSides(sysroot: Sysroot, revs: readonly string[]): DiffSides {
  const [first, second] = revs;
  const present = presentDeployment(sysroot);
  if (first !== undefined && second !== undefined)
    return { from: namedCommit(sysroot, first), to: namedCommit(sysroot, second) };
  if (first !== undefined) return { from: labelled(sysroot, present), to: namedCommit(sysroot, first) };
  const [next] = sysroot.deployments;
  if (next !== undefined && next !== present)
    return { from: labelled(sysroot, present), to: labelled(sysroot, next) };
  const rollback = rollbackDeployment(sysroot);
  if (rollback === null)
    throw new UserError('NO_DEPLOYMENT', 'there is only one deployment: nothing to compare it with', {
      hint: "'yum-ostree db diff REV' compares it with a commit",
    });
  return { from: labelled(sysroot, rollback), to: labelled(sysroot, present) };
}

/** The bases of the same trees. */
export function baseSides({ repo }: Sysroot, { from, to }: DiffSides): DiffSides {
  const baseOf = ({ label, checksum }: NamedCommit): NamedCommit => {
    const base = readDerived(loadCommit(repo, checksum))?.baseCommit ?? checksum;
    return base === checksum ? { label, checksum } : { label: `base of ${label}`, checksum: base };
  };
  return { from: baseOf(from), to: baseOf(to) };
}

/** `booted`, `pending`, `rollback`, a deployment's number or `CSUM.N`, a ref or a checksum. @throws UserError NO_REF, … */
export function namedCommit(sysroot: Sysroot, word: string): NamedCommit {
  const deployment = deploymentOf(sysroot, word);
  if (deployment !== null) return labelled(sysroot, deployment);
  return { label: word, checksum: resolveRev(sysroot.repo, word) };
}

function deploymentOf(sysroot: Sysroot, word: string): Deployment | null {
  if (word === 'booted') return sysroot.booted;
  if (word === 'rollback') return rollbackDeployment(sysroot);
  if (word === 'pending') return sysroot.deployments[0] ?? null;
  if (/^[0-9]{1,3}$/.test(word)) return sysroot.deployments[Number(word)] ?? null;
  return sysroot.deployments.find((one) => deploymentName(one) === word) ?? null;
}

function presentDeployment(sysroot: Sysroot): Deployment {
  const present = sysroot.booted ?? sysroot.deployments[0];
  if (present !== undefined) return present;
  throw new UserError('NO_DEPLOYMENT', `nothing is deployed in ${sysroot.path}`);
}

function labelled(sysroot: Sysroot, deployment: Deployment): NamedCommit {
  return { label: `${placeOf(sysroot, deployment)} deployment`, checksum: deployment.checksum };
}

function placeOf(sysroot: Sysroot, deployment: Deployment): string {
  if (deployment.isBooted) return 'booted';
  if (deployment.index === 0) return sysroot.booted === null ? 'default' : 'pending';
  return deployment === rollbackDeployment(sysroot) ? 'rollback' : `number ${deployment.index}`;
}

function changelogsOf(
  sysroot: Sysroot,
  { from, to }: DiffSides,
  { upgraded }: PackageDiff,
): Map<string, readonly ChangelogEntry[]> {
  const [before, after] = [from, to].map(({ checksum }) => openBaseDatabase(sysroot.repo, checksum));
  if (before === undefined || after === undefined) return new Map();
  try {
    const [olds, news] = [before, after].map(
      (database) => new Map(database.headers().map(({ header }) => [formatNevra(nevraOf(header)), header])),
    );
    return new Map(
      upgraded.flatMap((change) => {
        const [old, now] = [olds?.get(formatNevra(change.from)), news?.get(formatNevra(change.to))];
        return old === undefined || now === undefined ? [] : [[formatNevra(change.to), newChanges(old, now)]];
      }),
    );
  } finally {
    before.close();
    after.close();
  }
}
