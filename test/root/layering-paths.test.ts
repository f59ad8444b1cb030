/** Files outside /usr: what systemd-tmpfiles makes of a layered package is what rpm itself would have put there. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  deploymentRoot,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  publish,
  rpmReference,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [
    {
      name: 'places',
      files: [
        { path: '/opt/Vendor One/bin/tool', content: 'tool\n', mode: 0o755 },
        { path: '/opt/plain', kind: 'directory' },
        { path: '/opt/plain/data', content: 'data\n', mode: 0o640 },
        { path: '/opt/"quoted"/it', content: 'it\n' },
        { path: '/boot/extra', content: 'boot\n' },
        { path: '/var/lib/places', kind: 'directory', mode: 0o750, group: 'bin' },
        { path: '/var/lib/places/seed', content: 'seed\n', mode: 0o640, group: 'bin' },
        { path: '/var/lib/places/two words', content: 'two\n' },
        { path: '/var/lib/places/quo"ted', content: 'quoted\n' },
        { path: '/var/lib/places/100%', content: 'percent\n' },
        { path: '/var/lib/places/link', kind: 'symlink', target: 'seed' },
        { path: '/var/cache/places', kind: 'directory', mode: 0o1777 },
        { path: '/var/lib/places/ghost', kind: 'ghost', content: '1' },
        { path: '/usr/share/doc/places/README', content: 'read me\n', role: 'doc' },
        { path: '/usr/share/licenses/places/LICENSE', content: 'free\n', role: 'license' },
      ],
    },
    {
      name: 'elsewhere',
      files: ['/srv/www/a', '/home/user/b', '/root/d'].map((file) => ({ path: file })),
    },
    { name: 'local', files: ['/usr/local/bin/c', '/usr/local/share/c'].map((file) => ({ path: file })) },
    {
      name: 'vendor',
      files: [
        { path: '/opt/Vendor/tool', content: '#!/bin/sh\necho ran > "$1"\n', mode: 0o755 },
        { path: '/var/lib/alternatives', kind: 'directory' },
      ],
      post: [
        '/opt/Vendor/tool /usr/share/ran && chmod 4755 /opt/Vendor/tool',
        'echo made > /opt/Vendor/made && ln -s /opt/Vendor/tool /usr/bin/vendor-tool',
        'echo auto > /var/lib/alternatives/ld',
      ].join(' && '),
    },
    {
      name: 'folders',
      files: ['/srv', '/home', '/usr/local/bin'].map((file) => ({ path: file, kind: 'directory' as const })),
    },
  ]);
});

afterAll(() => system.remove());

/** Kinds, modes, owners and contents below /opt and /var/{lib,cache}/places; links to /usr/lib/opt are followed. */
function listing(root: string): string {
  const find =
    'find -L opt var/lib/places var/cache/places -printf "%p %y %m %U %G\\n" -type f -exec sha256sum {} +';
  const { stdout, stderr } = spawnSync('sh', ['-c', `cd "$0" && ${find}`, root], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').sort().join('\n');
}

/** The deployment as a booted machine sees it, after systemd-tmpfiles. */
function bootedCopy(): string {
  const root = path.join(system.directory, 'booted');
  runProgram('cp', ['-a', `${deploymentRoot(system)}/.`, root]);
  fs.rmSync(path.join(root, 'var'), { recursive: true, force: true });
  for (const name of ['var/lib', 'var/cache', 'var/opt'])
    fs.mkdirSync(path.join(root, name), { recursive: true });
  // As in OSTree's layout.
  fs.symlinkSync('var/opt', path.join(root, 'opt'));
  runProgram('systemd-tmpfiles', [
    `--root=${root}`,
    '--create',
    path.join(root, 'usr/lib/tmpfiles.d/yum-ostree-places.noarch.conf'),
  ]);
  return root;
}

test('what lies in /opt and /var is there after a boot as rpm would have put it', () => {
  yumOstreeOk(system, ['install', 'places']);
  const [booted, reference] = [bootedCopy(), rpmReference(system, { install: ['places'] })];
  expect(listing(booted)).toBe(listing(reference));
  const verify = ['--root', booted, '--dbpath', '/usr/share/rpm', '-V', '--nomtime', 'places'];
  const { stdout } = spawnSync('rpm', verify, { encoding: 'utf8' });
  // The kernel's folder of a tree is elsewhere; what a ghost is for makes it.
  expect(stdout.replace(/^missing +\/boot\/extra\n|^missing +g? *\/var\/lib\/places\/ghost\n/gm, '')).toBe(
    '',
  );
  expect(fs.readFileSync(path.join(booted, 'usr/lib/ostree-boot/extra'), 'utf8')).toBe('boot\n');
  fsckClean(system);
});

test('documentation and licences are there, marked as rpm marks them', () => {
  const place = ['--root', deploymentRoot(system), '--dbpath', '/usr/share/rpm'];
  expect(
    runProgram('rpm', [...place, '-q', '--docfiles', '--licensefiles', 'places'])
      .trim()
      .split('\n')
      .sort(),
  ).toEqual(['/usr/share/doc/places/README', '/usr/share/licenses/places/LICENSE']);
  yumOstreeOk(system, ['uninstall', 'places']);
});

test('files that no tree may have are refused, all of them in one go; folders that every system has are not', () => {
  const { status, stderr } = yumOstree(system, ['install', 'elsewhere']);
  for (const file of ['/srv/www/a', '/home/user/b', '/root/d'])
    expect(stderr).toContain(`'${file}' cannot be part of a tree`);
  expect(status).toBe(1);
  yumOstreeOk(system, ['install', 'folders']);
  expect(firstDeployment(system)).toMatchObject({ packages: ['folders'] });
});

/** The links that a base has for what belongs to the machine. */
const LINKS = { '/opt': 'var/opt', '/srv': 'var/srv', '/mnt': 'var/mnt', '/usr/local': '../var/usrlocal' };

test('a base with links into /var: /opt is linked to, /usr/local is the administrator’s', () => {
  const links = Object.entries(LINKS).map(([file, target]) => ({
    path: file,
    kind: 'symlink' as const,
    target,
  }));
  const linked = makeTestSystem('/var/tmp', { base: [{ name: 'layout', files: links }] });
  try {
    fs.cpSync(system.packages, linked.packages, { recursive: true });
    const { status, stderr } = yumOstree(linked, ['install', 'local', 'places']);
    for (const file of ['/usr/local/bin/c', '/usr/local/share/c'])
      expect(stderr).toContain(
        `package local-1.0-1.noarch: '${file}' cannot be part of a tree: in this base`,
      );
    expect(status).toBe(1);
    yumOstreeOk(linked, ['install', 'places', 'folders', 'vendor']);
    const root = deploymentRoot(linked);
    expectVendor(root);
    for (const [file, target] of Object.entries(LINKS)) expect(fs.readlinkSync(root + file)).toBe(target);
    expect(fs.readFileSync(path.join(root, 'usr/lib/opt/plain/data'), 'utf8')).toBe('data\n');
    fsckClean(linked);
  } finally {
    linked.remove();
  }
});

function expectVendor(root: string): void {
  const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8');
  expect([read('usr/share/ran'), read('usr/lib/opt/Vendor/made'), read('usr/lib/alternatives/ld')]).toEqual([
    'ran\n',
    'made\n',
    'auto\n',
  ]);
  expect(fs.statSync(path.join(root, 'usr/lib/opt/Vendor/tool')).mode & 0o7777).toBe(0o4755);
  expect(fs.readlinkSync(path.join(root, 'usr/bin/vendor-tool'))).toBe('/opt/Vendor/tool');
}

test('scripts see what packages have in /opt and /var/lib/alternatives where they look for it', () => {
  yumOstreeOk(system, ['install', 'vendor']);
  expectVendor(deploymentRoot(system));
  fsckClean(system);
});

test('a base that keeps /usr/local with the system takes files there', () => {
  const own = { path: '/usr/local/share/of-base', content: 'base\n' };
  const local = makeTestSystem('/var/tmp', { base: [{ name: 'layout', files: [own] }] });
  try {
    fs.cpSync(system.packages, local.packages, { recursive: true });
    yumOstreeOk(local, ['install', 'local', 'folders']);
    const root = deploymentRoot(local);
    const verify = ['--root', root, '--dbpath', '/usr/share/rpm', '-V', '--nomtime', 'local', 'layout'];
    expect(spawnSync('rpm', verify, { encoding: 'utf8' }).stdout).toBe('');
    yumOstreeOk(local, ['uninstall', 'local', 'folders']);
    expect(fs.readdirSync(path.join(deploymentRoot(local), 'usr/local'))).toEqual(['share']);
    fsckClean(local);
  } finally {
    local.remove();
  }
});
