/** Packages' scripts: what they see, what of their work ends up in the tree, and what happens when they fail. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  BASE_REF,
  deploymentRoot,
  deploymentsOf,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  publish,
  startYumOstree,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

let system: TestSystem;
/** Some library of this machine. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/libdl.so.2';

/** Seconds, as no other process sleeps: no other run of this test has the same. */
const HANGING = String(100_000 + process.pid);

const PROBE = `
exec > /usr/share/probe
echo "argument $1"
echo "offline $SYSTEMD_OFFLINE epoch $SOURCE_DATE_EPOCH"
touch /var/forbidden 2>/dev/null && echo "var writable"
touch /var/tmp/x /tmp/x /run/x && echo "scratch writable"
echo state > /var/lib/rpm-state/probe
while read name rest; do case $name in CapEff:) echo "caps $rest";; esac; done < /proc/self/status
[ -n "$(ls -A /sysroot)" ] && echo "host visible: $(ls /sysroot)"
[ -c /dev/null ] && [ ! -e /dev/sda ] && [ ! -e /dev/vda ] && echo "dev minimal"
[ -z "$(ls /usr/share/rpm)" ] && echo "rpmdb hidden"
`;

beforeAll(() => {
  system = makeTestSystem();
  publish(system, [
    {
      name: 'probe',
      post: PROBE,
      posttrans: 'cat /var/lib/rpm-state/probe >> /usr/share/probe; rm -f /var/lib/rpm-state/probe',
    },
    {
      name: 'service',
      pre: 'groupadd -r service && useradd -r -g service -d / -s /usr/sbin/nologin -M service',
      post: 'id service > /usr/share/service-id',
      files: [
        {
          path: '/usr/share/service/secret',
          content: 's\n',
          owner: 'service',
          group: 'service',
          mode: 0o640,
        },
        { path: '/usr/bin/serviced', content: 'x', group: 'service', mode: 0o2755, caps: 'cap_kill=ep' },
        { path: '/usr/share/service/dir', kind: 'directory', owner: 'service', mode: 0o750 },
      ],
    },
    {
      name: 'sysusers',
      files: [
        { path: '/usr/lib/sysusers.d/sysusers.conf', content: 'u daemonish 77 "A daemon" /var/lib/d\n' },
        { path: '/usr/share/daemonish', content: 'x', owner: 'daemonish', group: 'daemonish' },
      ],
    },
    ...['early', 'late'].map((name) => ({
      name: `${name}-user`,
      files: [
        { path: `/usr/lib/sysusers.d/${name}.conf`, content: `u ${name} -\n` },
        { path: `/usr/share/${name}`, content: 'x', owner: name, group: name },
      ],
    })),
    {
      name: 'vandal',
      files: [{ path: '/usr/share/vandal/own', content: 'own\n' }],
      post: [
        'echo more >> /usr/share/base/readme',
        'echo more >> /usr/share/vandal/own',
        'chmod 600 /usr/bin/shared-tool',
        'rm -rf /usr/share/common',
        'mkdir /usr/share/common; echo new > /usr/share/common/new',
        'ln -s target /usr/share/link; mv /usr/share/base /usr/share/moved',
        'sed -i s/a=1/a=2/ /etc/base.conf',
      ].join('\n'),
    },
    { name: 'icon-one', files: [{ path: '/usr/share/icons/one.png', content: '1' }] },
    { name: 'other', files: [{ path: '/usr/share/other', content: '1' }] },
    {
      name: 'own-interpreter',
      scripts: { post: ['"/usr/bin/bash -u"', 'echo "$- $1" > /usr/share/interpreted'] },
    },
    { name: 'failing', post: 'echo first; echo second >&2; exit 7' },
    { name: 'talking', pre: 'echo before', post: 'echo one; echo -n "two, no end" >&2' },
    { name: 'long-winded', post: 'for i in {1..100}; do echo "line $i"; done; exit 1' },
    {
      name: 'hanging',
      post: `trap '' INT TERM; sleep ${HANGING} & (sleep ${HANGING} & disown); echo waiting; sleep ${HANGING}`,
    },
    { name: 'early', files: [{ path: '/usr/share/early', content: 'x', owner: 'late', group: 'late' }] },
    {
      name: 'late',
      requires: ['early'],
      pre: 'groupadd -r late && useradd -r -g late -d / -s /usr/sbin/nologin -M late',
    },
    { name: 'library', files: [{ path: '/usr/lib/libthing.so.1', content: fs.readFileSync(LIBRARY) }] },
    { name: 'nobody-makes', files: [{ path: '/usr/share/x', content: 'x', owner: 'nobody-knows' }] },
  ]);
});

