/** Files on disk that have no SELinux label get the one that a deployment's policy gives them. */
import { AT_FDCWD, S, type Stat, type Syscalls } from '#native/syscalls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { devinoCache, type DevinoCache } from '#ostree/repo/devino.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { LABEL } from '#layering/label-attribute.ts';
import { labelsByRules, type RuleFiles } from '#layering/selinux-labels.ts';
import { policyType, RULE_FILES } from '#layering/selinux-policy.ts';

export interface DeployedPolicy {
  readonly name: string;
  readonly rules: RuleFiles;
}

/** A directory and what is in it. */
export interface LabelledTree {
  readonly path: string;
  /** Where the policy finds it, without a leading `/`; '' for a root. */
  readonly prefix: string;
}

export interface EnsuredLabels {
  readonly labelled: readonly { readonly path: string; readonly as: string; readonly label: string }[];
  /** Files without a label that are hardlinks of objects of the repository, which one must not write to. */
  readonly shared: number;
}

/** The policy of the root at `root`; null where SELinux is off there. @throws UserError BAD_POLICY */
export function deployedPolicy(sys: Syscalls, root: string): DeployedPolicy | null {
  const base = ['etc/selinux', 'usr/etc/selinux']
    .map((directory) => `${root}/${directory}`)
    .find((directory) => sys.stat(AT_FDCWD, directory) !== null);
  const name = base === undefined ? null : policyType(sys.readText(AT_FDCWD, `${base}/config`) ?? '');
  if (base === undefined || name === null) return null;
  const directory = `${base}/${name}/contexts/files`;
  const found = RULE_FILES.map((file) => [file, `${directory}/${file}`] as const).filter(
    ([, file]) => sys.stat(AT_FDCWD, file) !== null,
  );
  if (found[0]?.[0] !== RULE_FILES[0])
    throw new UserError(
      'BAD_POLICY',
      `the SELinux policy '${name}' has no ${directory}/${RULE_FILES[0] ?? ''}`,
    );
  return { name, rules: found.map(([file, path]) => [file, sys.readFile(AT_FDCWD, path)]) };
}

/**
 * Labels stay where there are any. A crash leaves some files without: the next call goes on.
 * @throws UserError BAD_POLICY
 */
export async function ensureLabels(
  repo: Repo,
  { rules }: DeployedPolicy,
  { path, prefix }: LabelledTree,
): Promise<EnsuredLabels> {
  const walk: Walk = { sys: repo.sys, objects: lazyObjects(repo), found: [], shared: 0 };
  visit(walk, { path, as: `/${prefix}` });
  const labels = await labelsByRules(
    repo,
    rules,
    // libselinux gives no label to /proc itself: it is mounted over.
    walk.found.map(({ as, mode }) => ({ path: as === '/proc' ? '/mnt' : as, mode })),
  );
  const labelled = walk.found.flatMap(({ path: file, as }, at) => {
    const label = labels[at] ?? null;
    return label === null ? [] : [{ path: file, as, label }];
  });
  for (const { path: file, label } of labelled)
    during(`Setting context of ${file}`, () =>
      repo.sys.setXattr(AT_FDCWD, file, LABEL, new Uint8Array(Buffer.from(`${label}\0`))),
    );
  return { labelled, shared: walk.shared };
}

interface Walk {
  readonly sys: Syscalls;
  objects(): DevinoCache;
  readonly found: { readonly path: string; readonly as: string; readonly mode: number }[];
  shared: number;
}

function visit(walk: Walk, place: { readonly path: string; readonly as: string }): void {
  const { sys } = walk;
  const stat = sys.lstat(AT_FDCWD, place.path);
  if (stat === null) throw new UserError('NO_FILE', `there is no file '${place.path}'`);
  const isDirectory = (stat.mode & S.IFMT) === S.IFDIR;
  const hasLabel = sys.xattrs(AT_FDCWD, place.path).some(({ name }) => name === LABEL);
  if (!hasLabel && !isDirectory && isShared(walk, stat)) walk.shared++;
  else if (!hasLabel) walk.found.push({ ...place, mode: stat.mode });
  if (!isDirectory) return;
  for (const { name } of sys.readdir(AT_FDCWD, place.path))
    visit(walk, { path: `${place.path}/${name}`, as: place.as === '/' ? `/${name}` : `${place.as}/${name}` });
}

function isShared(walk: Walk, { nlink, dev, ino }: Stat): boolean {
  return nlink > 1 && walk.objects().get(dev, ino) !== null;
}

/** Only where there is a hardlink the repository is looked through. */
function lazyObjects(repo: Repo): () => DevinoCache {
  let known: DevinoCache | null = null;
  return () => (known ??= devinoCache(repo));
}
