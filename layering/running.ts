/** `ps`: every process with the trees and packages that its mapped files are from. */
import { AT_FDCWD, S } from '#native/syscalls.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { FileLookup } from '#layering/running-files.ts';
import { FILE_STATES, originOfFile, type FileState, type RootFacts } from '#layering/running-origin.ts';
import { PackageLookup } from '#layering/running-packages.ts';
import { readLiveRecord, readRestarts, type LiveRecord, type RestartResult } from '#layering/live-record.ts';
import { LiveFiles } from '#layering/running-live.ts';
import type { RestartCare } from '#layering/restart-care.ts';
import type { MappedFile } from '#layering/running-proc.ts';
import { readProc, type ProcessFacts } from '#layering/running-processes.ts';
import {
  currentTree,
  rootFacts,
  runningTrees,
  usrLayer,
  type RunningTree,
  type UsrLayer,
} from '#layering/running-trees.ts';

export interface RunningFile {
  /** Absolute, in the tree; for a file of no tree as the kernel shows it. */
  readonly path: string;
  readonly state: FileState;
  /** Display name of the tree it is from (of a layer: that it lies over); null for none or an unknown one. */
  readonly tree: string | null;
  /** `CSUM.N` of the deployment; null where it is of none that is there. */
  readonly deployment: string | null;
  /** The object that has its inode, where it was found by that alone. */
  readonly object: string | null;
  /** NEVRAs of its owners. */
  readonly packages: readonly string[];
  /** Of a file that was replaced: who owns what is at its path now. */
  readonly replacedBy: readonly string[];
  readonly isExecutable: boolean;
  readonly device: number;
  readonly inode: number;
}

export interface RunningProcess extends Omit<ProcessFacts, 'files' | 'isForeign'> {
  /** The worst of its files; null where they could not be seen. */
  readonly state: FileState | null;
  readonly files: readonly RunningFile[];
}

export interface RunningReport {
  /** What the states are about; null where nothing is deployed. */
  readonly current: RunningTree | null;
  readonly trees: readonly RunningTree[];
  readonly layer: UsrLayer | null;
  /** What `apply-live` made of the tree that was booted; null where nothing was applied. */
  readonly applied: LiveRecord | null;
  readonly care: RestartCare;
  /** Services that were restarted for what changed, the oldest first. */
  readonly restarted: readonly RestartResult[];
  readonly processes: readonly RunningProcess[];
  /** What could not be seen, for people. */
  readonly unseen: readonly string[];
}

/** @param proc the folder that stands for /proc */
export function readRunning(sysroot: Sysroot, proc: string): RunningReport {
  const { processes, own, mounts, isPartial } = readProc(sysroot.sys, proc);
  const trees = runningTrees(sysroot);
  const current = currentTree(trees);
  const layer = current === null ? null : usrLayer(sysroot, current.deployment);
  const root = rootFacts(sysroot, current, mounts);
  const { booted } = sysroot;
  const applied = booted === null ? null : readLiveRecord(sysroot.sys, booted);
  const packages = new PackageLookup();
  try {
    const liveFiles =
      applied === null || booted === null ? null : new LiveFiles(sysroot, booted.checksum, applied);
    const world = { sysroot, trees, current, layer, root, packages, liveFiles };
    const attribution = new Attribution(world);
    const found = processes.map((one) => attribution.process(one));
    const unseen = unseenOf(processes, isPartial, packages.faults);
    const restarted = booted === null ? [] : readRestarts(sysroot.sys, booted);
    const care = careOf(sysroot, own);
    return { current, trees, layer, applied, care, restarted, processes: found, unseen };
  } finally {
    packages.close();
  }
}

function careOf({ sys }: Sysroot, own: RestartCare['own']): RestartCare {
  const stat = sys.lstat(AT_FDCWD, DISPLAY_MANAGER);
  const isLink = stat !== null && (stat.mode & S.IFMT) === S.IFLNK;
  const target = isLink ? (sys.readlink(AT_FDCWD, DISPLAY_MANAGER) ?? '') : '';
  return { own, displayManager: target === '' ? null : target.slice(target.lastIndexOf('/') + 1) };
}

