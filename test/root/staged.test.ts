/** Deployments that are staged and finished at shutdown, by the C ostree and by ours, each reading the other's state. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BOARD, MERGED_USR, onBootedMachine, OURS, THEIRS } from './booted-machine.ts';
import { commitTree, makeScratch, removeScratch, run, snapshot, theirAdmin } from './sysroot-fixture.ts';

let scratch: string;
/** With one deployment, which the machine runs, and a second commit: what is copied for each test. */
let pattern: string;
let booted: string;
let first: string;
let second: string;

beforeAll(() => {
  scratch = makeScratch();
  pattern = path.join(scratch, 'pattern');
  fs.mkdirSync(pattern);
  theirAdmin(pattern, ['init-fs', '--modern', pattern]);
  theirAdmin(pattern, ['os-init', 'testos']);
  const commit = (ref: string, files: Record<string, string>): string =>
    commitTree(`${pattern}/ostree/repo`, ref, {
      version: ref,
      kernel: ref,
      files: { ...MERGED_USR, ...files },
    });
  first = commit('one', {});
  second = commit('two', { 'usr/etc/new.d/x': 'new', 'usr/etc/b.conf': 'b of two' });
  theirAdmin(pattern, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'one']);
  booted = `ostree/deploy/testos/deploy/${first}.0`;
});
afterAll(() => {
  removeScratch(scratch);
});

function copyOfPattern(name: string): string {
  const copy = path.join(scratch, name);
  run('cp', ['-a', pattern, copy]);
  run('chattr', ['+i', path.join(copy, booted)]);
  return copy;
}

