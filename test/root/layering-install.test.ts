/** The main job against the peers: what ostree, rpm and a person see after installing, and after undoing it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  clientArguments,
  deploymentRoot,
  deploymentsOf,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  originOf,
  publish,
  rpm,
  rpmNames,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const COMPS = `<comps><group><id>tracing</id><name>Tracing</name><packagelist>
<packagereq type="mandatory">strace</packagereq><packagereq type="default">ltrace</packagereq>
<packagereq type="optional">gdb</packagereq></packagelist></group></comps>`;

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem();
  publish(
    system,
    [
      {
        name: 'strace',
        requires: ['libunwind'],
        recommends: ['strace-doc'],
        files: [
          { path: '/usr/bin/strace', content: 'strace\n', mode: 0o755 },
          { path: '/etc/strace.conf', content: 'x=1\n', role: 'noreplace' },
        ],
      },
      { name: 'libunwind', files: [{ path: '/usr/lib64/libunwind.txt', content: 'lib\n' }] },
      { name: 'strace-doc', files: [{ path: '/usr/share/doc/strace', content: 'doc\n' }] },
      {
        name: 'ltrace',
        files: [
          { path: '/usr/bin/ltrace', content: 'l\n', mode: 0o4755, caps: 'cap_net_raw=ep' },
          { path: '/usr/bin/lt', kind: 'symlink', target: 'ltrace' },
          { path: '/usr/share/ltrace/data', content: 'd\n', group: 'bin', mode: 0o640 },
          {
            path: '/usr/share/ltrace/again',
            kind: 'hardlink',
            to: '/usr/share/ltrace/data',
            group: 'bin',
            mode: 0o640,
          },
          { path: '/var/lib/ltrace', kind: 'directory' },
        ],
      },
      { name: 'gdb', files: [{ path: '/usr/bin/gdb', content: 'gdb\n', mode: 0o755 }] },
      { name: 'clash', files: [{ path: '/usr/bin/shared-tool', content: 'another\n', mode: 0o755 }] },
      { name: 'clash-two', files: [{ path: '/usr/bin/gdb', content: 'not gdb\n', mode: 0o755 }] },
      { name: 'broken', requires: ['nothing-has-this'] },
      { name: 'against-nano', conflicts: ['nano'] },
      { name: 'odd-script', extraSections: '%post -q\necho "[%%{PROVIDENAME}]"' },
    ],
    { comps: COMPS },
  );
});

afterAll(() => system.remove());

test('--dry-run prints the plan and changes nothing', () => {
  const text = yumOstreeOk(system, ['install', '--dry-run', '@tracing']);
  expect(text).toContain(`${BASE_REF}+@tracing\n`);
  expect(text).toMatch(/\+ libunwind-1\.0-1\.noarch +test +dependency/);
  const plan = JSON.parse(
    yumOstreeOk(system, ['install', '--dry-run', '--json', '--no-weak-deps', 'strace']),
  ) as {
    install: { nevra: string }[];
  };
  expect(plan.install.map(({ nevra }) => nevra)).toEqual(['libunwind-1.0-1.noarch', 'strace-1.0-1.noarch']);
  expect(deploymentsOf(system)).toHaveLength(1);
  fsckClean(system);
});

test('--dry-run needs neither the lock nor a writable system', () => {
  const client = [process.execPath, ...clientArguments(system, ['install', '--dry-run', '-q', '@tracing'])];
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const text = runProgram('unshare', ['-m', 'sh', '-c', script, system.sysroot, ...client]);
  expect(text).toMatch(/\+ libunwind-1\.0-1\.noarch/);
});

test('install @group: the tree, its name, its ref, its rpmdb, and what C ostree says', () => {
  yumOstreeOk(system, ['install', '@tracing']);
  const [now, before] = deploymentsOf(system);
  expect(now).toMatchObject({
    'tree-name': `${BASE_REF}+@tracing`,
    'base-checksum': system.base,
    groups: ['tracing'],
    packages: [],
    rollback: false,
  });
  expect(before).toMatchObject({ checksum: system.base, rollback: true });
  expect(rpmNames(system)).toEqual([
    'base-files',
    'icons',
    'libunwind',
    'ltrace',
    'nano',
    'pico',
    'strace',
    'strace-doc',
  ]);
  const refs = runProgram('ostree', ['refs', `--repo=${system.repo}`]).split('\n');
  expect(refs).toContain('yum-ostree/test/x86__64/base_2B_40tracing');
  expect(refs).toContain('yum-ostree/base/0');
  fsckClean(system);
  const admin = runProgram('ostree', ['admin', 'status', `--sysroot=${system.sysroot}`]);
  expect(admin).toContain(`${now?.checksum ?? ''}.0`);
});

test('files have the owners, modes and capabilities of their packages', () => {
  const root = deploymentRoot(system);
  const ltrace = fs.statSync(path.join(root, 'usr/bin/ltrace'));
  expect([ltrace.uid, ltrace.mode & 0o7777]).toEqual([0, 0o4755]);
  expect(runProgram('getcap', [path.join(root, 'usr/bin/ltrace')])).toContain('cap_net_raw=ep');
  const data = fs.statSync(path.join(root, 'usr/share/ltrace/data'));
  expect([data.gid, data.mode & 0o7777]).toEqual([2, 0o640]);
  expect(fs.statSync(path.join(root, 'usr/share/ltrace/again')).ino).toBe(data.ino);
  expect(fs.readlinkSync(path.join(root, 'usr/bin/lt'))).toBe('ltrace');
  expect(fs.readFileSync(path.join(root, 'etc/strace.conf'), 'utf8')).toBe('x=1\n');
  expect(fs.existsSync(path.join(root, 'usr/bin/gdb'))).toBe(false);
});

test('rpm -V and rpm -qf agree with the tree', () => {
  const root = deploymentRoot(system);
  const database = fs.mkdtempSync('/var/tmp/yum-ostree-rpmv-');
  try {
    // rpm verifies a root with the database in it, and makes files beside the database: so a copy.
    runProgram('cp', ['-a', '--reflink=auto', `${root}/.`, database]);
    fs.rmSync(path.join(database, 'etc'), { recursive: true });
    fs.cpSync(path.join(database, 'usr/etc'), path.join(database, 'etc'), { recursive: true });
    const verify = spawnSync(
      'rpm',
      ['--root', database, '--dbpath', '/usr/share/rpm', '-Va', '--nomtime', '--nodeps', '--noscripts'],
      { encoding: 'utf8' },
    );
    // tmpfiles.d makes it at boot.
    expect(verify.stdout.trim()).toBe('missing     /var/lib/ltrace');
  } finally {
    fs.rmSync(database, { recursive: true, force: true });
  }
  expect(rpm(system, ['-qf', '--qf', '%{NAME}\n', '/usr/bin/strace']).trim()).toBe('strace');
  expect(rpm(system, ['-q', '--whatrequires', 'libunwind', '--qf', '%{NAME}\n']).trim()).toBe('strace');
});

test('the same request is nothing to do; the same tree is the same commit', () => {
  const { checksum } = firstDeployment(system);
  expect(yumOstree(system, ['install', '@tracing', '--idempotent', '--unchanged-exit-77']).status).toBe(77);
  expect(yumOstree(system, ['install', '@tracing'])).toMatchObject({ status: 1 });
  yumOstreeOk(system, ['install', 'gdb']);
  expect(firstDeployment(system)['tree-name']).toBe(`${BASE_REF}+@tracing+gdb`);
  yumOstreeOk(system, ['uninstall', 'gdb']);
  expect(firstDeployment(system).checksum).toBe(checksum);
  fsckClean(system);
});

test('a base package becomes a removal in the name; reset takes it back', () => {
  const root = (): string => deploymentRoot(system);
  yumOstreeOk(system, ['uninstall', 'nano']);
  expect(firstDeployment(system)).toMatchObject({
    'tree-name': `${BASE_REF}+@tracing-nano`,
    removals: ['nano'],
  });
  expect(rpmNames(system)).not.toContain('nano');
  expect(fs.existsSync(path.join(root(), 'usr/bin/nano'))).toBe(false);
  expect(fs.existsSync(path.join(root(), 'usr/share/nano'))).toBe(false);
  // Another package has this one too.
  expect(fs.existsSync(path.join(root(), 'usr/share/common/kept'))).toBe(true);
  expect(originOf(system)).toMatch(/\[overrides\]\nremove=nano;/);
  yumOstreeOk(system, ['install', 'against-nano']);
  yumOstreeOk(system, ['uninstall', 'against-nano']);
  expect(yumOstreeOk(system, ['override', 'reset', 'nano'])).toMatch(
    /^ +\+ nano-1\.0-1\.noarch +of the base$/m,
  );
  expect(firstDeployment(system)['tree-name']).toBe(`${BASE_REF}+@tracing`);
  fsckClean(system);
});

test('what came with a group is named with the group when it is asked to go', () => {
  const { status, stderr } = yumOstree(system, ['uninstall', 'strace']);
  expect(stderr).toContain('strace: layered as a part of @tracing');
  expect(status).toBe(1);
});

test('undoing everything leads back to the base commit and its origin', () => {
  yumOstreeOk(system, ['uninstall', '@tracing']);
  expect(firstDeployment(system)).toMatchObject({ checksum: system.base, 'tree-name': BASE_REF });
  expect(originOf(system).trim()).toBe(`[origin]\nrefspec=${BASE_REF}`);
  fsckClean(system);
});

test('rollback boots the previous deployment, with words of C ostree too', () => {
  yumOstreeOk(system, ['install', 'gdb']);
  const { checksum } = firstDeployment(system);
  yumOstreeOk(system, ['rollback']);
  expect(firstDeployment(system).checksum).toBe(system.base);
  const admin = runProgram('ostree', ['admin', 'status', `--sysroot=${system.sysroot}`]);
  expect(admin.trim().split('\n')[0]).toContain(system.base);
  expect(JSON.parse(yumOstreeOk(system, ['rollback', '--json']))).toEqual({
    result: 'rolled-back',
    'tree-name': `${BASE_REF}+gdb`,
    checksum,
  });
  expect(firstDeployment(system).checksum).toBe(checksum);
  yumOstreeOk(system, ['uninstall', 'gdb']);
});

test.each(['nosuch', '../x', ''])(
  'status of the stateroot %j, of which there is nothing, is an error',
  (name) => {
    const { status, stderr } = yumOstree(system, ['status', `--os=${name}`]);
    expect(stderr).toContain(`no deployment of stateroot '${name}'`);
    expect(status).toBe(1);
  },
);

test.each([
  ['missing', null],
  ['empty', ''],
  ['truncated', 'keep 50'],
  ['of something else', 'x'.repeat(300)],
])('status tells of a deployment whose commit is %s beside the others', (_how, content) => {
  yumOstreeOk(system, ['install', 'gdb']);
  const other = deploymentsOf(system)[1]?.checksum ?? '';
  const file = path.join(system.repo, 'objects', other.slice(0, 2), `${other.slice(2)}.commit`);
  const bytes = fs.readFileSync(file);
  fs.rmSync(file);
  if (content !== null) fs.writeFileSync(file, content === 'keep 50' ? bytes.subarray(0, 50) : content);
  const text = yumOstreeOk(system, ['status']);
  const json = yumOstreeOk(system, ['status', '--json']);
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, bytes);
  expect(text).toContain(`${BASE_REF}+gdb (default)`);
  expect(text).toMatch(/Note: +its commit is (missing|damaged)/);
  const { deployments } = JSON.parse(json) as { deployments: { checksum: string; remarks: string[] }[] };
  expect(deployments.find(({ checksum }) => checksum === other)?.remarks).toHaveLength(1);
  yumOstreeOk(system, ['uninstall', 'gdb']);
});

test.each([
  [['nope', 'nada'], /^error: no such package or group: nope, nada\n/],
  [['broken'], /broken-1\.0-1\.noarch.*nothing-has-this/],
  [
    ['clash'],
    /file \/usr\/bin\/shared-tool of clash-1\.0-1\.noarch \([0-9a-f]{16}\) conflicts with that of base-files-1\.0-1\.noarch in the base \([0-9a-f]{16}\)/,
  ],
  [['gdb', 'clash-two'], /file \/usr\/bin\/gdb of .* conflicts with that of (gdb|clash-two)-1\.0-1\.noarch/],
  [['against-nano'], /nano/],
  [['odd-script'], /package odd-script: %post has the query format '\['/],
  [['@none'], /no such package or group: @none/],
  [['./missing.rpm'], /missing\.rpm cannot be read: there is no such file/],
])('install %j is refused in one go, and nothing changes', (words, message) => {
  const before = deploymentsOf(system);
  const { status, stderr } = yumOstree(system, ['install', '-q', ...words]);
  expect(stderr).toMatch(message);
  expect(status).toBe(1);
  expect(deploymentsOf(system)).toEqual(before);
  fsckClean(system);
});

test('what the base has already is an error, or inactive where that is wanted', () => {
  const refused = yumOstree(system, ['install', 'pico']);
  expect(refused).toMatchObject({ status: 1 });
  expect(refused.stderr).toMatch(/the base provides already: pico/);
  yumOstreeOk(system, ['install', 'pico', 'gdb', '--allow-inactive']);
  expect(firstDeployment(system)).toMatchObject({
    'tree-name': `${BASE_REF}+gdb`,
    'requested-packages': ['gdb', 'pico'],
    'inactive-requests': ['pico'],
  });
  yumOstreeOk(system, ['uninstall', 'pico', 'gdb']);
});

test('--force-replacefiles lets a package win', () => {
  yumOstreeOk(system, ['install', 'clash', '--force-replacefiles']);
  const file = path.join(deploymentRoot(system), 'usr/bin/shared-tool');
  expect(fs.readFileSync(file, 'utf8')).toBe('another\n');
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'clash']);
  expect(fs.readFileSync(path.join(deploymentRoot(system), 'usr/bin/shared-tool'), 'utf8')).toBe(
    'base tool\n',
  );
});

test('a package file is layered, survives other changes without the file, and goes', () => {
  const file = path.join(system.directory, 'local-gdb.rpm');
  fs.copyFileSync(path.join(system.packages, 'gdb-1.0-1.noarch.rpm'), file);
  yumOstreeOk(system, ['install', file]);
  fs.rmSync(file);
  yumOstreeOk(system, ['install', 'libunwind']);
  expect(firstDeployment(system)['tree-name']).toBe(`${BASE_REF}+gdb+libunwind`);
  expect(rpmNames(system)).toContain('gdb');
  yumOstreeOk(system, ['uninstall', 'gdb', 'libunwind']);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('an unsigned file is refused unless checks are turned off', () => {
  const client = [path.resolve('cli/bin/yum-ostree'), `--sysroot=${system.sysroot}`, 'install'];
  const file = path.join(system.packages, 'gdb-1.0-1.noarch.rpm');
  const { status, stderr } = spawnSync(process.execPath, [...client, file], { encoding: 'utf8' });
  expect(stderr).toMatch(/gdb-1\.0-1\.noarch\.rpm\): it is not signed/);
  expect(status).toBe(1);
});

test('unsigned packages of a repository are all named at once', () => {
  const client = [path.resolve('cli/bin/yum-ostree'), `--sysroot=${system.sysroot}`, 'install'];
  const repository = `--repofrompath=test,${system.packages}`;
  const { status, stderr } = spawnSync(process.execPath, [...client, repository, 'strace', 'gdb'], {
    encoding: 'utf8',
  });
  for (const name of ['strace', 'libunwind', 'gdb'])
    expect(stderr).toMatch(new RegExp(`${name}-1\\.0-1\\.noarch .*: it is not signed`));
  expect(status).toBe(1);
});

test('where a 32-bit and a 64-bit program share a path, the 64-bit one stays', () => {
  const directory = path.join(system.directory, 'multilib');
  // The colour of a file is found by rpmbuild in its ELF header.
  const elf = (bits: 1 | 2): Uint8Array => {
    const bytes = new Uint8Array(256);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, bits, 1, 1]);
    bytes.set(bits === 2 ? [2, 0, 62, 0, 1] : [2, 0, 3, 0, 1], 16);
    bytes[bits === 2 ? 52 : 40] = bits === 2 ? 64 : 52;
    return bytes;
  };
  const tool = (bits: 1 | 2) => [{ path: '/usr/bin/both', content: elf(bits), mode: 0o755 }];
  const small = buildRpm(directory, { name: 'tool32', arch: 'x86_64', files: tool(1) });
  const large = buildRpm(directory, { name: 'tool64', arch: 'x86_64', files: tool(2) });
  const colours = runProgram('rpm', ['-qp', '--qf', '[%{FILECOLORS} ]', small, large]).trim();
  expect(colours.split(' ')).toEqual(['1', '2']);
  for (const order of [
    [small, large],
    [large, small],
  ]) {
    yumOstreeOk(system, ['install', ...order]);
    expect(fs.readFileSync(path.join(deploymentRoot(system), 'usr/bin/both'))[4]).toBe(2);
    yumOstreeOk(system, ['uninstall', 'tool32', 'tool64']);
  }
});

test('upgrade composes on the newest base, and carries /etc', () => {
  yumOstreeOk(system, ['install', 'gdb']);
  fs.writeFileSync(path.join(deploymentRoot(system), 'etc/local.conf'), 'mine\n');
  const tree = fs.mkdtempSync(path.join(system.directory, 'newer-'));
  runProgram('ostree', ['checkout', `--repo=${system.repo}`, '-C', BASE_REF, path.join(tree, 't')]);
  fs.writeFileSync(path.join(tree, 't/usr/share/base/new'), 'new\n');
  const commit = ['commit', `--repo=${system.repo}`, '-b', BASE_REF, '--no-bindings', '-s', 'newer'];
  runProgram('ostree', [...commit, '--timestamp=@1700001000', `--tree=dir=${path.join(tree, 't')}`]);
  yumOstreeOk(system, ['upgrade']);
  const root = deploymentRoot(system);
  expect(fs.existsSync(path.join(root, 'usr/share/base/new'))).toBe(true);
  expect(fs.existsSync(path.join(root, 'usr/bin/gdb'))).toBe(true);
  expect(fs.readFileSync(path.join(root, 'etc/local.conf'), 'utf8')).toBe('mine\n');
  expect(yumOstree(system, ['upgrade', '--unchanged-exit-77']).status).toBe(77);
  fsckClean(system);
});
