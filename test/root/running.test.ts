/** ps and audit on real processes of deployments. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import {
  deploymentRoot,
  makeTestSystem,
  publish,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type ProgramResult,
  type TestSystem,
} from './layering-sysroot.ts';
import { onRunningMachine } from './running-machine.ts';

const TREE = 'test/x86_64/base';

interface PsFile {
  readonly path: string;
  readonly state: string;
  readonly tree: string | null;
  readonly object: string | null;
  readonly packages: readonly string[];
  readonly 'replaced-by': readonly string[];
  readonly inode: number;
}
interface Ps {
  readonly current: Record<string, unknown>;
  readonly processes: readonly {
    readonly pid: number;
    readonly name: string;
    readonly unit: string | null;
    readonly state: string;
    readonly packages: readonly string[];
    readonly files: readonly PsFile[];
  }[];
  readonly unseen: readonly string[];
}

/** Programs that do nothing for a while, each another file. */
function daemon(name: string, more = ''): RpmTestPackage {
  const content = Buffer.concat([fs.readFileSync('/usr/bin/sleep'), Buffer.from(more)]);
  return { name, arch: 'x86_64', files: [{ path: `/usr/bin/${name}`, content, mode: 0o755 }] };
}

let system: TestSystem;
let base: string;
let layered: string;
const started: ChildProcess[] = [];

beforeAll(() => {
  system = makeTestSystem('/var/tmp', { base: [daemon('daemon')], mountPoints: true });
  base = deploymentRoot(system);
  publish(system, [daemon('extra', 'extra')]);
  yumOstreeOk(system, ['install', 'extra']);
  layered = deploymentRoot(system);
});
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
  system.remove();
});

/** The state of the file `name` of the process of that name, with its tree and packages. */
function stateOf(ps: Ps, name: string, file = `/usr/bin/${name}`): unknown[] {
  const one = ps.processes.find((process) => process.name === name);
  const found = one?.files.find((each) => each.path === file);
  return [one?.state, found?.state, found?.tree, found?.packages];
}

function answer<T>({ status, stdout, stderr }: ProgramResult): T {
  expect(`${stderr}${status}`).toBe('0');
  return JSON.parse(stdout) as T;
}

