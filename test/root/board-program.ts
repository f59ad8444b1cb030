/** `yum-ostree-boot` of each architecture, run on copies of a sysroot that the C ostree made. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { compactProgram, type Architecture } from '#test/fixtures/compact-program.ts';
import { commitTree, run, snapshot, theirAdmin, type Output } from './sysroot-fixture.ts';

const EMULATORS: Readonly<Record<Architecture, readonly string[]>> = {
  'x86-64': [],
  aarch64: ['/usr/bin/qemu-aarch64'],
  armv7: ['/usr/bin/qemu-arm'],
};
export const ARCHITECTURES = Object.keys(EMULATORS) as readonly Architecture[];

/** ostree 2022.7 knows only these file names of boot entries. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', OSTREE_SYSROOT_OPTS: 'bootloader-naming-1' };

const programs = new Map<Architecture, string>();

function programOf(architecture: Architecture): string {
  const built = programs.get(architecture) ?? compactProgram('yum-ostree-boot', architecture);
  programs.set(architecture, built);
  return built;
}

/** Runs the program of an architecture on a sysroot. */
export function board(architecture: Architecture, sysroot: string, args: readonly string[]): Output {
  const program = programOf(architecture);
  const [file = '', ...words] = [...EMULATORS[architecture], program, ...args];
  const env = { ...ENVIRONMENT, OSTREE_SYSROOT: sysroot };
  const { status, stdout, stderr } = spawnSync(file, words, { encoding: 'utf8', env });
  return { status: status ?? -1, stdout, stderr };
}

export interface Pattern {
  readonly sysroot: string;
  /** Of the refs os/1 and os/2; the second boots by default. They have different kernels. */
  readonly commits: readonly [string, string];
}

/** Two deployments, made by the C ostree. */
export function makePattern(scratch: string): Pattern {
  const sysroot = path.join(scratch, 'pattern');
  fs.mkdirSync(sysroot);
  theirAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  theirAdmin(sysroot, ['os-init', 'testos']);
  const commit = (ref: string, kernel: string): string =>
    commitTree(`${sysroot}/ostree/repo`, ref, {
      version: ref.slice(-1),
      kernel,
      files: { 'usr/bin/tool': ref },
    });
  const commits = [commit('os/1', 'kernel'), commit('os/2', 'another kernel')] as const;
  theirAdmin(sysroot, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'os/1']);
  theirAdmin(sysroot, ['deploy', '--os=testos', '--retain', 'os/2']);
  return { sysroot, commits };
}

export function copyOf(sysroot: string, name: string): string {
  const copy = path.join(path.dirname(sysroot), name);
  run('cp', ['-a', sysroot, copy]);
  return copy;
}

/** `ostree admin status` of the C implementation: the commits in the order of the menu. */
export function listed(sysroot: string): string[] {
  return [...theirAdmin(sysroot, ['status']).matchAll(/ testos ([0-9a-f]{64})\.\d/g)].map(
    ([, checksum]) => checksum ?? '',
  );
}

/** All files that verbs of the boot side may change. */
export function everything(sysroot: string): string[] {
  const folders = ['boot', 'ostree/deploy', 'ostree/repo/objects', 'ostree/repo/refs'];
  const links = ['0', '0.0', '0.1', '1', '1.0', '1.1'].map((name) => `ostree/boot.${name}`);
  // The stamp of the C program's labelling, and empty parents of the other boot version's refs.
  const parents = ['0', '1', '0/0', '0/1', '1/0', '1/1'].map((name) => `refs/heads/ostree/${name} `);
  return snapshot(sysroot, [...folders, ...links], ['.ostree-selabeled', ...parents]);
}
