/** Kernels that are layered or overridden, and initramfs images made by the tree's own dracut, read by lsinitrd and cpio. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DRACUT_PROGRAMS, dracutPackages, kernelPackage } from '#test/root/dracut-packages.ts';
import {
  deploymentRoot,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  originOf,
  publish,
  rpm,
  rpmNames,
  runProgram,
  STATEROOT,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const [OLD, NEW, RT] = ['6.1.0-test', '6.2.0-new', '6.3.0-rt'];
const MODULE = `/lib/modules/${OLD}/extra/more.ko`;

let system: TestSystem;

beforeAll(async () => {
  const old = await kernelPackage({ version: OLD });
  const dracut = dracutPackages();
  system = makeTestSystem('/var/tmp', { programs: DRACUT_PROGRAMS, base: [old, ...dracut] });
  const more = old.files?.find((file) => file.path.endsWith('/loop.ko'));
  publish(system, [
    await kernelPackage({ version: NEW, release: '2' }),
    await kernelPackage({ version: RT, name: 'kernel-rt-core', place: 'boot' }),
    {
      name: 'kmod-more',
      post: 'kernel-install add x y && echo as well > /usr/share/installed',
      arch: 'x86_64',
      files: [{ path: MODULE, content: more?.kind === undefined ? (more?.content ?? '') : '' }],
    },
    { name: 'gdb', files: [{ path: '/usr/bin/gdb', content: 'gdb\n' }] },
  ]);
}, 300_000);

afterAll(() => system.remove());

/** Versions below usr/lib/modules of the deployment that boots by default. */
function kernels(): string[] {
  return fs.readdirSync(path.join(deploymentRoot(system), 'usr/lib/modules'));
}

function kernelFile(version: string, name: string): string {
  return path.join(deploymentRoot(system), 'usr/lib/modules', version, name);
}

/** Names in the image, as lsinitrd lists them. */
function imageNames(image: string): string[] {
  const lines = runProgram('lsinitrd', [image]).split('\n');
  return lines.filter((line) => /^[-dlc][rwxst-]{9} /.test(line)).map((line) => line.split(/ +/)[8] ?? '');
}

/** The boot entry's `linux` and `initrd`, which lie in /boot. */
function bootFiles(): string[] {
  const entries = path.join(system.sysroot, 'boot/loader/entries');
  const texts = fs.readdirSync(entries).map((name) => fs.readFileSync(path.join(entries, name), 'utf8'));
  const version = (text: string): number => Number(/^version (\d+)/m.exec(text)?.[1]);
  const [first = ''] = texts.sort((a, b) => version(b) - version(a));
  return [...first.matchAll(/^(?:linux|initrd) (.*)$/gm)].map(([, file]) =>
    path.join(system.sysroot, 'boot', file ?? ''),
  );
}

function expectBooted(version: string): void {
  const [linux = '', initrd = ''] = bootFiles();
  expect(path.basename(linux)).toBe(`vmlinuz-${version}`);
  expect(fs.readFileSync(linux)).toEqual(fs.readFileSync(kernelFile(version, 'vmlinuz')));
  expect(fs.readFileSync(initrd)).toEqual(fs.readFileSync(kernelFile(version, 'initramfs.img')));
}

/** What rpm finds changed, less what a package's /boot is in a tree. */
function verified(name: string): string[] {
  const root = deploymentRoot(system);
  const { stdout } = { stdout: runVerify(root, name) };
  return stdout.split('\n').filter((line) => line !== '' && !line.includes(' /boot/'));
}

function runVerify(root: string, name: string): string {
  const words = `rpm --root ${root} --dbpath /usr/share/rpm -V --nomtime ${name} || true`;
  return execFileSync('sh', ['-c', words], { encoding: 'utf8' });
}

test('another version of the kernel: one kernel, its modules indexed, its initramfs made by dracut', () => {
  const initramfs = fs.readFileSync(kernelFile(OLD, 'initramfs.img'));
  yumOstreeOk(system, ['install', 'gdb']);
  expect(fs.readFileSync(kernelFile(OLD, 'initramfs.img'))).toEqual(initramfs);
  yumOstreeOk(system, ['override', 'replace', 'kernel-core']);
  expect(kernels()).toEqual([NEW]);
  expect(fs.readFileSync(kernelFile(NEW, 'vmlinuz'), 'utf8')).toBe(`kernel ${NEW} kernel-core 2\n`);
  expect(fs.readFileSync(kernelFile(NEW, 'modules.dep'), 'utf8')).toMatch(/erofs\.ko: .*libcrc32c\.ko/);
  const names = imageNames(kernelFile(NEW, 'initramfs.img'));
  expect(names).toEqual(
    expect.arrayContaining([
      'usr/lib/ostree/ostree-prepare-root',
      `usr/lib/modules/${NEW}/kernel/fs/overlayfs/overlay.ko`,
      `usr/lib/modules/${NEW}/modules.dep.bin`,
    ]),
  );
  expect(names.join(' ')).not.toContain(OLD);
  expectBooted(NEW);
  expect(verified('kernel-core')).toEqual([]);
  expect(rpm(system, ['-q', 'kernel-core'])).toBe('kernel-core-6-2.x86_64\n');
  const log = fs.readFileSync(
    path.join(system.sysroot, `ostree/deploy/${STATEROOT}/var/cache/yum-ostree/scripts.log`),
    'utf8',
  );
  expect(log).toMatch(/Creating image file '\/usr\/lib\/modules\/6\.2\.0-new\/initramfs\.img'/);
  expect(log).not.toContain('the kernel installs itself');
  fsckClean(system);
  const { checksum } = firstDeployment(system);
  expect(runProgram('ostree', ['admin', 'status', `--sysroot=${system.sysroot}`])).toContain(checksum);
});

