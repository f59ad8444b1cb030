/** A kernel that is parted into packages as Fedora's is: another version of all of them, and another family beside it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DRACUT_PROGRAMS, dracutPackages, kernelSet } from '#test/root/dracut-packages.ts';
import {
  deploymentRoot,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  publish,
  rpmNames,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const [OLD, NEW, LONGTERM] = ['6.1.0-test', '6.2.0-300.fc99.x86_64', '6.0.9-200.fc99.x86_64'];
const PARTS = ['', '-core', '-modules-core', '-modules'];

let system: TestSystem;

beforeAll(async () => {
  const old = await kernelSet({ version: OLD, release: '1' });
  system = makeTestSystem('/var/tmp', { programs: DRACUT_PROGRAMS, base: [...old, ...dracutPackages()] });
  publish(system, [
    ...(await kernelSet({ version: NEW, release: '2' })),
    ...(await kernelSet({ version: LONGTERM, release: '1', name: 'kernel-longterm' })),
  ]);
}, 1_800_000);

afterAll(() => system.remove());

/** One kernel is in the tree and boots, with an index of its modules and an initramfs that has them; no script of it ran. */
function expectKernel(version: string, packages: readonly string[]): void {
  const root = deploymentRoot(system);
  const modules = path.join(root, 'usr/lib/modules');
  expect(fs.readdirSync(modules)).toEqual([version]);
  expect(fs.readdirSync(path.join(modules, version))).toEqual(
    expect.arrayContaining(['vmlinuz', 'initramfs.img', 'modules.dep.bin', 'config', 'System.map', 'build']),
  );
  const dep = fs.readFileSync(path.join(modules, version, 'modules.dep'), 'utf8');
  for (const module of ['loop', 'overlay', 'erofs']) expect(dep).toContain(`/${module}.ko`);
  const image = runProgram('lsinitrd', [path.join(modules, version, 'initramfs.img')]);
  expect(image).toContain(`usr/lib/modules/${version}/kernel/fs/overlayfs/overlay.ko`);
  expect(fs.existsSync(path.join(root, 'usr/share/kernel-scripts'))).toBe(false);
  expect(fs.existsSync(path.join(root, 'usr/lib/ostree-boot'))).toBe(false);
  expect(rpmNames(system)).toEqual(expect.arrayContaining([...packages]));
  for (const name of packages) {
    const verify = ['--root', root, '--dbpath', '/usr/share/rpm', '-V', '--nomtime', name];
    expect(spawnSync('rpm', verify, { encoding: 'utf8' }).stdout).toBe('');
  }
  const boot = path.join(system.sysroot, 'boot/loader/entries');
  const [entry = ''] = fs.readdirSync(boot).sort().reverse();
  expect(fs.readFileSync(path.join(boot, entry), 'utf8')).toContain(`/vmlinuz-${version}\n`);
  fsckClean(system);
}

test('another version of all four', () => {
  const names = PARTS.map((part) => `kernel${part}`);
  yumOstreeOk(system, ['override', 'replace', ...names]);
  expectKernel(NEW, names);
  yumOstreeOk(system, ['override', 'reset', ...names]);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('another version of one: the command that is told replaces all', () => {
  const { stderr } = yumOstree(system, ['override', 'replace', 'kernel-core']);
  const [, told = ''] = /resolved by: yum-ostree .*(override replace .*) --repofrompath/.exec(stderr) ?? [];
  yumOstreeOk(system, told.split(' '));
  expectKernel(
    NEW,
    PARTS.map((part) => `kernel${part}`),
  );
  yumOstreeOk(system, ['override', 'reset', '--all']);
});

test('a kernel of the family beside the base’s', () => {
  yumOstreeOk(system, ['install', 'kernel-longterm']);
  const names = PARTS.map((part) => `kernel-longterm${part}`);
  expectKernel(LONGTERM, names);
  expect(firstDeployment(system).layered).toHaveLength(4);
  yumOstreeOk(system, ['uninstall', 'kernel-longterm']);
});
