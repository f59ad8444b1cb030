/** What status, ps and the next run make of apply-live after a reboot, other targets, a full disk and trees that are gone. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  deploymentRoot,
  fsckClean,
  makeTestSystem,
  publish,
  runProgram,
  yumOstreeOk,
  type ProgramResult,
  type TestSystem,
} from './layering-sysroot.ts';
import { onRunningMachine } from './running-machine.ts';

/** A file system with so many files fills up before its bytes do. */
const INODES = 4096;
const LARGE = Array.from({ length: 60 }, (_, at) => ({
  path: `/usr/share/large/${at}/file`,
  content: `${at}\n`,
}));

let disk: string;
let system: TestSystem;
let base: string;
let one: string;
let two: string;

beforeAll(() => {
  disk = fs.mkdtempSync('/var/tmp/yum-ostree-live-');
  fs.mkdirSync(path.join(disk, 'mount'));
  fs.writeFileSync(path.join(disk, 'image'), '');
  fs.truncateSync(path.join(disk, 'image'), 256 * 1024 * 1024);
  runProgram('mkfs.ext4', ['-q', '-F', '-N', String(INODES), path.join(disk, 'image')]);
  runProgram('mount', ['-o', 'loop', path.join(disk, 'image'), path.join(disk, 'mount')]);
  system = makeTestSystem(path.join(disk, 'mount'), { mountPoints: true });
  base = deploymentRoot(system);
  const program = { path: '/usr/bin/one', content: fs.readFileSync('/usr/bin/sleep'), mode: 0o755 };
  publish(system, [
    { name: 'one', arch: 'x86_64', files: [program] },
    {
      name: 'two',
      files: [
        { path: '/usr/share/two', content: 'two\n' },
        { path: '/etc/two.conf', content: '2\n' },
        ...LARGE,
      ],
    },
  ]);
  const pin = (): string => runProgram('ostree', ['admin', 'pin', `--sysroot=${system.sysroot}`, '0']);
  pin();
  yumOstreeOk(system, ['install', 'one']);
  pin();
  one = deploymentRoot(system);
  yumOstreeOk(system, ['install', 'two']);
  two = deploymentRoot(system);
});
afterAll(() => {
  runProgram('umount', ['-l', path.join(disk, 'mount')]);
  fs.rmSync(disk, { recursive: true, force: true });
});

const TOOLS = `
  ostree() { LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree "$@"; }
  here() { host find /usr /etc ! -name .pwd.lock -printf '%p %y %m %U %G %s %l\\n'; }
`;

function machine(script: string, directory = base): ProgramResult {
  return onRunningMachine(system, directory, TOOLS + script);
}

function said(script: string, directory = base): string {
  const { status, stdout, stderr } = machine(script, directory);
  expect(`${stderr}${status}`).toBe('0');
  return stdout;
}

function target(directory: string): string {
  return `--target=${path.basename(directory).slice(0, 64)}`;
}

test('one tree after another: status and ps tell of the last, and of packages beside the tree that was booted', () => {
  const out = said(
    `client apply-live -q ${target(one)}; one 1000 & pid=$!
     client apply-live -q ${target(two)}; client status --booted; client ps | sed -n '/(one /,/^[^ ]/p;/ one$/p'
     client apply-live -q --allow-replacement ${target(one)}; client status --booted; ls /usr/share/two 2> /dev/null || echo gone
     client apply-live -q --reset; client status --booted; client ps; kill $pid`,
  );
  const [first = '', second = '', third = ''] = out.split('●').slice(1);
  expect(first).toContain(
    'apply-live brought test/x86_64/base+one+two into what runs: 2 packages added, 0 replaced',
  );
  expect(second).toContain(
    'apply-live brought test/x86_64/base+one into what runs: 1 package added, 0 replaced',
  );
  expect(second).toMatch(/\ngone\n$/);
  expect(third).not.toContain('apply-live');
  // The file was taken away under the program.
  expect(third).toMatch(/deleted {2}\/usr\/bin\/one/);
});

