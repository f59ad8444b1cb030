/** Users and groups that a tree adds, brought into an /etc that has its own: by lines, as the shadow tools would. */
import type { Fd, Syscalls } from '#native/syscalls.ts';
import { utf8Text } from '#ostree/format/utf8.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { temporaryOf, type LiveStep } from '#layering/live-plan.ts';
import { addedEntries, appendEntries } from '#layering/users.ts';

const FILES = ['passwd', 'group', 'shadow', 'gshadow'];
const SHADOWS: Readonly<Record<string, string>> = { 'etc/passwd': 'etc/shadow', 'etc/group': 'etc/gshadow' };
const TAKEN_IN = Object.keys(SHADOWS);
/** What lckpwdf(3) locks. */
const LOCK = 'etc/.pwd.lock';

export interface UserTrees {
  readonly repo: Repo;
  readonly root: Fd;
  readonly before: readonly MutableTree[];
  readonly after: MutableTree;
}

export interface UserPlan {
  readonly steps: readonly Extract<LiveStep, { op: 'entries' }>[];
  /** Whom an id is missing for: a line each, for people. */
  readonly missing: readonly string[];
}

/**
 * For each of those files that is not the tree's any more, the lines that the new tree's has beside the old one's. Who has
 * an id there that is somebody else's here is left out: files would belong to both.
 */
export function userPlan(trees: UserTrees, others: readonly string[]): UserPlan {
  const steps = userSteps(trees, others);
  const taken = steps.flatMap(({ path, lines }) =>
    TAKEN_IN.includes(path) ? takenIds(trees.repo.sys.readText(trees.root, path) ?? '', path, lines) : [],
  );
  const without = steps.map((step) => ({
    ...step,
    lines: step.lines.filter(
      (line) => !taken.some(({ name, of }) => of.includes(step.path) && name === nameOf(line)),
    ),
  }));
  return {
    steps: without.filter(({ lines }) => lines.length > 0),
    missing: taken.map(
      ({ name, id, by, of }) =>
        `${name} was not added to /${of[0] ?? ''}: its id ${id} is that of ${by} there`,
    ),
  };
}

interface TakenId {
  readonly name: string;
  readonly id: string;
  readonly by: string;
  /** The file, and the one with the passwords for it. */
  readonly of: readonly string[];
}

function takenIds(local: string, path: string, lines: readonly string[]): TakenId[] {
  const owners = new Map(local.split('\n').map((line) => [idOf(line), nameOf(line)]));
  return lines.flatMap((line) => {
    const [name, id] = [nameOf(line), idOf(line)];
    const by = owners.get(id);
    return by === undefined ? [] : [{ name, id, by, of: [path, SHADOWS[path] ?? ''] }];
  });
}

function nameOf(line: string): string {
  return line.split(':')[0] ?? '';
}

function idOf(line: string): string {
  return line.split(':')[2] ?? '';
}

function userSteps(trees: UserTrees, others: readonly string[]): Extract<LiveStep, { op: 'entries' }>[] {
  return FILES.filter((name) => others.includes(`/etc/${name}`)).flatMap((name) => {
    const path = `etc/${name}`;
    const old = trees.before.map((tree) => textIn(trees.repo, tree, `usr/${path}`)).join('\n');
    const local = trees.repo.sys.readText(trees.root, path);
    if (local === null) return [];
    const lines = addedEntries(`${old}\n${local}`, textIn(trees.repo, trees.after, `usr/${path}`));
    return lines.length === 0 ? [] : [{ op: 'entries' as const, path, lines }];
  });
}

/** Under the lock of the shadow tools; a new file with the old one's owner, mode and label takes its place. */
export function addEntries(
  sys: Syscalls,
  root: Fd,
  { path, lines }: { readonly path: string; readonly lines: readonly string[] },
): void {
  const lock = sys.open(root, LOCK, ['write', 'create', 'nofollow'], 0o600);
  try {
    sys.lock(lock, 'exclusive', true);
    const text = sys.readText(root, path) ?? '';
    const missing = addedEntries(text, lines.join('\n'));
    if (missing.length > 0) replaceLike(sys, root, { path, text: appendEntries(text, missing) });
  } finally {
    sys.close(lock);
  }
}

function replaceLike(sys: Syscalls, root: Fd, file: { readonly path: string; readonly text: string }): void {
  const stat = sys.stat(root, file.path);
  const temporary = temporaryOf(file.path);
  const fd = sys.open(root, temporary, ['write', 'create', 'truncate', 'nofollow'], 0o600);
  try {
    sys.write(fd, file.text);
    sys.fchown(fd, stat?.uid ?? 0, stat?.gid ?? 0);
    sys.fchmod(fd, (stat?.mode ?? 0o600) & 0o7777);
    for (const { name, value } of sys.xattrs(root, file.path)) sys.setXattr(root, temporary, name, value);
    sys.fsync(fd);
  } finally {
    sys.close(fd);
  }
  sys.rename(root, temporary, root, file.path);
}

function textIn(repo: Repo, tree: MutableTree, path: string): string {
  const entry = tree.get(path);
  return entry?.kind === 'file' ? (utf8Text(loadContent(repo, entry.checksum).read()) ?? '') : '';
}