describe('on a machine that runs the base', () => {
  test('programs of the tree, of another tree, of the layer, replaced ones', () => {
    const ps = answer<Ps>(
      onRunningMachine(
        system,
        base,
        `exec 3>&1 >/tmp/log
         daemon 1000 &
         host chroot "/sysroot${layered.slice(system.sysroot.length)}" /usr/bin/extra 1000 &
         cp /usr/bin/daemon /tmp/plain; /tmp/plain 1000 &
         LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree admin unlock
         cp /usr/bin/sleep /usr/bin/added; added 1000 &
         cp /usr/bin/daemon /usr/bin/replaced-daemon; replaced-daemon 1000 &
         cp /usr/bin/sleep /usr/bin/new; mv /usr/bin/new /usr/bin/replaced-daemon
         mv /usr/bin/sleep /usr/bin/nap; nap 1000 &
         exec >&3
         client ps --json -v --all`,
      ),
    );
    expect(ps.current).toMatchObject({ 'tree-name': TREE, booted: true, unlocked: 'development' });
    expect(stateOf(ps, 'daemon')).toEqual(['current', 'current', TREE, ['daemon-1.0-1.x86_64']]);
    expect(stateOf(ps, 'extra')).toEqual([
      'older-tree',
      'older-tree',
      `${TREE}+extra`,
      ['extra-1.0-1.x86_64'],
    ]);
    expect(stateOf(ps, 'added')).toEqual(['overlay', 'overlay', TREE, []]);
    expect(stateOf(ps, 'nap')).toEqual(['overlay', 'overlay', TREE, []]);
    expect(stateOf(ps, 'replaced-daemon').slice(0, 2)).toEqual(['deleted', 'deleted']);
    // Its libraries are the tree's; it itself is of no tree.
    expect(stateOf(ps, 'plain', '/tmp/plain')).toEqual(['current', 'outside', null, []]);
    expect(ps.unseen).toEqual([]);
  });

  test('a program of the tree that the layer replaces is told with both packages, and audit names it', () => {
    const done = onRunningMachine(
      system,
      base,
      `exec 3>&1 >/tmp/log
       daemon 1000 &
       LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree admin unlock
       cp /usr/bin/sleep /usr/bin/.new; mv /usr/bin/.new /usr/bin/daemon
       exec >&3
       client audit --json || echo "code $?" >&2; client audit`,
    );
    // A restart, a reboot into the layered tree, and an unlocked /usr.
    expect(done.stderr).toBe('code 15\n');
    expect(done.status).toBe(15);
    const end = done.stdout.indexOf('\n}\n') + 3;
    const audit = JSON.parse(done.stdout.slice(0, end)) as Record<string, unknown>;
    expect(audit).toMatchObject({
      'exit-code': 15,
      'restart-needed': true,
      'reboot-needed': true,
      unlocked: 'development',
      'next-boot': {
        from: TREE,
        to: `${TREE}+extra`,
        packages: { added: ['extra-1.0-1.x86_64'], removed: [] },
      },
      restarts: [
        {
          unit: null,
          by: 'log-out',
          processes: [{ name: 'daemon' }],
          reasons: ['/usr/bin/daemon of daemon-1.0-1.x86_64 was removed or replaced'],
        },
      ],
    });
    expect(done.stdout.slice(end)).toContain(
      `reboot: ${TREE}+extra boots next instead of ${TREE}\n  added: extra-`,
    );
  });

  test('a program whose deployment has gone is traced by its object to the tree that has it', () => {
    const repo = `--repo=${system.repo}`;
    const old = path.join(system.directory, 'old/usr/bin');
    fs.mkdirSync(old, { recursive: true });
    fs.writeFileSync(
      path.join(old, 'old-daemon'),
      Buffer.concat([fs.readFileSync('/usr/bin/sleep'), Buffer.from('old')]),
    );
    fs.chmodSync(path.join(old, 'old-daemon'), 0o755);
    const trees = [`--tree=ref=${TREE}`, `--tree=dir=${path.join(system.directory, 'old')}`];
    runProgram('ostree', ['commit', repo, '-b', 'test/old', '--no-bindings', ...trees]);
    const gone = `/ostree/deploy/test/deploy/${'a'.repeat(64)}.0`;
    runProgram('ostree', ['checkout', '-H', repo, 'test/old', system.sysroot + gone]);
    const ps = answer<Ps>(
      onRunningMachine(
        system,
        base,
        `exec 3>&1 >/tmp/log
         host unshare --mount bash -ec '
           mount -o remount,bind,rw /sysroot
           chroot /sysroot${gone} /usr/bin/old-daemon 1000 & sleep 1
           rm -r /sysroot${gone}'
         exec >&3
         client ps --json -v`,
      ),
    );
    expect(stateOf(ps, 'old-daemon')).toEqual(['older-tree', 'older-tree', 'test/old', []]);
    const found = ps.processes.find(({ name }) => name === 'old-daemon')?.files;
    // Its libraries are those of the tree that runs.
    expect(found?.filter(({ state }) => state === 'current').length).toBeGreaterThan(0);
    const object = runProgram('ostree', ['ls', '-C', repo, 'test/old', '/usr/bin/old-daemon']).match(
      /[0-9a-f]{64}/,
    )?.[0];
    expect(found?.find(({ object: traced }) => traced !== null)?.object).toBe(object);
    runProgram('ostree', ['refs', repo, '--delete', 'test/old']);
  });

  test('without root, what is not seen is said', () => {
    const text = onRunningMachine(
      system,
      base,
      `daemon 1000 & LD_LIBRARY_PATH=/tmp/libraries exec setpriv --reuid=65534 --clear-groups /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/yum-ostree ps --json`,
    );
    const ps = answer<Ps>(text);
    expect(ps.unseen).toEqual([
      expect.stringMatching(/^the files of [0-9]+ process(es)? of other users cannot be seen/),
    ]);
    expect(ps.processes.find(({ name }) => name === 'daemon')?.state).toBeNull();
  });
});