test('after a reboot, into the same tree or another, nothing is told of it, and cleanup takes its refs', () => {
  said(`client apply-live -q ${target(two)}`);
  for (const directory of [base, one]) {
    const out = said(
      `client status --booted; client unlocked; client audit || echo "audit: $?"; client apply-live --reset; client ps > /dev/null; ls /etc/two.conf 2> /dev/null || true`,
      directory,
    );
    expect(out).not.toMatch(/apply-live brought|interrupted|unlocked:/);
    expect(out).toContain('No deployment is unlocked.\n');
    expect(out).toMatch(/ is what runs already\n/);
  }
  yumOstreeOk(system, ['cleanup']);
  expect(runProgram('ostree', ['refs', `--repo=${system.repo}`, '--list', 'yum-ostree/live'])).toBe('');
});

test('a full disk: one line, told by status, and done by the next run when there is room', () => {
  const mount = path.join(disk, 'mount');
  const script = `rm -f /etc/two.conf; here > /tmp/before
    client apply-live -q ${target(two)} || echo "full: $?"; client status --booted; client unlocked > /dev/null; client ps | sed -n 1p; client audit || true;
    host mount -o remount,bind,rw /sysroot; rm -rf /sysroot/taken
    client apply-live -q ${target(two)}; cat /usr/share/two; client apply-live -q --reset; here > /tmp/after; host diff /tmp/before /tmp/after && echo same`;
  fs.mkdirSync(path.join(system.sysroot, 'taken'));
  // What the last boot wrote.
  fs.rmSync(path.join(system.sysroot, 'ostree/deploy/test/backing'), { recursive: true, force: true });
  for (let free = fs.statfsSync(mount).ffree; free > 60; free--)
    fs.writeFileSync(path.join(system.sysroot, 'taken', String(free)), '');
  const { status, stdout, stderr } = machine(script);
  expect(stderr).toMatch(
    /^error: what runs is half changed to test\/x86_64\/base\+one\+two: writing \/usr\/share\/large\/\S+: .*[Nn]o space left on device\nhint: .*\n$/,
  );
  expect(stdout).toMatch(/^full: 1\n/);
  expect(stdout).toContain(
    'apply-live of test/x86_64/base+one+two was interrupted: run it again, or with --reset',
  );
  const begun = 'apply-live of test/x86_64/base+one+two';
  expect(stdout).toContain(`test/x86_64/base (booted, /usr unlocked (transient), ${begun} interrupted)\n`);
  expect(stdout).toContain(`\n  ${begun} was interrupted: run it again, or with --reset\n`);
  expect(stdout).toMatch(/\ntwo\nsame\n$/);
  expect(status).toBe(0);
  fsckClean(system);
});

test('a full /run: nothing is changed', () => {
  const { stdout, stderr } = machine(
    `mkdir -p /run/ostree; host mount -t tmpfs -o size=64k none /run/ostree; cat /dev/zero > /run/ostree/full 2> /dev/null || true
     here > /tmp/before; client apply-live -q ${target(two)} || echo "full: $?"
     here > /tmp/after; host diff /tmp/before /tmp/after && echo same; rm /run/ostree/full; client status --booted --json | sed -n '/live/p'
     client apply-live -q ${target(two)}; cat /usr/share/two; client apply-live -q --reset`,
  );
  expect(stderr).toMatch(/^error: .*[Nn]o space left on device\n$/);
  expect(stdout).toBe('full: 1\nsame\ntwo\n');
});

test('without the layer that is noted the deployment is not written to', () => {
  const { status, stderr } = machine(
    `ostree admin unlock --transient > /dev/null; host umount --lazy /usr; client apply-live -q ${target(two)}`,
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^error: \/usr is noted as unlocked, but has no writable layer over it\nhint: .* reboot\n$/,
  );
});

test('trees that are gone from the repository: ps and status go on, and a run says what is missing', () => {
  const { stdout, stderr } = machine(
    `client apply-live -q ${target(two)}
     host mount -o remount,bind,rw /sysroot
     ostree admin undeploy 0 > /dev/null
     for ref in $(ostree refs yum-ostree --list); do ostree refs --delete $ref; done; ostree prune --refs-only > /dev/null
     client status --booted; client ps > /dev/null; client unlocked > /dev/null; client audit > /dev/null || echo "audit: $?"
     client apply-live --reset || echo "reset: $?"`,
  );
  expect(stdout).toContain('apply-live brought');
  expect(stdout).toMatch(/audit: 1[2-5]\nreset: 1\n$/);
  expect(stderr).toMatch(/^error: .*\nhint: .*reboot.*\n$/);
});
