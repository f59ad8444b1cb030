/** `ostree commit --selinux-policy`: the labels of all that is committed, asked for at once. */
import { AT_FDCWD, S } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import type { CommitModifiers } from '#ostree/repo/commit.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { scanTree } from '#ostree/repo/scan.ts';
import { deployedPolicy } from '#layering/ensure-labels.ts';
import { labelsByRules, type RuleFiles, type Unlabelled } from '#layering/selinux-labels.ts';
import { labelRules } from '#layering/selinux-policy.ts';

/** What `--tree=` named. */
export interface TreeSource {
  readonly kind: string;
  readonly value: string;
}

/**
 * The label of each path of the trees by a policy: that of the root at `root`, or where that is null of the first tree.
 * Undefined where there is none. With epoch 1 the tree's usr/etc is labelled as /etc, with 0 by its own name. @throws UserError BAD_POLICY
 */
export async function treeLabels(
  repo: Repo,
  sources: readonly TreeSource[],
  { root, epoch }: { readonly root: string | null; readonly epoch: number },
): Promise<CommitModifiers['label']> {
  const rules = rulesOf(repo, root === null ? sources[0] : { kind: 'dir', value: root });
  if (rules === null) return undefined;
  const files = new Map<string, Unlabelled>();
  const note = (path: string, mode: number): void => {
    files.set(keyOf(path, mode), { path: epoch === 0 ? path : installedPath(path), mode });
  };
  for (const source of sources) {
    if (source.kind === 'dir') noteDirectory(repo, source.value, note);
    else noteTree(repo, { tree: MutableTree.fromCommit(repo, resolveRev(repo, source.value)), at: '' }, note);
  }
  const labels = await labelsByRules(repo, rules, [...files.values()]);
  const known = new Map([...files.keys()].map((key, index) => [key, labels[index] ?? null]));
  return (path, mode) => {
    const label = known.get(keyOf(path, mode)) ?? null;
    return label === null ? null : utf8Bytes(`${label}\0`);
  };
}

function rulesOf(repo: Repo, from: TreeSource | undefined): RuleFiles | null {
  if (from === undefined) return null;
  if (from.kind === 'dir') {
    if (repo.sys.stat(AT_FDCWD, from.value) === null)
      throw new UserError('NO_FILE', `SELinux policy of ${from.value}: No such file or directory`);
    return deployedPolicy(repo.sys, from.value)?.rules ?? null;
  }
  const read = (checksum: Parameters<typeof loadContent>[1]): Uint8Array =>
    loadContent(repo, checksum).read();
  const rules = labelRules(MutableTree.fromCommit(repo, resolveRev(repo, from.value)), read);
  return rules === null ? null : [...rules].map(([name, checksum]) => [name, read(checksum)] as const);
}

type Note = (path: string, mode: number) => void;

function noteDirectory({ sys }: Repo, path: string, note: Note): void {
  const fd = sys.open(AT_FDCWD, path, ['read', 'directory']);
  try {
    const paths: string[] = [];
    note('/', S.IFDIR);
    for (const { parent, name, mode } of scanTree(sys, { dir: fd, path: '.' }, 'none')) {
      const at = `${parent < 0 ? '' : (paths[parent] ?? '')}/${name}`;
      paths.push(at);
      note(at, mode);
    }
  } finally {
    sys.close(fd);
  }
}

function noteTree(
  repo: Repo,
  { tree, at }: { readonly tree: MutableTree; readonly at: string },
  note: Note,
): void {
  note(at === '' ? '/' : at, S.IFDIR);
  for (const [name, entry] of tree.entries()) {
    const path = `${at}/${name}`;
    if (entry.kind === 'directory') noteTree(repo, { tree: entry.tree, at: path }, note);
    else note(path, loadContent(repo, entry.checksum).meta.mode);
  }
}

/** The tree's `usr/etc` is /etc where it runs. */
function installedPath(path: string): string {
  return path === '/usr/etc' || path.startsWith('/usr/etc/') ? path.slice('/usr'.length) : path;
}

function keyOf(path: string, mode: number): string {
  return `${mode & S.IFMT} ${path}`;
}