afterAll(() => system.remove());

function logFile(): string {
  return path.join(system.sysroot, 'ostree/deploy/test/var/cache/yum-ostree/scripts.log');
}

function scriptLog(): string {
  return fs.readFileSync(logFile(), 'utf8');
}

function read(file: string): string {
  return fs.readFileSync(path.join(deploymentRoot(system), file), 'utf8');
}

test('a script sees the composed tree and nothing of the machine', () => {
  yumOstreeOk(system, ['install', 'probe']);
  expect(read('usr/share/probe').trim().split('\n')).toEqual([
    'argument 1',
    'offline 1 epoch 1700000000',
    'scratch writable',
    'caps 00000000800401fb',
    'dev minimal',
    'rpmdb hidden',
    'state',
  ]);
  expect(fs.existsSync(path.join(deploymentRoot(system), 'usr/etc/.pwd.lock'))).toBe(false);
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'probe']);
});

test('users that %pre makes own their files, and reach the tree', () => {
  yumOstreeOk(system, ['install', 'service']);
  const root = deploymentRoot(system);
  expect(read('usr/etc/passwd')).toMatch(/^service:x:999:999:/m);
  expect(read('usr/share/service-id')).toMatch(/^uid=999\(service\) gid=999\(service\)/);
  const secret = fs.statSync(path.join(root, 'usr/share/service/secret'));
  expect([secret.uid, secret.gid, secret.mode & 0o7777]).toEqual([999, 999, 0o640]);
  const program = fs.statSync(path.join(root, 'usr/bin/serviced'));
  expect([program.uid, program.gid, program.mode & 0o7777]).toEqual([0, 999, 0o2755]);
  const directory = fs.statSync(path.join(root, 'usr/share/service/dir'));
  expect([directory.uid, directory.gid, directory.mode & 0o7777]).toEqual([999, 0, 0o750]);
  fsckClean(system);
  const { checksum } = firstDeployment(system);
  yumOstreeOk(system, ['uninstall', 'service']);
  yumOstreeOk(system, ['install', 'service']);
  expect(firstDeployment(system).checksum).toBe(checksum);
  yumOstreeOk(system, ['uninstall', 'service']);
});

test('a user that the %pre of a later package makes owns files of an earlier one', () => {
  yumOstreeOk(system, ['install', 'late']);
  const { uid, gid } = fs.statSync(path.join(deploymentRoot(system), 'usr/share/early'));
  expect([uid, gid]).toEqual([999, 999]);
  expect(read('usr/etc/passwd')).toMatch(/^late:x:999:999:/m);
  yumOstreeOk(system, ['uninstall', 'late']);
});

test('the cache of ldconfig is made anew where a library changed, and only there', () => {
  const other = makeTestSystem('/var/tmp', {
    base: [{ name: 'cache', files: [{ path: '/etc/ld.so.cache', content: 'of the base' }] }],
  });
  try {
    fs.cpSync(system.packages, other.packages, { recursive: true });
    const scripts = (item: string): string[] => {
      const out = yumOstreeOk(other, ['install', '-q', '--json', item]);
      const { scripts: ran } = JSON.parse(out) as { scripts: { package: string; script: string }[] };
      return ran.map((one) => `${one.package} ${one.script}`);
    };
    const cache = (): string =>
      fs.readFileSync(path.join(deploymentRoot(other), 'usr/etc/ld.so.cache'), 'latin1');
    expect(scripts('other')).toEqual([]);
    expect(cache()).toBe('of the base');
    expect(scripts('library')).toEqual(['glibc transfiletriggerin']);
    expect(cache().includes('libdl.so.2')).toBe(true);
  } finally {
    other.remove();
  }
});