test('made again it is the same image, with the devices that dracut may not make', () => {
  const { checksum } = firstDeployment(system);
  const image = kernelFile(NEW, 'initramfs.img');
  const tail = execFileSync('sh', ['-c', `tail -c 300 ${image} | base64 -w0`], { encoding: 'utf8' });
  const bytes = Buffer.from(tail, 'base64');
  const second = bytes.subarray(bytes.lastIndexOf(Buffer.from([0x1f, 0x8b, 0x08])));
  const listed = execFileSync('sh', ['-c', 'gzip -dc | cpio -tv --quiet'], {
    input: second,
    encoding: 'utf8',
  });
  expect(listed.match(/^c\S+ .*$/gm)?.map((line) => line.replace(/ +/g, ' '))).toEqual([
    expect.stringMatching(/^crw-rw-rw- 1 root root 1, 8 .* dev\/random$/),
    expect.stringMatching(/^crw-rw-rw- 1 root root 1, 9 .* dev\/urandom$/),
  ]);
  yumOstreeOk(system, ['override', 'reset', 'kernel-core']);
  expect(kernels()).toEqual([OLD]);
  expectBooted(OLD);
  yumOstreeOk(system, ['override', 'replace', 'kernel-core']);
  expect(firstDeployment(system).checksum).toBe(checksum);
});

test('a kernel beside that of the base, with its image in /boot: it is the only one', () => {
  yumOstreeOk(system, ['override', 'reset', '--all', '--install', 'kernel-rt-core', '--uninstall', 'gdb']);
  expect(kernels()).toEqual([RT]);
  expect(fs.readFileSync(kernelFile(RT, 'vmlinuz'), 'utf8')).toBe(`kernel ${RT} kernel-rt-core 1\n`);
  expect(fs.existsSync(path.join(deploymentRoot(system), 'usr/lib/ostree-boot'))).toBe(false);
  expect(fs.readdirSync(path.join(deploymentRoot(system), 'usr/lib/modules', RT))).toContain('initramfs.img');
  expectBooted(RT);
  expect(rpmNames(system)).toEqual(expect.arrayContaining(['kernel-core', 'kernel-rt-core']));
  fsckClean(system);
});

test('no kernel, several kernels: refused before anything is made', () => {
  const { checksum } = firstDeployment(system);
  const none = yumOstree(system, ['override', 'remove', 'kernel-core', '--uninstall', 'kernel-rt-core']);
  expect([none.status, none.stderr]).toEqual([1, expect.stringMatching(/the tree would have no kernel/)]);
  const several = yumOstree(system, ['override', 'replace', 'kernel-core']);
  expect([several.status, several.stderr]).toEqual([
    1,
    expect.stringMatching(/several kernels, a tree has one: 6\.2\.0-new, 6\.3\.0-rt/),
  ]);
  expect(firstDeployment(system).checksum).toBe(checksum);
});

test('modules of others are indexed, and the initramfs stays that of the base', () => {
  yumOstreeOk(system, ['install', 'kmod-more', '--uninstall', 'kernel-rt-core']);
  expect(fs.readFileSync(kernelFile(OLD, 'modules.dep'), 'utf8')).toContain('extra/more.ko');
  expect(fs.readFileSync(kernelFile(OLD, 'initramfs.img'), 'utf8')).toBe('initramfs');
  expect(verified('kmod-more')).toEqual([]);
  expect(fs.existsSync(path.join(deploymentRoot(system), 'usr/share/installed'))).toBe(true);
});

test('an initramfs made here has the machine’s /etc and the arguments', () => {
  const file = path.join(deploymentRoot(system), 'etc/machine.conf');
  fs.writeFileSync(file, 'of this machine\n');
  const failed = yumOstree(system, ['initramfs', '--enable', '--arg=--no-such-option']);
  expect([failed.status, failed.stderr]).toEqual([
    1,
    expect.stringMatching(
      /the initramfs of kernel 6\.1\.0-test could not be made: dracut failed.*no-such-option/s,
    ),
  ]);
  expect(originOf(system)).not.toContain('[rpmostree]');
  yumOstreeOk(system, ['initramfs', '--enable', '--arg=-I', '--arg=/etc/machine.conf']);
  expect(originOf(system)).toContain(
    '[rpmostree]\nregenerate-initramfs=true\ninitramfs-args=-I;/etc/machine.conf;\n',
  );
  const content = runProgram('lsinitrd', ['-f', 'etc/machine.conf', kernelFile(OLD, 'initramfs.img')]);
  expect(content).toBe('of this machine\n');
  expectBooted(OLD);
  expect(firstDeployment(system)).toMatchObject({
    'regenerate-initramfs': true,
    'initramfs-args': ['-I', '/etc/machine.conf'],
    packages: ['kmod-more'],
  });
  expect(yumOstreeOk(system, ['status'])).toMatch(/Initramfs: +-I \/etc\/machine\.conf\n/);
  expect(yumOstree(system, ['initramfs-etc', '--track=/etc/machine.conf']).stderr).toMatch(
    /exclude each other/,
  );
  yumOstreeOk(system, ['initramfs', '--disable', '--uninstall=kmod-more']);
  expect(firstDeployment(system).checksum).toBe(system.base);
  expect(originOf(system)).not.toContain('[rpmostree]');
  const again = yumOstree(system, ['initramfs', '--disable']);
  expect([again.status, again.stderr]).toEqual([1, expect.stringMatching(/already disabled/)]);
});
