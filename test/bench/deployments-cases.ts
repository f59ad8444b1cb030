/** What the verbs of a sysroot take: an upgrade of a whole tree, and those whose work grows with the deployments. */
import fs from 'node:fs';
import path from 'node:path';
import {
  makeSysroot,
  repositories,
  type Case,
  type Contestants,
  type SideName,
  type Workplace,
} from '#test/bench/cases.ts';
import { run, type Argv } from '#test/bench/measure.ts';
import { BASE_REF, STATEROOT } from '#test/fixtures/base-tree.ts';

/** `ostree admin upgrade` to a commit in which ten files are other ones, from a repository in a directory. */
export function upgradeCase({ directory, contestants }: Workplace): Case {
  const at = (side: SideName): string => path.join(directory, `upgraded-${side}`);
  const source = path.join(directory, 'upgrade-source');
  const versions = { ours: 0, peer: 0 };
  return {
    name: 'admin upgrade',
    prepare(side) {
      if (!fs.existsSync(source)) makeSource(source, repositories(directory).peer);
      const sysroot = at(side);
      if (!fs.existsSync(sysroot)) {
        const repo = makeSysroot(sysroot);
        run(['/usr/bin/ostree', 'remote', repo, 'add', '--no-gpg-verify', 'bench', `file://${source}`]);
        run(['/usr/bin/ostree', 'pull', repo, `bench:${BASE_REF}`]);
        const deploy = ['deploy', `--os=${STATEROOT}`, '--karg=root=LABEL=root', `bench:${BASE_REF}`];
        run(['/usr/bin/ostree', 'admin', `--sysroot=${sysroot}`, ...deploy]);
      }
      commitChange(contestants.ostree.ours, source, {
        scratch: path.join(directory, 'change'),
        text: `${side} ${++versions[side]}`,
      });
    },
    commands: (side) => [
      [contestants.ostree[side], 'admin', `--sysroot=${at(side)}`, 'upgrade', `--os=${STATEROOT}`],
    ],
    verify() {
      for (const side of ['ours', 'peer'] as const)
        if (checksums(at(side)).length !== 2) throw new Error(`admin upgrade of ${side} left another list`);
    },
    targets: [
      { kind: 'times-faster', factor: 1 },
      { kind: 'at-most-syncs', count: 10 },
    ],
  };
}

function makeSource(source: string, from: string): void {
  run(['/usr/bin/ostree', 'init', `--repo=${source}`, '--mode=bare']);
  run(['/usr/bin/ostree', 'config', `--repo=${source}`, 'set', 'core.fsync', 'false']);
  run(['/usr/bin/ostree', 'pull-local', `--repo=${source}`, from, BASE_REF]);
}

/** The newest commit is the one before it with ten files written anew. */
function commitChange(
  ostree: string,
  source: string,
  { scratch, text }: { readonly scratch: string; readonly text: string },
): void {
  const folder = path.join(scratch, 'usr/share/bench-change');
  fs.mkdirSync(folder, { recursive: true });
  for (let file = 0; file < 10; file++) fs.writeFileSync(path.join(folder, `${file}`), `${text} ${file}\n`);
  const trees = [`--tree=ref=${BASE_REF}`, `--tree=dir=${scratch}`];
  const owners = ['--owner-uid=0', '--owner-gid=0'];
  run([ostree, 'commit', `--repo=${source}`, `--branch=${BASE_REF}`, ...trees, ...owners]);
}

/** Sysroots with a number of deployments of small trees, each with ten commits and every sixth with another kernel. */
export interface ManyDeployments {
  readonly directory: string;
  readonly count: number;
  readonly contestants: Contestants;
  /** `yum-ostree-boot`. */
  readonly board: string;
}