test('sysusers.d makes users without any script', () => {
  yumOstreeOk(system, ['install', 'sysusers']);
  expect(read('usr/etc/passwd')).toMatch(/^daemonish:x:77:77:A daemon:\/var\/lib\/d:\/usr\/sbin\/nologin$/m);
  expect(fs.statSync(path.join(deploymentRoot(system), 'usr/share/daemonish')).uid).toBe(77);
  yumOstreeOk(system, ['uninstall', 'sysusers']);
});

test('a user keeps its id when packages before it come, and gets none that the machine gave away', () => {
  yumOstreeOk(system, ['install', 'early-user']);
  expect(read('usr/etc/passwd')).toMatch(/^early:x:999:999:/m);
  const etc = path.join(deploymentRoot(system), 'etc');
  fs.appendFileSync(path.join(etc, 'passwd'), 'admin:x:998:1000::/:/bin/bash\n');
  fs.appendFileSync(path.join(etc, 'group'), 'admins:x:997:\n');
  yumOstreeOk(system, ['install', 'late-user']);
  expect(read('usr/etc/passwd')).toMatch(
    /^late:x:996:996:.*\nearly:x:999:999:|^early:x:999:999:.*\nlate:x:996:996:/m,
  );
  expect(fs.statSync(path.join(deploymentRoot(system), 'usr/share/early')).uid).toBe(999);
  fs.cpSync(
    path.join(deploymentRoot(system), 'usr/etc/passwd'),
    path.join(deploymentRoot(system), 'etc/passwd'),
  );
  fs.cpSync(
    path.join(deploymentRoot(system), 'usr/etc/group'),
    path.join(deploymentRoot(system), 'etc/group'),
  );
  yumOstreeOk(system, ['uninstall', 'late-user', 'early-user']);
});

test('changes of a script are in the tree; the base and the store are untouched', () => {
  yumOstreeOk(system, ['install', 'vandal']);
  const root = deploymentRoot(system);
  expect(read('usr/share/moved/readme')).toBe('the base\nmore\n');
  expect(fs.existsSync(path.join(root, 'usr/share/base'))).toBe(false);
  expect(read('usr/share/vandal/own')).toBe('own\nmore\n');
  expect(fs.statSync(path.join(root, 'usr/bin/shared-tool')).mode & 0o777).toBe(0o600);
  expect(fs.readdirSync(path.join(root, 'usr/share/common'))).toEqual(['new']);
  expect(fs.readlinkSync(path.join(root, 'usr/share/link'))).toBe('target');
  expect(read('usr/etc/base.conf')).toBe('a=2\n');
  expect(read('etc/base.conf')).toBe('a=2\n');
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'vandal']);
  expect(read('usr/share/base/readme')).toBe('the base\n');
  expect(firstDeployment(system).checksum).toBe(system.base);
  fsckClean(system);
});

test('a file trigger of the base runs once, with the changed paths, and only where one is its own', () => {
  yumOstreeOk(system, ['install', 'icon-one', 'other']);
  expect(read('usr/share/icon-cache')).toBe('/usr/share/icons/one.png\n');
  yumOstreeOk(system, ['uninstall', 'icon-one']);
  expect(fs.existsSync(path.join(deploymentRoot(system), 'usr/share/icon-cache'))).toBe(false);
  yumOstreeOk(system, ['uninstall', 'other']);
});

test('another interpreter is honoured', () => {
  yumOstreeOk(system, ['install', 'own-interpreter']);
  expect(read('usr/share/interpreted')).toMatch(/^[a-zA-Z]*u[a-zA-Z]* 1\n$/);
  yumOstreeOk(system, ['uninstall', 'own-interpreter']);
});

test.each([
  ['failing', /package failing: %post failed \(exit code 7\); its last lines:\n +first\n +second/],
  ['nobody-makes', /package nobody-makes: \/usr\/share\/x belongs to 'nobody-knows'/],
])('%s: nothing is deployed', (name, message) => {
  const before = deploymentsOf(system);
  const { status, stderr } = yumOstree(system, ['install', '-q', name]);
  expect(stderr).toMatch(message);
  expect(status).toBe(1);
  expect(deploymentsOf(system)).toEqual(before);
  fsckClean(system);
});

