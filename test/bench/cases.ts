import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import type { BenchBase } from '#test/bench/base.ts';
import { run, type Argv } from '#test/bench/measure.ts';
import type { Target } from '#test/bench/table.ts';
import { BASE_REF, STATEROOT } from '#test/fixtures/base-tree.ts';

export type SideName = 'ours' | 'peer';

/**
 * One comparison: what each side runs, and what is made ready before each run (not timed). `place` is an empty directory
 * of this run alone, which stays until all of a size is measured.
 */
export interface Case {
  readonly name: string;
  prepare?(side: SideName, place: string): void;
  commands(side: SideName, place: string): readonly Argv[];
  /** Throws where the two sides did not come to the same result. */
  verify?(): void;
  readonly targets: readonly Target[];
}

/** The programs that are compared. */
export interface Contestants {
  readonly ostree: Readonly<Record<SideName, string>>;
  readonly yumOstree: string;
}

/** Where a size's repositories and sysroots are; removed when it is done. */
export interface Workplace {
  readonly directory: string;
  readonly base: BenchBase;
  /** Real RPM files. */
  readonly packages: string;
  readonly contestants: Contestants;
}

/** The metadata that makes both tools' commits of one tree the same object. */
const SAME_COMMIT = [`--branch=${BASE_REF}`, '--timestamp=2026-01-01 00:00:00 +0000', '--subject=Base'];

/** Commit of a directory into an empty bare repository. Those of the first round serve what follows. */
export function commitCase({ directory, base, contestants }: Workplace): Case {
  return {
    name: 'commit of a directory',
    prepare(_side, place) {
      run(['/usr/bin/ostree', 'init', `--repo=${place}/repo`, '--mode=bare']);
    },
    commands: (side, place) => [
      [contestants.ostree[side], 'commit', `--repo=${place}/repo`, ...SAME_COMMIT, `--tree=dir=${base.tree}`],
    ],
    verify() {
      const repos = repositories(directory);
      const [ours, peer] = (['ours', 'peer'] as const).map((side) =>
        run(['/usr/bin/ostree', 'rev-parse', `--repo=${repos[side]}`, BASE_REF]),
      );
      if (ours !== peer) throw new Error(`the two commits differ: ${ours?.trim()} and ${peer?.trim()}`);
    },
    targets: [{ kind: 'times-faster', factor: 1 }],
  };
}

/** Hardlink checkout of the whole tree. */
export function checkoutCase({ directory, contestants }: Workplace): Case {
  const repos = repositories(directory);
  return {
    name: 'checkout -H',
    commands: (side, place) => [
      [contestants.ostree[side], 'checkout', `--repo=${repos[side]}`, '-H', BASE_REF, `${place}/tree`],
    ],
    targets: [{ kind: 'times-faster', factor: 1 }],
  };
}

export function fsckCase({ directory, contestants }: Workplace): Case {
  const repos = repositories(directory);
  return {
    name: 'fsck',
    commands: (side) => [[contestants.ostree[side], 'fsck', '--quiet', `--repo=${repos[side]}`]],
    targets: [],
  };
}

/** One more deployment of a tree that is deployed already; none is removed meanwhile. */
export function deployCase({ directory, contestants }: Workplace): Case {
  const sysroots = { ours: path.join(directory, 'sysroot-ours'), peer: path.join(directory, 'sysroot-peer') };
  const repos = repositories(directory);
  const deploy = (side: SideName): Argv => [
    ...([contestants.ostree[side], 'admin', `--sysroot=${sysroots[side]}`, 'deploy', '--retain'] as const),
    ...[`--os=${STATEROOT}`, '--karg=root=LABEL=root', BASE_REF],
  ];
  return {
    name: 'admin deploy',
    prepare(side) {
      if (fs.existsSync(sysroots[side])) return;
      const repo = makeSysroot(sysroots[side]);
      run(['/usr/bin/ostree', 'pull-local', repo, repos[side], BASE_REF]);
      run(['/usr/bin/ostree', ...deploy(side).slice(1)]);
    },
    commands: (side) => [deploy(side)],
    targets: [
      { kind: 'times-faster', factor: 3 },
      { kind: 'at-most-syncs', count: 10 },
    ],
  };
}

/** A sysroot with the stateroot, for no boot loader. @returns `--repo=` with its repository */
export function makeSysroot(sysroot: string): string {
  fs.mkdirSync(sysroot);
  run(['/usr/bin/ostree', 'admin', 'init-fs', '--modern', sysroot]);
  run(['/usr/bin/ostree', 'admin', `--sysroot=${sysroot}`, 'os-init', STATEROOT]);
  const repo = `--repo=${sysroot}/ostree/repo`;
  run(['/usr/bin/ostree', 'config', repo, 'set', 'sysroot.bootloader', 'none']);
  return repo;
}

/** The repositories that the first round of the commit made. */
export function repositories(directory: string): Record<SideName, string> {
  const made = (side: SideName) => path.join(placeOf(directory, 'commit of a directory', 1), side, 'repo');
  return { ours: made('ours'), peer: made('peer') };
}

/** The directory of a case's round; each side has one in it. */
export function placeOf(directory: string, name: string, round: number): string {
  return path.join(directory, `${name.replaceAll(/[^a-z]+/gi, '-')}-${round}`);
}

/** rm -rf that clears the immutable flag of deployments. */
export function remove(name: string): void {
  loadSyscalls().removeTree(AT_FDCWD, name);
}