describe('on a system that is not booted', () => {
  test('what was started from its deployments, by device and inode', () => {
    for (const [root, name] of [
      [layered, 'extra'],
      [base, 'daemon'],
    ] as const)
      started.push(spawn('chroot', [root, `/usr/bin/${name}`, '1000'], { stdio: 'ignore' }));
    spawnSync('sleep', ['0.5']);
    const ps = JSON.parse(yumOstreeOk(system, ['ps', '--json', '-v'])) as Ps;
    // The default tree is current there, and the base shares its files.
    expect(stateOf(ps, 'extra')).toEqual(['current', 'current', `${TREE}+extra`, ['extra-1.0-1.x86_64']]);
    expect(stateOf(ps, 'daemon')).toEqual(['current', 'current', `${TREE}+extra`, ['daemon-1.0-1.x86_64']]);
    const file = ps.processes
      .find(({ name }) => name === 'extra')
      ?.files.find((one) => one.path === '/usr/bin/extra');
    expect(file?.inode).toBe(fs.statSync(path.join(layered, 'usr/bin/extra')).ino);
    expect(ps.processes.every(({ state }) => state !== 'outside')).toBe(true);
    const text = yumOstreeOk(system, ['ps']);
    expect(text).toMatch(new RegExp(`^${TREE.replace('/', '.')}\\+extra \\(not booted\\)\n`));
    // A reboot is nothing to tell of where nothing of it is booted.
    expect(yumOstree(system, ['audit'])).toMatchObject({ status: 0, stderr: '' });
  });

  test('the processes of a folder in the form of /proc', () => {
    const proc = fs.mkdtempSync(path.join(os.tmpdir(), 'running-proc-'));
    try {
      // What every tree has of its own.
      const file = 'usr/share/rpm/rpmdb.sqlite';
      const { ino } = fs.statSync(path.join(base, file));
      const device = spawnSync('stat', ['-c', '%Hd %Ld', base], { encoding: 'utf8' })
        .stdout.trim()
        .split(' ');
      const [major, minor] = device.map((number) => Number(number).toString(16).padStart(2, '0'));
      const files = {
        status: 'Name:\tquery\nUid:\t0\t0\t0\t0\nVmSize:\t1 kB\n',
        cgroup: '0::/system.slice/query.service\n',
        maps: `7e-7f r--s 00000000 ${major}:${minor} ${ino}   /${file}\n7f-80 rw-p 0 00:00 0 [heap]\n`,
      };
      fs.mkdirSync(path.join(proc, '77'));
      for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(proc, '77', name), text);
      fs.mkdirSync(path.join(proc, 'acpi'));
      const { status, stdout } = yumOstree(system, ['audit', `--proc=${proc}`]);
      expect(status).toBe(9);
      expect(stdout).toBe(`restart: query.service (query 77)\n  /${file} is from ${TREE}\n`);
    } finally {
      fs.rmSync(proc, { recursive: true });
    }
    expect(yumOstree(system, ['ps', '--proc=/nonexistent']).stderr).toContain(
      'error: the processes in /nonexistent',
    );
  });
});