test('times and output of scripts are told, and kept package by package', () => {
  const { stdout, stderr } = yumOstree(system, ['install', '-v', '--json', 'talking', 'other']);
  const { scripts } = JSON.parse(stdout) as { scripts: Record<string, unknown>[] };
  expect(scripts.map(({ seconds, ...rest }) => ({ ...rest, counted: typeof seconds }))).toEqual([
    { package: 'talking', script: 'pre', ending: null, output: 'before\n', counted: 'number' },
    { package: 'talking', script: 'post', ending: null, output: 'one\ntwo, no end', counted: 'number' },
  ]);
  expect(stderr).toMatch(/^talking %post\| one\ntalking %post\| two, no end\ntalking %post: \d\.\d\d s$/m);
  expect(scriptLog()).toMatch(
    /\+talking\n\n== talking %pre: \d\.\d\d s\nbefore\n\n== talking %post: \d\.\d\d s\none\ntwo, no end\n$/,
  );
  yumOstreeOk(system, ['uninstall', 'talking', 'other']);
});

test('a failure shows the last lines, and where all output is', () => {
  const { stderr } = yumOstree(system, ['install', '-q', 'long-winded']);
  expect(stderr).toContain('package long-winded: %post failed (exit code 1); its last lines:\n');
  expect(stderr).toMatch(/^ *line 100$/m);
  expect(stderr).not.toMatch(/^ *line 80$/m);
  expect(stderr).toContain(`all output of scripts is in ${logFile()}`);
  expect(scriptLog()).toMatch(/== long-winded %post: \d\.\d\d s, exit code 1\nline 1\nline 2\n/);
});

/** Of all processes those that a hanging script started. */
function hangingProcesses(): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') === `sleep\0${HANGING}\0`;
    } catch {
      // It ended while the list was read.
      return false;
    }
  });
}

test('a hanging script dies with SIGINT, and nothing is left', async () => {
  const before = deploymentsOf(system);
  const child = startYumOstree(system, ['install', '-v', 'hanging']);
  let text = '';
  child.stderr?.setEncoding('utf8');
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (piece: string) => {
      text += piece;
      if (text.includes('waiting')) resolve();
    });
    child.on('close', () => resolve());
  });
  expect(hangingProcesses()).toHaveLength(3);
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(hangingProcesses()).toEqual([]);
  expect(text).toContain('interrupted: package hanging: %post was running; the system is as before\n');
  expect(scriptLog()).toMatch(/== hanging %post: \d+\.\d\d s, interrupted\nwaiting\n$/);
  expect(deploymentsOf(system)).toEqual(before);
  expect(fs.readdirSync(path.join(system.sysroot, 'ostree/deploy/test')).sort()).toEqual(['deploy', 'var']);
  fsckClean(system);
});

test('where the base keeps its users in usr/lib, new ones are added there', () => {
  const other = makeTestSystem('/var/tmp', { usersInUsrLib: true });
  try {
    fs.cpSync(system.packages, other.packages, { recursive: true });
    yumOstreeOk(other, ['install', 'service', 'sysusers']);
    const text = (file: string): string => fs.readFileSync(path.join(deploymentRoot(other), file), 'utf8');
    expect(text('usr/lib/passwd')).toMatch(/^bin:.*\ndaemonish:x:77:77:.*\nservice:x:999:999:/m);
    expect(text('usr/lib/group')).toMatch(/^service:x:999:$/m);
    expect(text('usr/etc/passwd')).toBe('root:x:0:0:root:/root:/bin/bash\n');
    const secret = fs.statSync(path.join(deploymentRoot(other), 'usr/share/service/secret'));
    expect([secret.uid, secret.gid]).toEqual([999, 999]);
    fsckClean(other);
  } finally {
    other.remove();
  }
});

test('the name of the tree is the base’s again', () => {
  expect(firstDeployment(system)['tree-name']).toBe(BASE_REF);
});
