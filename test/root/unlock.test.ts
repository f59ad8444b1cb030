/** `admin unlock` on a machine that runs a deployment. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MERGED_USR, onBootedMachine, OURS, THEIRS } from './booted-machine.ts';
import { commitTree, makeScratch, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

let scratch: string;
let sysroot: string;
let commit: string;
let booted: string;

beforeAll(() => {
  scratch = makeScratch();
  sysroot = path.join(scratch, 'sysroot');
  fs.mkdirSync(sysroot);
  theirAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  theirAdmin(sysroot, ['os-init', 'testos']);
  commit = commitTree(`${sysroot}/ostree/repo`, 'one', { files: MERGED_USR });
  theirAdmin(sysroot, ['deploy', '--os=testos', 'one']);
  booted = `ostree/deploy/testos/deploy/${commit}.0`;
});
afterAll(() => {
  removeScratch(scratch);
});

/** Runs the script on the machine, whose /run and mounts then go. */
function afterBoot(script: string): string {
  const { status, stdout, stderr } = onBootedMachine(sysroot, booted, script);
  expect(`${String(status)} ${stderr}`).toBe('0 ');
  return stdout;
}

/** Neither the host's /usr nor the deployment's is written to. */
function isUntouched(): boolean {
  return !fs.existsSync('/usr/added') && !fs.existsSync(path.join(sysroot, booted, 'usr/added'));
}

test('development: writable until the next boot; both programs say so', () => {
  const said = afterBoot(
    `${OURS} admin unlock > /dev/null; echo x > /usr/added; cat /usr/added
     for program in "${THEIRS}" "${OURS}"; do $program admin status | grep Unlocked; done
     ${OURS} admin unlock 2>&1 | head -n 1`,
  );
  const refused = 'error: Deployment is already in unlocked state: development\n';
  expect(said).toBe(`x\n${'    Unlocked: development\n'.repeat(2)}${refused}`);
  expect(isUntouched()).toBe(true);
  // Their kind, read by ours; and nothing of the last boot is there.
  const next = afterBoot(
    `test ! -e /usr/added; ${THEIRS} admin unlock --transient > /dev/null; ${OURS} admin status | grep Unlocked`,
  );
  expect(next).toBe('    Unlocked: transient\n');
});

test('transient: read-only, but for who mounts it writable', () => {
  const said = afterBoot(
    `${OURS} admin unlock --transient > /dev/null
     touch /usr/added 2> /dev/null || echo read-only
     unshare --mount sh -c 'mount -o remount,rw /usr; touch /usr/added; ls /usr/added'
     ${THEIRS} admin status | grep Unlocked`,
  );
  expect(said).toBe('read-only\n/usr/added\n    Unlocked: transient\n');
  expect(isUntouched()).toBe(true);
});

test('hotfix: the changes stay with the deployment, and a copy without them can be booted', () => {
  const said = afterBoot(
    `${OURS} admin unlock --hotfix > /dev/null; echo x > /usr/added
     for program in "${THEIRS}" "${OURS}"; do $program admin status; done`,
  );
  const listed = `* testos ${commit}.0\n    Unlocked: hotfix\n    origin refspec: one\n  testos ${commit}.1 (rollback)\n    origin refspec: one\n`;
  expect(said).toBe(listed.repeat(2));
  expect(isUntouched()).toBe(true);
  // Where prepare-root mounts it from.
  expect(fs.readFileSync(path.join(sysroot, booted, '.usr-ovl-upper/added'), 'utf8')).toBe('x\n');
  expect(fs.readdirSync(path.join(sysroot, booted, '.usr-ovl-work'))).toBeDefined();
  expect(run('lsattr', ['-d', path.join(sysroot, `${booted.slice(0, -1)}1`)])).toMatch(/^-*i/);
});