/** Makes the sysroot of a side with our program: the list that both read is one. */
export function makeManyDeployments({ directory, count, contestants }: ManyDeployments): void {
  const sysroot = sysrootOf(directory, 'ours');
  const repo = makeSysroot(sysroot);
  run(['/usr/bin/ostree', 'config', repo, 'set', 'core.fsync', 'false']);
  for (let version = 1; version <= count; version++) {
    const tree = path.join(directory, `tree-${version}`);
    writeSmallTree(tree, version);
    const ostree = contestants.ostree.ours;
    const metadata = `--add-metadata-string=version=${version}`;
    run([ostree, 'commit', repo, '--branch=small', '--subject=x', metadata, `--tree=dir=${tree}`]);
    const deploy = ['deploy', '--retain', `--os=${STATEROOT}`, '--karg=root=LABEL=root', 'small'];
    run([ostree, 'admin', `--sysroot=${sysroot}`, ...deploy]);
  }
  run(['/usr/bin/ostree', 'config', repo, 'unset', 'core.fsync']);
  run(['cp', '--archive', sysroot, sysrootOf(directory, 'peer')]);
}

/** Both programs on the same sysroot. */
export function statusCase(many: ManyDeployments): Case {
  return {
    name: 'admin status',
    commands: (side) => [[many.contestants.ostree[side], 'admin', ...sysrootArgument(many), 'status']],
    verify: () => {
      refuseOtherLists(many);
    },
    targets: [{ kind: 'at-most-seconds', seconds: 0.25 }],
  };
}

/** The program without Node beside C's. */
export function boardStatusCase(many: ManyDeployments): Case {
  return {
    name: 'yum-ostree-boot status',
    commands: (side) => [
      side === 'ours'
        ? [many.board, 'status', ...sysrootArgument(many)]
        : [many.contestants.ostree.peer, 'admin', ...sysrootArgument(many), 'status'],
    ],
    targets: [{ kind: 'times-faster', factor: 1 }],
  };
}

/** One more of a tree that is deployed: the list, its boot links and entries are written anew. */
export function deploySmallCase({ directory, contestants }: ManyDeployments): Case {
  const deploy = (side: SideName): Argv => [
    ...([contestants.ostree[side], 'admin', `--sysroot=${sysrootOf(directory, side)}`] as const),
    ...['deploy', '--retain', `--os=${STATEROOT}`, '--karg=root=LABEL=root', 'small'],
  ];
  return {
    name: 'admin deploy of a small tree',
    commands: (side) => [deploy(side)],
    targets: [
      { kind: 'times-faster', factor: 1 },
      { kind: 'at-most-syncs', count: 10 },
    ],
  };
}

function refuseOtherLists(many: ManyDeployments): void {
  const [ours, peer] = (['ours', 'peer'] as const).map((side) =>
    checksums(sysrootOf(many.directory, 'ours'), many.contestants.ostree[side]),
  );
  if (ours?.length !== many.count || ours.join() !== peer?.join())
    throw new Error(`admin status: ${ours?.length} and ${peer?.length} deployments of ${many.count}`);
}

function checksums(sysroot: string, ostree = '/usr/bin/ostree'): string[] {
  return run([ostree, 'admin', `--sysroot=${sysroot}`, 'status']).match(/[0-9a-f]{64}\.\d+/g) ?? [];
}

function sysrootArgument({ directory }: ManyDeployments): readonly string[] {
  return [`--sysroot=${sysrootOf(directory, 'ours')}`];
}

function sysrootOf(directory: string, side: SideName): string {
  return path.join(directory, `sysroot-${side}`);
}

/** Two hundred files; six trees in a row have one kernel. */
function writeSmallTree(tree: string, version: number): void {
  const kernel = `usr/lib/modules/6.${Math.floor((version - 1) / 6)}.0`;
  for (const folder of [kernel, 'usr/etc', 'boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var'])
    fs.mkdirSync(path.join(tree, folder), { recursive: true });
  const write = (file: string, text: string): void => {
    fs.writeFileSync(path.join(tree, file), text);
  };
  write(`${kernel}/vmlinuz`, `kernel ${kernel}`.repeat(5000));
  write(`${kernel}/initramfs.img`, `initramfs ${kernel}`.repeat(10_000));
  write('usr/lib/os-release', `ID=test\nPRETTY_NAME="Test OS ${version}"\n`);
  write('usr/version', `${version}\n`);
  for (let file = 0; file < 200; file++) write(`usr/lib/file-${file}`, `${file}\n`);
  for (const name of ['a', 'b', 'c', 'd', 'e']) write(`usr/etc/${name}.conf`, `${name}\n`);
}
