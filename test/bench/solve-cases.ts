/** Reading a distribution's metadata and solving over it, beside dnf: base and installroot are empty. */
import fs from 'node:fs';
import path from 'node:path';
import { makeSysroot, type Case, type Contestants, type SideName } from '#test/bench/cases.ts';
import { run, type Argv } from '#test/bench/measure.ts';
import { BASE_REF, STATEROOT } from '#test/fixtures/base-tree.ts';
import type { Target } from '#test/bench/table.ts';

export interface SolvePlace {
  readonly directory: string;
  readonly contestants: Contestants;
  /** rpm-md repositories of the same packages, without and with file lists. */
  readonly metadata: string;
  readonly withFileLists: string;
}

const OS_RELEASE = 'ID=debian\nVERSION_ID=12\nPLATFORM_ID="platform:el12"\n';

/** What each of them plans to install is shown by neither: the time is that of the decision. */
export function solveCases(place: SolvePlace): SolveCases {
  const { metadata, withFileLists } = place;
  const sysroot = emptySysroot(path.join(place.directory, 'sysroot'));
  const installRoot = path.join(place.directory, 'installroot');
  fs.mkdirSync(path.join(installRoot, 'etc'), { recursive: true });
  fs.writeFileSync(path.join(installRoot, 'etc/os-release'), OS_RELEASE);
  const caches: Record<SideName, string> = {
    ours: path.join(sysroot, 'ostree/deploy', STATEROOT, 'var/cache/yum-ostree'),
    peer: path.join(place.directory, 'dnf-cache'),
  };
  const solve = (side: SideName, repository: string, name: string): Argv =>
    side === 'ours'
      ? planned(place.contestants.yumOstree, sysroot, [repository, name])
      : assumedNo(installRoot, caches.peer, [repository, name]);
  const one = (name: string, spec: string, { repository, cold, targets }: SolveKind): Case => ({
    name,
    prepare(side) {
      if (cold) fs.rmSync(caches[side], { recursive: true, force: true });
      else run(solve(side, repository, spec));
    },
    commands: (side) => [solve(side, repository, spec)],
    targets,
  });
  const faster = (factor: number): Target[] => [{ kind: 'times-faster', factor }];
  const cases = [
    one('metadata cold, strace', 'strace', { repository: metadata, cold: true, targets: faster(1 / 0.75) }),
    one('the same, file lists on offer', 'strace', {
      ...{ repository: withFileLists, cold: true, targets: faster(5) },
    }),
    one('warm, strace', 'strace', { repository: metadata, cold: false, targets: faster(2) }),
    one('warm, gnome-shell', 'gnome-shell', { repository: metadata, cold: false, targets: faster(2) }),
  ];
  const makeCold = () => {
    fs.rmSync(caches.ours, { recursive: true, force: true });
  };
  return { cases, ours: solve('ours', metadata, 'strace'), makeCold };
}

export interface SolveCases {
  readonly cases: readonly Case[];
  /** Our side of the first case, and what takes its cache away. */
  readonly ours: Argv;
  readonly makeCold: () => void;
}

interface SolveKind {
  readonly repository: string;
  readonly cold: boolean;
  readonly targets: Target[];
}

/** The plan of an install, as a whole process. */
function planned(program: string, sysroot: string, [repository, name]: readonly [string, string]): Argv {
  return [
    ...([program, '--sysroot', sysroot, 'install', name, '--dry-run', '--quiet'] as const),
    ...['--repofrompath', `debian,file://${repository}`, '--no-gpgchecks'],
  ];
}

/** dnf ends with 1 where the answer is no. */
function assumedNo(root: string, cache: string, [repository, name]: readonly [string, string]): Argv {
  return [
    ...(['sh', '-c', '"$@"; test $? -eq 1', 'sh', 'dnf', '-q', `--installroot=${root}`] as const),
    ...['--releasever=12', '--forcearch=x86_64', `--repofrompath=debian,file://${repository}`],
    ...['--repo=debian', '--nogpgcheck', '--noplugins', `--setopt=cachedir=${cache}`],
    ...['--setopt=metadata_expire=-1', '--assumeno', 'install', name],
  ];
}

/** A sysroot whose base tree has a kernel's name, an empty rpm database and nothing else. */
function emptySysroot(sysroot: string): string {
  const tree = `${sysroot}-tree`;
  for (const name of ['usr/lib/modules/6.1', 'usr/share/rpm', 'usr/etc', 'var', 'sysroot', 'boot'])
    fs.mkdirSync(path.join(tree, name), { recursive: true });
  fs.writeFileSync(path.join(tree, 'usr/lib/modules/6.1/vmlinuz'), 'kernel');
  fs.writeFileSync(path.join(tree, 'usr/lib/os-release'), OS_RELEASE);
  run(['rpm', `--dbpath=${tree}/usr/share/rpm`, '--initdb']);
  const repo = makeSysroot(sysroot);
  run(['/usr/bin/ostree', 'commit', repo, `--branch=${BASE_REF}`, `--tree=dir=${tree}`]);
  run(['/usr/bin/ostree', 'admin', `--sysroot=${sysroot}`, 'deploy', `--os=${STATEROOT}`, BASE_REF]);
  return sysroot;
}