/** Runs the script on the machine; it must end well. */
function onMachine(sysroot: string, script: string): string {
  const { status, stdout, stderr } = onBootedMachine(sysroot, booted, script);
  expect(stderr + (status === 0 ? '' : stdout)).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** All but the empty directory of refs that the C program leaves. */
function everything(sysroot: string): string[] {
  const folders = ['boot', 'ostree/deploy', 'ostree/repo/refs', 'ostree/boot.0', 'ostree/boot.1'];
  return snapshot(sysroot, folders, ['refs/heads/ostree/1/1 40755']);
}

/** /etc changes after the staging, too. */
const UPDATE = (stager: string, finish: string): string => `
${stager} admin deploy --stage --karg-append=added two
test -f /run/ostree/staged-deployment
echo changed > /etc/a.conf
${finish} finalize-staged
test ! -e /run/ostree/staged-deployment
`;

describe.each([
  ['theirs', 'ours', THEIRS, `${OURS} admin`],
  ['theirs', 'yum-ostree-boot', THEIRS, BOARD],
  ['ours', 'theirs', OURS, `${THEIRS} admin`],
])('staged by %s, finished by %s', (stagerName, finisherName, stager, finish) => {
  test('leaves what the C program alone leaves', () => {
    const sysroots = [`${stagerName}-${finisherName}`, `${stagerName}-${finisherName}-c`].map(copyOfPattern);
    const [ours = '', theirs = ''] = sysroots;
    onMachine(ours, UPDATE(stager, finish));
    onMachine(theirs, UPDATE(THEIRS, `${THEIRS} admin`));
    expect(everything(ours)).toEqual(everything(theirs));
    expect(theirAdmin(ours, ['status'])).toContain(`testos ${second}.0`);
    const etc = path.join(ours, `ostree/deploy/testos/deploy/${second}.0/etc`);
    expect(fs.readFileSync(path.join(etc, 'a.conf'), 'utf8')).toBe('changed\n');
    expect(fs.readFileSync(path.join(etc, 'b.conf'), 'utf8')).toBe('b of two');
  });
});

test.each([
  ['ours', `${OURS} admin`],
  ['yum-ostree-boot', BOARD],
])('overlay initrds of what the C program staged are taken over by %s', (name, finish) => {
  const script = (finisher: string): string => `
    echo overlay > /tmp/overlay; echo second > /tmp/second
    ${THEIRS} admin deploy --stage --overlay-initrd=/tmp/overlay --overlay-initrd=/tmp/second two > /dev/null
    ${finisher} finalize-staged > /dev/null`;
  const [ours = '', theirs = ''] = [`initrds-${name}`, `initrds-${name}-c`].map(copyOfPattern);
  onMachine(ours, script(finish));
  onMachine(theirs, script(`${THEIRS} admin`));
  expect(everything(ours)).toEqual(everything(theirs));
  expect(fs.readdirSync(path.join(ours, 'boot/ostree/initramfs-overlays'))).toHaveLength(2);
});

test('an overlay initrd is part of what is deployed, as by the C program', () => {
  const deploy = (program: string): string =>
    `echo overlay > /tmp/overlay; ${program} admin deploy --overlay-initrd=/tmp/overlay two > /dev/null
     ${program} admin deploy --retain two > /dev/null`;
  const [ours = '', theirs = ''] = ['initrd-ours', 'initrd-theirs'].map(copyOfPattern);
  onMachine(ours, deploy(OURS));
  onMachine(theirs, deploy(THEIRS));
  const withoutEmpty = (root: string): string[] =>
    everything(root).filter((line) => !/ostree\/0\/1 4/.test(line));
  expect(withoutEmpty(ours)).toEqual(withoutEmpty(theirs));
});

test('each program lists what the other staged', () => {
  const sysroot = copyOfPattern('listed');
  const listed = onMachine(
    sysroot,
    `${OURS} admin deploy --stage two
     ${THEIRS} admin status; echo; ${OURS} admin status
     ${OURS} admin undeploy 0 > /dev/null; test ! -e /run/ostree/staged-deployment
     ${THEIRS} admin deploy --stage two
     echo; ${OURS} admin status`,
  );
  const [theirs, ours, ofTheirs] = listed.split('\n\n');
  expect(theirs).toContain(`testos ${second}.0 (staged)`);
  expect(ours?.trim()).toBe(theirs?.trim());
  expect(ofTheirs?.trim()).toBe(theirs?.trim());
});

test('the state is the same, byte for byte', () => {
  const sysroot = copyOfPattern('bytes');
  const stage = (program: string): string =>
    `${program} admin deploy --stage --karg-append=b --karg-append=c two > /dev/null; base64 /run/ostree/staged-deployment`;
  const [theirs, ours] = onMachine(
    sysroot,
    `${stage(THEIRS)}; echo; ${THEIRS} admin undeploy 0 > /dev/null; ${stage(OURS)}`,
  ).split('\n\n');
  expect(ours?.trim()).toBe(theirs?.trim());
});

test.each([
  ['yum-ostree-boot', BOARD],
  ['theirs', `${THEIRS} admin`],
])('what is locked is not finished by %s, and what is unlocked is', (name, finish) => {
  const sysroot = copyOfPattern(`locked-${name}`);
  const shown = onMachine(
    sysroot,
    `${OURS} admin deploy --stage two > /dev/null
     ${OURS} admin lock-finalization
     ${OURS} admin status | head -n 1
     ${finish} finalize-staged > /dev/null
     test -f /run/ostree/staged-deployment
     ${OURS} admin lock-finalization --unlock
     ${OURS} admin status | head -n 1
     ${finish} finalize-staged > /dev/null
     test ! -e /run/ostree/staged-deployment`,
  );
  expect(shown).toBe(`  testos ${second}.0 (finalization locked)\n  testos ${second}.0 (staged)\n`);
  expect(theirAdmin(sysroot, ['status'])).toContain(second);
});

test('what fails at shutdown leaves the old list, and is told after the next boot', () => {
  const sysroot = copyOfPattern('failing');
  const before = everything(sysroot);
  const failing = onBootedMachine(
    sysroot,
    booted,
    `echo x > /etc/new.d
     ${OURS} admin deploy --stage two
     ${OURS} admin finalize-staged`,
  );
  expect(failing.status).toBe(1);
  expect(failing.stderr).toContain('warning: it cannot be finished before /etc/new.d is moved away');
  expect(failing.stderr).toContain("Modified config file newly defaults to directory 'new.d', cannot merge");
  fs.rmSync(path.join(sysroot, booted, 'etc/new.d'));
  const told = [`${THEIRS} admin`, BOARD].map((program) => {
    const copy = `${sysroot}-${program === BOARD ? 'ours' : 'theirs'}`;
    run('cp', ['-a', sysroot, copy]);
    const { status, stderr } = onBootedMachine(copy, booted, `INVOCATION_ID=x ${program} boot-complete`);
    expect(status).toBe(1);
    expect(onMachine(copy, `INVOCATION_ID=x ${program} boot-complete`)).toBe('');
    return stderr.split('\n')[0];
  });
  expect(told[1]).toBe(told[0]);
  expect(told[0]).toContain('ostree-finalize-staged.service failed on previous boot: ');
  onMachine(sysroot, `${OURS} admin boot-complete 2> /dev/null || ${OURS} admin cleanup`);
  expect(everything(sysroot)).toEqual(before);
});