/** An alias: a link to the unit that is meant. */
const DISPLAY_MANAGER = '/etc/systemd/system/display-manager.service';

interface World extends Pick<RunningReport, 'current' | 'trees' | 'layer'> {
  readonly sysroot: Sysroot;
  readonly root: RootFacts;
  readonly packages: PackageLookup;
  readonly liveFiles: LiveFiles | null;
}

/** Each file is decided once, however many have it mapped. */
class Attribution {
  private readonly world: World;
  private readonly lookup: FileLookup;
  private readonly known = new Map<string, RunningFile>();

  constructor(world: World) {
    this.world = world;
    this.lookup = new FileLookup(world);
  }

  process({ files, isForeign, ...facts }: ProcessFacts): RunningProcess {
    const found = (files ?? []).flatMap((file) => {
      const one = this.file(file, isForeign);
      // Data outside of all trees is nobody's concern here.
      return one.state === 'outside' && !file.isExecutable
        ? []
        : [{ ...one, isExecutable: file.isExecutable }];
    });
    const state = FILE_STATES.find((wanted) => found.some((file) => file.state === wanted)) ?? 'outside';
    return { ...facts, state: files === null ? null : state, files: found };
  }

  private file(file: MappedFile, isForeign: boolean): RunningFile {
    const key = `${file.device}:${file.inode}:${String(file.isDeleted)}${String(isForeign)}${file.path}`;
    let found = this.known.get(key);
    if (found === undefined) this.known.set(key, (found = this.decided(file, isForeign)));
    return found;
  }

  private decided(file: MappedFile, isForeign: boolean): RunningFile {
    const { root, trees, current } = this.world;
    const facts = this.lookup.factsOf(file, isForeign);
    const path = facts.treePath;
    const { state, tree } = originOfFile(facts, root);
    const live = state === 'overlay' && path !== null ? (this.world.liveFiles?.treeOf(path) ?? null) : null;
    const deployment =
      trees.find((one) => (live === null ? one.id === tree : one.checksum === live.commit)) ?? null;
    const isOfTree = path !== null && state !== 'outside';
    const now = isOfTree && state === 'deleted' ? this.ownersNow(path) : [];
    const packages = !isOfTree
      ? []
      : deployment === null && tree !== null
        ? this.world.packages.ownersInCommit(this.world.sysroot.repo, tree, path)
        : this.ownersIn(state === 'overlay' ? current : deployment, path, state);
    return {
      path: isOfTree ? `/${path}` : file.path,
      state,
      tree: live !== null ? live.treeName : (deployment?.treeName ?? tree),
      deployment: deployment?.id ?? null,
      object: facts.object?.checksum ?? null,
      packages,
      replacedBy: now.some((one) => !packages.includes(one)) || packages.length === 0 ? now : [],
      isExecutable: file.isExecutable,
      device: file.device,
      inode: file.inode,
    };
  }

  private ownersIn(tree: RunningTree | null, path: string, state: FileState): readonly string[] {
    if (state === 'overlay') return this.ownersNow(path);
    return tree === null ? [] : this.world.packages.ownersOf(tree.path, path);
  }

  /** Of the file that is at the path now: the layer may have a database of its own. */
  private ownersNow(path: string): readonly string[] {
    const { root, packages, current } = this.world;
    return packages.ownersOf(root.isBooted ? '/' : (current?.path ?? '/'), path);
  }
}

function unseenOf(
  processes: readonly ProcessFacts[],
  isPartial: boolean,
  faults: readonly string[],
): string[] {
  const hidden = processes.filter(({ files }) => files === null).length;
  const many = hidden === 1 ? '1 process' : `${hidden} processes`;
  return [
    ...(hidden === 0 ? [] : [`the files of ${many} of other users cannot be seen: run it as root`]),
    ...(isPartial ? ['processes of other users are not even listed (hidepid): run it as root'] : []),
    ...faults.map((fault) => `the packages of some files are not known: ${fault}`),
  ];
}
