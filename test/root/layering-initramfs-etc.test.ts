/** Files of /etc in an initrd beside that of the tree: read by cpio, seen by C ostree, carried over. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BASE_REF,
  deploymentRoot,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  originOf,
  publish,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [{ name: 'gdb', files: [{ path: '/usr/bin/gdb', content: 'gdb\n' }] }]);
  const etc = path.join(deploymentRoot(system), 'etc');
  fs.writeFileSync(path.join(etc, 'crypttab'), 'root UUID=1 none\n', { mode: 0o600 });
  fs.chownSync(path.join(etc, 'crypttab'), 2, 2);
  fs.mkdirSync(path.join(etc, 'cmdline.d/deep'), { recursive: true });
  fs.chmodSync(path.join(etc, 'cmdline.d'), 0o750);
  fs.writeFileSync(path.join(etc, 'cmdline.d/deep/a.conf'), 'rd.luks=1\n');
  fs.symlinkSync('a.conf', path.join(etc, 'cmdline.d/deep/link'));
  fs.symlinkSync('/tmp', path.join(etc, 'elsewhere'));
});

afterAll(() => system.remove());

/** The `initrd` lines of the entry that boots by default. */
function initrds(): string[] {
  const entries = path.join(system.sysroot, 'boot/loader/entries');
  const texts = fs.readdirSync(entries).map((name) => fs.readFileSync(path.join(entries, name), 'utf8'));
  const version = (text: string): number => Number(/^version (\d+)/m.exec(text)?.[1]);
  const [first = ''] = texts.sort((a, b) => version(b) - version(a));
  return [...first.matchAll(/^initrd (.*)$/gm)].map(([, file]) => file ?? '');
}

function overlayFile(): string {
  return path.join(system.sysroot, 'boot', initrds()[1] ?? 'none');
}

/** As cpio lists it: mode, owner, size, name. */
function listing(file: string): string[] {
  const archive = execFileSync('zcat', [file]);
  const how = ['-t', '--verbose', '--numeric-uid-gid', '--quiet'];
  const text = execFileSync('cpio', how, { input: archive, encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))
    .map(([mode, , uid, gid, size, , , , ...name]) => [mode, uid, gid, size, name.join(' ')].join(' '));
}

test('tracked files become one initrd beside that of the tree, which stays', () => {
  const before = firstDeployment(system);
  yumOstreeOk(system, ['initramfs-etc', '--track=/etc/crypttab', '--track', '/etc/cmdline.d']);
  expect(firstDeployment(system).checksum).toBe(before.checksum);
  expect(firstDeployment(system).serial).toBe(before.serial + 1);
  expect(initrds()).toHaveLength(2);
  expect(initrds()[1]).toMatch(/^\/ostree\/initramfs-overlays\/[0-9a-f]{64}\.img$/);
  const [sum = ''] = runProgram('sha256sum', [overlayFile()]).split(' ');
  expect(path.basename(overlayFile())).toBe(`${sum}.img`);
  expect(listing(overlayFile())).toEqual([
    'drwxr-xr-x 0 0 0 etc',
    'drwxr-x--- 0 0 0 etc/cmdline.d',
    'drwxr-xr-x 0 0 0 etc/cmdline.d/deep',
    '-rw-r--r-- 0 0 10 etc/cmdline.d/deep/a.conf',
    'lrwxrwxrwx 0 0 6 etc/cmdline.d/deep/link -> a.conf',
    '-rw------- 0 0 17 etc/crypttab',
  ]);
  expect(originOf(system)).toContain(
    `baserefspec=${BASE_REF}\n\n[rpmostree]\ninitramfs-etc=/etc/cmdline.d;/etc/crypttab;\n`,
  );
  expect(firstDeployment(system)).toMatchObject({
    'initramfs-etc': ['/etc/cmdline.d', '/etc/crypttab'],
    'regenerate-initramfs': false,
  });
  expect(yumOstreeOk(system, ['status'])).toMatch(/InitramfsEtc: +\/etc\/cmdline\.d \/etc\/crypttab\n/);
  expect(yumOstreeOk(system, ['initramfs-etc'])).toBe('Tracked files:\n  /etc/cmdline.d\n  /etc/crypttab\n');
  expect(runProgram('ostree', ['admin', 'status', `--sysroot=${system.sysroot}`])).toContain(before.checksum);
  expect(fs.existsSync(`/run/ostree/staged-initrds/${sum}`)).toBe(false);
});