describe('unlocked and masked', () => {
  test('mask and unmask, in the /etc that runs and in that of what boots next', () => {
    // The layered tree is the default.
    const done = onRunningMachine(
      system,
      base,
      `client mask x quiet.socket; client mask x
       host readlink /etc/systemd/system/x.service /etc/systemd/system/quiet.socket
       client status --json; client unmask x.service`,
    );
    expect(`${done.stderr}${done.status}`).toBe('0');
    const unknown = 'the tree has no such unit';
    expect(done.stdout.split('{')[0]).toBe(
      `x.service is now masked; ${unknown}\nquiet.socket is now masked; ${unknown}\nx.service is masked already; ${unknown}\n/dev/null\n/dev/null\n`,
    );
    expect(done.stdout).toContain('"masked-units": [\n        "quiet.socket",\n        "x.service"\n      ]');
    for (const root of [base, layered]) {
      const units = path.join(root, 'etc/systemd/system');
      expect(fs.readlinkSync(path.join(units, 'quiet.socket'))).toBe('/dev/null');
      expect(fs.existsSync(path.join(units, 'x.service'))).toBe(false);
    }
    expect(yumOstreeOk(system, ['status'])).toContain('masked: quiet.socket');
    expect(yumOstreeOk(system, ['unmask', 'quiet.socket'])).toMatch(/^quiet\.socket is now not masked/);
    fs.writeFileSync(path.join(deploymentRoot(system), 'etc/systemd/system/own.service'), '[Service]\n');
    expect(yumOstree(system, ['mask', 'own'])).toMatchObject({ status: 1, stdout: '' });
    expect(yumOstree(system, ['mask', '../x']).stderr).toContain("'../x' cannot be the name of a unit");
  });

  test('odd names, replaced directories, owners and what is again as it was', () => {
    const done = onRunningMachine(
      system,
      base,
      `LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree admin unlock > /dev/null
       rm -r /usr/share/nano; mkdir -p /usr/share/nano/sub; echo x > '/usr/share/nano/sub/a b'
       rm -r /usr/share/common; echo x > /usr/share/common
       rm /usr/bin/nano; mkdir /usr/bin/nano
       rm -r /usr/share/base
       echo x > $'/usr/share/new\nline'; echo x > $'/usr/share/not-utf8-\\xff'
       ln /usr/bin/daemon /usr/bin/linked; ln -s bash /usr/bin/again; rm /usr/bin/again
       rm /usr/bin/sh; ln -s bash /usr/bin/sh
       cp -a /usr/bin/touch /tmp/touch; rm /usr/bin/touch; cp -a /tmp/touch /usr/bin/touch
       chown 7 /usr/bin/shared-tool; chmod 700 /usr/lib/modules
       client unlocked --json; client unlocked > /tmp/text; client status > /tmp/status
       sed -n '/not-utf8/p;/new/p' /tmp/text; sed -n '/unlocked (/p' /tmp/status`,
    );
    expect(`${done.stderr}${done.status}`).toBe('0');
    const end = done.stdout.indexOf('\n}\n') + 3;
    const { deployments } = JSON.parse(done.stdout.slice(0, end)) as {
      deployments: { files: { path: string; change: string; packages: string[] }[] }[];
    };
    const [nano, files] = ['nano-1.0-1.noarch', 'base-files-1.0-1.noarch'];
    expect(deployments[0]?.files.map(({ path: file, change, packages }) => [file, change, packages])).toEqual(
      [
        ['/usr/bin/linked', 'added', []],
        ['/usr/bin/nano', 'changed', [nano]],
        ['/usr/bin/shared-tool', 'changed', [files]],
        ['/usr/lib/modules', 'changed', []],
        ['/usr/share/base', 'removed', []],
        ['/usr/share/base/readme', 'removed', [files]],
        ['/usr/share/common', 'changed', []],
        ['/usr/share/common/kept', 'removed', ['pico-1.0-1.noarch', nano]],
        ['/usr/share/nano/c.nanorc', 'removed', [nano]],
        ['/usr/share/nano/sub', 'added', []],
        ['/usr/share/nano/sub/a b', 'added', []],
        ['/usr/share/new\nline', 'added', []],
        ['/usr/share/not-utf8-\ufffd', 'added', []],
      ],
    );
    expect(done.stdout.slice(end)).toMatch(
      / {2}added {4}20\S+Z {2}\/usr\/share\/new\\x0aline\n {2}added +- +\/usr\/share\/not-utf8-\ufffd\n.*: 13 files differ/,
    );
  });

  // It takes the layered tree out of the boot menu: a hotfix puts a copy of the base there.
  test('the layer is listed file by file with package and time, and status tells of it', () => {
    const done = onRunningMachine(
      system,
      base,
      `LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree admin unlock --hotfix > /dev/null
       mkdir /usr/share/new; echo x > /usr/share/new/file; echo x >> /usr/bin/daemon; rm /usr/bin/nano
       client unlocked --json; client unlocked; client status`,
    );
    expect(`${done.stderr}${done.status}`).toBe('0');
    const end = done.stdout.indexOf('\n}\n') + 3;
    const { deployments } = JSON.parse(done.stdout.slice(0, end)) as {
      deployments: { unlocked: string; booted: boolean; files: { time: number | null }[] }[];
    };
    expect(deployments).toMatchObject([
      {
        unlocked: 'hotfix',
        booted: true,
        files: [
          { path: '/usr/bin/daemon', change: 'changed', packages: ['daemon-1.0-1.x86_64'] },
          { path: '/usr/bin/nano', change: 'removed', packages: ['nano-1.0-1.noarch'] },
          { path: '/usr/share/new', change: 'added', packages: [] },
          { path: '/usr/share/new/file', change: 'added', packages: [] },
        ],
      },
    ]);
    expect(Math.abs((deployments[0]?.files[0]?.time ?? 0) - Date.now() / 1000)).toBeLessThan(300);
    expect(done.stdout.slice(end)).toMatch(
      /^test\/x86_64\/base \(hotfix, 4 files\)\n {2}changed +20\S+Z +\/usr\/bin\/daemon +daemon-1/,
    );
    expect(done.stdout).toContain(
      "its /usr is unlocked (hotfix): 4 files differ ('yum-ostree unlocked' lists them)",
    );
  });

  test('a hotfix is listed of a system that is not booted, too', () => {
    const { deployments } = JSON.parse(yumOstreeOk(system, ['unlocked', '--json'])) as {
      deployments: object[];
    };
    expect(deployments).toMatchObject([{ unlocked: 'hotfix', booted: false, files: [{}, {}, {}, {}] }]);
  });
});
