/** What a merge of /etc would do, without doing it: read from the repository, so that nothing need be deployed. */
import type { Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { loadDirtree } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { localChanges } from '#ostree/sysroot/apply-etc.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import {
  EMPTY_ETC,
  tryEtcMerge,
  type EtcConflict,
  type EtcDiff,
  type EtcDirectory,
  type EtcNode,
} from '#ostree/sysroot/merge-etc.ts';
import { subtree } from '#ostree/sysroot/subtree.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export interface EtcPreview {
  readonly diff: EtcDiff;
  /** Modified files that stay as they are locally, though their default changes. */
  readonly shadowed: readonly string[];
  /** Each of these makes the deploy fail. */
  readonly conflicts: readonly EtcConflict[];
}

/** The merge of the /etc of a deployment into the defaults of a commit. @throws UserError NO_OBJECT */
export function previewEtc(sysroot: Sysroot, merge: Deployment, commit: Checksum): EtcPreview {
  const { sys, fd, repo } = sysroot;
  const farm: Fd = sys.open(fd, deploymentPath(merge), ['read', 'directory', 'nofollow']);
  try {
    const { diff, local } = localChanges(sys, farm);
    const before = defaultsOf(repo, merge.checksum);
    const fresh = defaultsOf(repo, commit);
    return {
      diff,
      shadowed: diff.modified.filter((path) => before.files.get(path) !== fresh.files.get(path)),
      conflicts: tryEtcMerge(diff, local, fresh.tree).conflicts,
    };
  } finally {
    sys.close(farm);
  }
}

interface Defaults {
  /** Only what is a directory and what is not is true of it. */
  readonly tree: EtcDirectory;
  /** Path → checksum of each file and symlink. */
  readonly files: ReadonlyMap<string, Checksum>;
}

/** The defaults of a commit: its `usr/etc`, or where it still has them, `etc`. */
function defaultsOf(repo: Repo, commit: Checksum): Defaults {
  const files = new Map<string, Checksum>();
  const found = subtree(repo, commit, 'usr/etc') ?? subtree(repo, commit, 'etc');
  const tree = found === null ? EMPTY_ETC : readDirectory(repo, { contents: found.contents, at: '' }, files);
  return { tree, files };
}

function readDirectory(
  repo: Repo,
  { contents, at }: { readonly contents: Checksum; readonly at: string },
  files: Map<string, Checksum>,
): EtcDirectory {
  const children = new Map<string, EtcNode>();
  const tree = loadDirtree(repo, contents);
  for (const { name, checksum } of tree.files) {
    files.set(at + name, checksum);
    children.set(name, { kind: 'file', owner: EMPTY_ETC.owner, size: 0 });
  }
  for (const { name, contents: below } of tree.dirs)
    children.set(name, readDirectory(repo, { contents: below, at: `${at}${name}/` }, files));
  return { ...EMPTY_ETC, children };
}
