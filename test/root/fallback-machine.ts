/** A sysroot with the fallback model on, and what a test plays of its machine. */
import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '#native/load.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { closeSysroot, openSysroot, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { BOARD, MERGED_USR, onBootedMachine } from './booted-machine.ts';
import { commitTree, ourAdmin, run, writeFile, type Output } from './sysroot-fixture.ts';

export interface FallbackMachine {
  readonly sysroot: string;
  /** The commits of os/1, os/2, os/3; the first is deployed. */
  readonly commits: readonly string[];
}

/** The first tree is deployed, with three tries for those to come. */
export async function makeFallbackMachine(sysroot: string, bootloader: string): Promise<FallbackMachine> {
  fs.mkdirSync(sysroot);
  await ourAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  await ourAdmin(sysroot, ['stateroot-init', 'testos']);
  const repo = `${sysroot}/ostree/repo`;
  for (const setting of [`sysroot.bootloader=${bootloader}`, 'yum-ostree.fallback-tries=3'])
    run('/usr/bin/ostree', ['config', `--repo=${repo}`, 'set', ...setting.split('=')]);
  // The same kernel in all: only marks tell their entries apart.
  const commits = ['1', '2', '3'].map((version) =>
    commitTree(repo, `os/${version}`, { files: { ...MERGED_USR, 'usr/etc/version': version } }),
  );
  await ourAdmin(sysroot, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'os/1']);
  return { sysroot, commits };
}

/** A copy beside it, for one test. */
export function copyOfMachine(pattern: FallbackMachine, name: string): FallbackMachine {
  const sysroot = path.join(path.dirname(pattern.sysroot), name);
  run('cp', ['-a', pattern.sysroot, sysroot]);
  return { ...pattern, sysroot };
}

/** GRUB's configuration, where it looks for it, and an environment block. */
export function installGrub(machine: FallbackMachine): void {
  const { sysroot } = machine;
  fs.mkdirSync(`${sysroot}/boot/grub`);
  fs.symlinkSync('../loader/grub.cfg', `${sysroot}/boot/grub/grub.cfg`);
  run('grub-editenv', [grubEnvironment(machine), 'create']);
}

export function grubEnvironment({ sysroot }: FallbackMachine): string {
  return `${sysroot}/boot/grub/grubenv`;
}

/** The id of the trial of the default, one of two. */
export function trialOf({ sysroot }: FallbackMachine): string {
  const entry = fs.readFileSync(`${sysroot}/boot/loader/entries/ostree-2.conf`, 'utf8');
  return /^yum-ostree-boot trial \S+ (\S+) 3$/m.exec(entry)?.[1] ?? '';
}

/** What GRUB leaves in its block after it has booted the deployment on trial. */
export function grubLeaves(at: FallbackMachine, left: number): void {
  const counts = [`yum_ostree_trial=${trialOf(at)}`, `yum_ostree_left=${left}`];
  run('grub-editenv', [grubEnvironment(at), 'set', ...counts]);
}

/** The directory of a tree's deployment, relative to the sysroot. */
export function directoryOf({ commits }: FallbackMachine, version: number): string {
  return `ostree/deploy/testos/deploy/${commits[version - 1] ?? ''}.0`;
}

/** Runs a script on the machine that booted the deployment of a tree; `$BOARD` is `yum-ostree-boot`. */
export function onMachine(machine: FallbackMachine, version: number, script: string): Output {
  const settings = 'export OSTREE_GRUB2_EXEC= OSTREE_SYSROOT_OPTS=;';
  return onBootedMachine(
    machine.sysroot,
    directoryOf(machine, version),
    `${settings} BOARD=${BOARD}; ${script}`,
  );
}

/** `ostree admin status --json` of ours: version → what it says of the fallback, in the menu's order. */
export async function standings(machine: FallbackMachine): Promise<[version: number, unknown][]> {
  const { deployments } = JSON.parse(await ourAdmin(machine.sysroot, ['status', '--json'])) as {
    readonly deployments: readonly { readonly checksum: string; readonly fallback?: unknown }[];
  };
  return deployments.map(({ checksum, fallback }) => [machine.commits.indexOf(checksum) + 1, fallback]);
}

/** Runs `action` on the sysroot as the machine has it that booted the deployment at a place of the menu. */
export function asBooted<T>(
  at: FallbackMachine,
  { place, sys = loadSyscalls() }: { readonly place: number; readonly sys?: RepoCalls },
  action: (sysroot: Sysroot) => T,
): T {
  const opened = openSysroot(sys, at.sysroot);
  try {
    const deployments = opened.deployments.map((one, index) => ({ ...one, isBooted: index === place }));
    return action({ ...opened, deployments, booted: deployments[place] ?? null });
  } finally {
    closeSysroot(opened);
  }
}

/** Puts a health check into the deployment of a tree. */
export function addCheck(
  machine: FallbackMachine,
  version: number,
  check: { readonly name: string; readonly script: string },
): void {
  const file = path.join(
    machine.sysroot,
    directoryOf(machine, version),
    'etc/yum-ostree/health.d',
    check.name,
  );
  writeFile(file, `#!/bin/sh\n${check.script}\n`);
  fs.chmodSync(file, 0o755);
}