test('each later change takes the files as they are then', () => {
  const first = initrds()[1];
  yumOstreeOk(system, ['install', 'gdb']);
  expect(initrds()[1]).toBe(first);
  fs.writeFileSync(path.join(deploymentRoot(system), 'etc/crypttab'), 'root UUID=2 none\n');
  expect(yumOstree(system, ['initramfs-etc', '--track=/etc/crypttab', '--unchanged-exit-77']).status).toBe(
    77,
  );
  yumOstreeOk(system, ['initramfs-etc', '--force-sync']);
  expect(initrds()[1]).not.toBe(first);
  const text = execFileSync('sh', ['-c', `zcat ${overlayFile()} | cpio -i --quiet --to-stdout etc/crypttab`]);
  expect(text.toString()).toBe('root UUID=2 none\n');
  yumOstreeOk(system, ['uninstall', 'gdb']);
  expect(initrds()).toHaveLength(2);
  yumOstreeOk(system, ['rollback']);
  expect(initrds()).toHaveLength(2);
  yumOstreeOk(system, ['rollback']);
});

const REFUSED = [
  ['/usr/bin/true', /Path outside \/etc forbidden: \/usr\/bin\/true/],
  ['/etc/none', /\/etc\/none is tracked for the initramfs, and there is no such file/],
  ['/etc/fifo', /\/etc\/fifo is neither file, directory nor link/],
  ['/etc/elsewhere/x', /\/etc\/elsewhere is no directory/],
] as const;

test('a newer base and another ref have them too', () => {
  const [tracked, overlay] = [originOf(system), initrds()[1]];
  const commit = [
    'commit',
    `--repo=${system.repo}`,
    '--no-bindings',
    '-s',
    'newer',
    '--timestamp=@1700000500',
  ];
  for (const ref of [BASE_REF, 'test/other'])
    runProgram('ostree', [
      ...commit,
      '-b',
      ref,
      `--tree=ref=${system.base}`,
      `--add-metadata-string=version=${ref}`,
    ]);
  yumOstreeOk(system, ['upgrade']);
  expect([originOf(system), initrds()[1]]).toEqual([tracked, overlay]);
  yumOstreeOk(system, ['switch', 'test/other']);
  expect(initrds()[1]).toBe(overlay);
  expect(originOf(system)).toContain('baserefspec=test/other\n\n[rpmostree]\ninitramfs-etc=');
  yumOstreeOk(system, ['switch', BASE_REF]);
  yumOstreeOk(system, ['kargs', '--append=more']);
  expect(initrds()[1]).toBe(overlay);
});

test('what is no file of /etc is refused, and nothing is deployed', () => {
  runProgram('mkfifo', [path.join(deploymentRoot(system), 'etc/fifo')]);
  const before = fs.readlinkSync(path.join(system.sysroot, 'boot/loader'));
  for (const [file, message] of REFUSED) {
    const { status, stderr } = yumOstree(system, ['initramfs-etc', `--track=${file}`]);
    expect([status, stderr]).toEqual([file.startsWith('/etc/') ? 1 : 2, expect.stringMatching(message)]);
  }
  expect(fs.readlinkSync(path.join(system.sysroot, 'boot/loader'))).toBe(before);
  expect(originOf(system)).not.toContain('fifo');
});

test('with nothing tracked any more it is the base again, and the initrd goes with the last deployment', () => {
  yumOstreeOk(system, ['initramfs-etc', '--untrack-all']);
  expect(initrds()).toHaveLength(1);
  const base = runProgram('ostree', ['rev-parse', `--repo=${system.repo}`, BASE_REF]).trim();
  expect(firstDeployment(system).checksum).toBe(base);
  expect(originOf(system).trim()).toBe(`[origin]\nrefspec=${BASE_REF}`);
  expect(yumOstreeOk(system, ['initramfs-etc'])).toBe('No files of /etc are tracked.\n');
  yumOstreeOk(system, ['install', 'gdb']);
  yumOstreeOk(system, ['cleanup']);
  expect(fs.readdirSync(path.join(system.sysroot, 'boot/ostree/initramfs-overlays'))).toEqual([]);
  fsckClean(system);
});

test('rpm-ostree by name has the same words', () => {
  const words = ['initramfs-etc', '--track=/etc/crypttab', `--sysroot=${system.sysroot}`];
  const { status, stderr } = spawnSync(path.resolve('cli/bin/rpm-ostree'), words, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  expect(firstDeployment(system)).toMatchObject({ 'initramfs-etc': ['/etc/crypttab'] });
  yumOstreeOk(system, ['reset', '-i']);
  expect(firstDeployment(system)).toMatchObject({ 'initramfs-etc': [], packages: ['gdb'] });
  expect(initrds()).toHaveLength(1);
});
