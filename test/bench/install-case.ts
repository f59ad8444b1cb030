/** A whole `install @tracing`, from the request to the deployment that boots next, beside the way it is done today. */
import fs from 'node:fs';
import path from 'node:path';
import { makeSysroot, type Case, type Contestants } from '#test/bench/cases.ts';
import { run, type Argv } from '#test/bench/measure.ts';
import { BASE_REF, STATEROOT } from '#test/fixtures/base-tree.ts';

export interface InstallPlace {
  readonly directory: string;
  readonly contestants: Contestants;
  /** A repository with the commit of the base. */
  readonly repo: string;
  /** The URL of the repository of packages that the base's repository file names. */
  readonly packages: string;
}

const DERIVED = 'derived-by-hand';
/** Where a derived tree is checked out, below the repository: hardlinks do not cross file systems. */
const CHECKOUT = 'ostree/repo/tmp/layer';

/** Each run begins with a new sysroot that has the base deployed and the metadata at hand. */
export function installCase(place: InstallPlace): Case {
  const sysrootOf = (at: string): string => path.join(at, 'sysroot');
  return {
    name: 'install @tracing',
    prepare(side, at) {
      newSysroot(sysrootOf(at), place.repo);
      if (side === 'ours') run([place.contestants.yumOstree, '--sysroot', sysrootOf(at), 'refresh-md']);
      else run(dnf(place, ['makecache']));
    },
    commands: (side, at) =>
      side === 'ours'
        ? [[place.contestants.yumOstree, '--sysroot', sysrootOf(at), '--quiet', '-y', 'install', '@tracing']]
        : byHand(place, sysrootOf(at)),
    targets: [{ kind: 'times-faster', factor: 5 }],
  };
}

/** The request that is met already, on a sysroot that a run of installCase left. */
export function unchangedInstall({ contestants }: InstallPlace, at: string): Argv {
  return [
    contestants.yumOstree,
    '--sysroot',
    path.join(at, 'sysroot'),
    '--quiet',
    'install',
    '--idempotent',
    '@tracing',
  ];
}

function newSysroot(sysroot: string, repo: string): void {
  run(['/usr/bin/ostree', 'pull-local', makeSysroot(sysroot), repo, BASE_REF]);
  run(deploy(sysroot, BASE_REF));
}

/** Check out, let dnf install into the checkout, commit it, deploy the commit. */
function byHand(place: InstallPlace, sysroot: string): Argv[] {
  const repo = `--repo=${sysroot}/ostree/repo`;
  const tree = path.join(sysroot, CHECKOUT);
  const at = (...names: string[]): string[] => names.map((name) => path.join(tree, name));
  return [
    ['/usr/bin/ostree', 'checkout', repo, '-H', BASE_REF, tree],
    // What dnf writes into must not share its bytes with the repository.
    ['cp', '-a', ...at('usr/share/rpm', 'usr/share/rpm.new')],
    ['rm', '-rf', ...at('usr/share/rpm')],
    ['mv', ...at('usr/share/rpm.new', 'usr/share/rpm')],
    ['cp', '-a', ...at('usr/etc', 'etc')],
    ['rm', '-rf', ...at('usr/etc')],
    ['mknod', '-m', '666', ...at('dev/null'), 'c', '1', '3'],
    dnf(place, [`--installroot=${tree}`, '-y', 'install', '@tracing']),
    ['mv', ...at('etc', 'usr/etc')],
    ['rm', '-rf', ...at('var', 'run', 'tmp', 'dev')],
    ['mkdir', ...at('var', 'run', 'tmp', 'dev')],
    ['rm', '-f', ...at('usr/share/rpm/rpmdb.sqlite-shm', 'usr/share/rpm/rpmdb.sqlite-wal')],
    [
      ...(['/usr/bin/ostree', 'commit', repo, `--branch=${DERIVED}`, '--link-checkout-speedup'] as const),
      ...['--consume', `--tree=dir=${tree}`],
    ],
    deploy(sysroot, DERIVED),
  ];
}

function deploy(sysroot: string, ref: string): Argv {
  return ['/usr/bin/ostree', 'admin', `--sysroot=${sysroot}`, 'deploy', `--os=${STATEROOT}`, ref];
}

/** The tree keeps its rpm database in /usr, which only a macro file tells dnf's rpm. */
function dnf({ directory, packages }: InstallPlace, words: readonly string[]): Argv {
  const home = path.join(directory, 'dnf-home');
  fs.mkdirSync(home, { recursive: true });
  fs.writeFileSync(path.join(home, '.rpmmacros'), '%_dbpath /usr/share/rpm\n');
  return [
    ...(['env', `HOME=${home}`, 'dnf', '-q', '--noplugins', '--nogpgcheck', '--releasever=20'] as const),
    ...['--forcearch=x86_64', `--repofrompath=by-hand,${packages}`, '--repo=by-hand'],
    ...[`--setopt=cachedir=${home}/cache`, '--setopt=metadata_expire=-1', ...words],
  ];
}
