import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import type { Programs } from '#test/demo/programs.ts';
import type { Terminal } from '#test/demo/terminal.ts';
import { BASE_REF, STATEROOT, type BaseTree } from '#test/fixtures/base-tree.ts';

/** A boot entry of the sysroot as its BLS file says it. */
export interface BootedBy {
  readonly file: string;
  readonly title: string;
  /** The number that orders the entries: the highest boots. */
  readonly version: number;
  /** The kernel command line. */
  readonly options: string;
  /** The deployment's directory. */
  readonly deployment: string;
}

/** Makes a sysroot in a folder with the base tree deployed, by the `ostree` verbs of this checkout. */
export async function makeSysroot(
  sysroot: string,
  base: BaseTree,
  { programs, terminal }: { readonly programs: Programs; readonly terminal: Terminal },
): Promise<void> {
  loadSyscalls().removeTree(AT_FDCWD, sysroot);
  fs.mkdirSync(sysroot, { recursive: true });
  const repo = `--repo=${path.join(sysroot, 'ostree/repo')}`;
  const admin = ['admin', `--sysroot=${sysroot}`];
  const commands = [
    ['admin', 'init-fs', '--modern', sysroot],
    [...admin, 'os-init', STATEROOT],
    [repo, 'config', 'set', 'sysroot.bootloader', 'none'],
    [repo, 'commit', `--branch=${BASE_REF}`, '--subject=Base tree', `--tree=dir=${base.path}`],
    [...admin, 'deploy', `--os=${STATEROOT}`, '--karg=root=LABEL=root', '--karg=console=ttyS0', BASE_REF],
  ];
  for (const args of commands) {
    terminal.command(['ostree', ...args]);
    terminal.output((await programs.capture('ostree', args)).stdout);
  }
}

/** The boot entries, the one that boots next first. Read here independently of the code that wrote them. */
export function bootEntries(sysroot: string): BootedBy[] {
  const directory = path.join(sysroot, 'boot/loader/entries');
  return fs
    .readdirSync(directory)
    .map((file) => readEntry(sysroot, path.join(directory, file)))
    .sort((a, b) => b.version - a.version);
}

function readEntry(sysroot: string, file: string): BootedBy {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  const field = (name: string) =>
    lines
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1)
      .trim() ?? '';
  const options = field('options');
  const link = /(?:^| )ostree=(\S+)/.exec(options)?.[1];
  if (link === undefined) throw new UserError('BAD_ENTRY', `${file}: its options name no ostree=`);
  return {
    ...{ file, title: field('title'), version: Number(field('version')), options },
    deployment: fs.realpathSync(path.join(sysroot, link)),
  };
}
