/** The fallback with GRUB's environment block, beside `grub-editenv` and `grub-script-check`. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OURS } from './booted-machine.ts';
import {
  addCheck,
  copyOfMachine,
  grubEnvironment,
  grubLeaves,
  installGrub,
  makeFallbackMachine,
  onMachine,
  standings,
  trialOf,
  type FallbackMachine,
} from './fallback-machine.ts';
import { makeScratch, ourAdmin, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

const GOOD = { state: 'good' };
const FAILED = { state: 'failed' };

let scratch: string;
let pattern: FallbackMachine;
beforeAll(async () => {
  // Many syncs: in memory, where there is such a file system.
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  pattern = await makeFallbackMachine(path.join(scratch, 'pattern'), 'grub2');
  installGrub(pattern);
  run('grub-editenv', [grubEnvironment(pattern), 'set', 'saved_entry=an entry']);
});
afterAll(() => {
  removeScratch(scratch);
});

const machine = (name: string): FallbackMachine => copyOfMachine(pattern, name);

function variables(at: FallbackMachine): string {
  return run('grub-editenv', [grubEnvironment(at), 'list']);
}

test('a new deployment is on trial, and grub.cfg counts', async () => {
  const at = machine('counts');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  expect(await standings(at)).toEqual([
    [2, { state: 'trial', tries: 3, left: 3 }],
    [1, undefined],
  ]);
  expect(await ourAdmin(at.sysroot, ['status'])).toContain('    Boot: on trial, 3 of 3 tries left\n');
  run('grub-script-check', [`${at.sysroot}/boot/grub/grub.cfg`]);
  const text = fs.readFileSync(`${at.sysroot}/boot/grub/grub.cfg`, 'utf8').replaceAll(trialOf(at), 'ID');
  expect(text.slice(0, text.indexOf('load_video'))).toMatchInlineSnapshot(`
    "# Written by ostree at each deployment; changes here are lost.
    set default=0
    set timeout=5
    set fallback=1

    if [ -s $prefix/grubenv ]; then
      load_env yum_ostree_trial yum_ostree_left
    fi
    export yum_ostree_trial yum_ostree_left
    if [ "\${yum_ostree_trial}" = "ID" -a "\${yum_ostree_left}" = "0" -a "\${boot_once}" != "true" ]; then
      set default='ostree-1-boot'
    fi
    menuentry 'Test OS 1 (ostree:0)' --class gnu-linux --class gnu --class os --unrestricted 'ostree-0-boot' {
    if [ "\${yum_ostree_trial}" != "ID" ]; then
      set yum_ostree_trial=ID
      set yum_ostree_left=2
      save_env yum_ostree_trial yum_ostree_left
    elif [ "\${yum_ostree_left}" = "2" ]; then
      set yum_ostree_left=1
      save_env yum_ostree_trial yum_ostree_left
    elif [ "\${yum_ostree_left}" = "1" ]; then
      set yum_ostree_left=0
      save_env yum_ostree_trial yum_ostree_left
    fi
    "
  `);
  // GRUB knows an entry by its id only where it is said to be one.
  expect(text).toContain(" --id 'ostree-1-boot' {\n");
  expect(await ourAdmin(at.sysroot, ['instutil', 'grub2-generate'])).toContain(trialOf(at));
  // The C program reads what was written.
  expect(theirAdmin(at.sysroot, ['status'], { OSTREE_SYSROOT_OPTS: 'bootloader-naming-1' })).toContain(
    at.commits[1],
  );
});

test('mark-good after a boot, with the block as GRUB leaves it', async () => {
  const at = machine('good');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  grubLeaves(at, 2);
  expect(await standings(at)).toMatchObject([
    [2, { left: 2 }],
    [1, undefined],
  ]);
  const inode = fs.statSync(grubEnvironment(at)).ino;
  expect(onMachine(at, 2, '$BOARD mark-good && $BOARD status')).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringMatching(/^[0-9a-f]{64}\.0 is good\n\* testos [^]* {4}Boot: good\n/) as string,
  });
  expect(variables(at)).toBe(`saved_entry=an entry\nyum_ostree_trial=${trialOf(at)}\nyum_ostree_left=good\n`);
  expect(fs.statSync(grubEnvironment(at))).toMatchObject({ ino: inode, size: 1024 });
  // The next update: the good one is what can be fallen back to, the one before it goes.
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/3']);
  expect(await standings(at)).toEqual([
    [3, { state: 'trial', tries: 3, left: 3 }],
    [2, GOOD],
  ]);
});

test('after the last try the previous one becomes the default, and the failed one is kept', async () => {
  const at = machine('falls-back');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  grubLeaves(at, 0);
  expect(await standings(at)).toEqual([
    [2, FAILED],
    [1, undefined],
  ]);
  const done = onMachine(at, 1, '$BOARD mark-good; $BOARD status; $BOARD fsck-boot; $BOARD mark-good');
  expect(done).toMatchObject({ status: 0, stderr: '' });
  const [first, second] = at.commits;
  expect(done.stdout).toContain(`${second}.0 has failed; ${first}.0, which runs, is the default now\n`);
  expect(done.stdout.split('is the default now')).toHaveLength(2);
  expect(await standings(at)).toEqual([
    [1, undefined],
    [2, FAILED],
  ]);
  expect(fs.readFileSync(`${at.sysroot}/boot/grub/grub.cfg`, 'utf8')).not.toContain('yum_ostree');
  // Only somebody who asks for it has it tried again.
  await ourAdmin(at.sysroot, ['set-default', '1']);
  expect(await standings(at)).toEqual([
    [2, { state: 'trial', tries: 3, left: 3 }],
    [1, undefined],
  ]);
});

test('neither an update nor a rollback tries a failed one again; who asks for it gets it', async () => {
  const at = machine('again');
  const [, second = ''] = at.commits;
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  grubLeaves(at, 0);
  expect(onMachine(at, 1, '$BOARD mark-good').status).toBe(0);
  // As it is passed over, no status calls it the one to go back to.
  const board = onMachine(at, 1, '$BOARD status').stdout;
  expect(board).toMatch(/^\* testos \S+\n[^]*\n {2}testos \S+\n[^]* Boot: failed\n/);
  expect(onMachine(at, 1, `${OURS} admin status`).stdout).toBe(board);
  // What the first one follows.
  run('ostree', [`--repo=${at.sysroot}/ostree/repo`, 'reset', 'os/1', second]);
  const upgrade = (...words: string[]): string => {
    const done = onMachine(at, 1, `${OURS} admin upgrade ${words.join(' ')}`);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    return done.stdout;
  };
  expect(upgrade()).toContain(`No update: ${second} has failed to boot here, and is not deployed again`);
  expect(onMachine(at, 1, '$BOARD rollback')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(
      "has failed to boot\nhint: 'yum-ostree-boot set-default 1' tries it",
    ) as string,
  });
  // It is known for longer than it is in the list.
  expect(onMachine(at, 1, `${OURS} admin undeploy 1`).status).toBe(0);
  expect(upgrade()).toContain('No update: ');
  upgrade('--retry-failed');
  expect(await standings(at)).toMatchObject([
    [2, { state: 'trial', left: 3 }],
    [1, undefined],
  ]);
  expect(onMachine(at, 2, '$BOARD mark-good').status).toBe(0);
  await ourAdmin(at.sysroot, ['set-default', '1']);
  expect(upgrade()).not.toContain('No update: ');
});

test('a failing required check keeps it on trial; what failed is told after the fallback', async () => {
  const at = machine('checks');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  addCheck(at, 2, { name: 'required/10-net', script: 'echo no carrier >&2; exit 3' });
  addCheck(at, 2, { name: 'required/20-disk', script: 'echo fine' });
  addCheck(at, 2, { name: 'wanted/10-extra', script: 'exit 1' });
  grubLeaves(at, 0);
  const done = onMachine(at, 2, '$BOARD mark-good');
  expect(done).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`${at.commits[1]}.0 is not marked good: 10-net failed\n`) as string,
  });
  expect(done.stdout).toContain(
    'required check 10-net: failed: exit code 3\n  | no carrier\nrequired check 20-disk: passed\n',
  );
  expect(done.stdout).toContain('wanted check 10-extra: failed: exit code 1\n');
  expect(onMachine(at, 1, '$BOARD mark-good').status).toBe(0);
  expect(await ourAdmin(at.sysroot, ['status'])).toContain(
    '    Boot: failed: required check 10-net: exit code 3\n',
  );
});

test('what a check prints has a limit, on the disk and on the screen', async () => {
  const at = machine('noise');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  addCheck(at, 2, { name: 'wanted/50-yes', script: 'yes | head -c 5000000; echo; seq 30; exit 1' });
  grubLeaves(at, 0);
  const done = onMachine(at, 2, '$BOARD mark-good; stat -c "%s bytes" /run/yum-ostree/health/wanted/50-yes');
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(done.stdout).toContain(
    'failed: exit code 1\n  | (cut: more is in /run/yum-ostree/health/wanted/50-yes)\n  | 11\n  | 12\n',
  );
  expect(Number(/(\d+) bytes/.exec(done.stdout)?.[1])).toBeLessThan(66_000);
});

test('a required check that cannot run fails, and what is skipped is named', async () => {
  const at = machine('cannot-run');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  addCheck(at, 2, { name: 'required/sub/10-below', script: 'exit 0' });
  const etc = `${at.sysroot}/ostree/deploy/testos/deploy/${at.commits[1] ?? ''}.0/etc/yum-ostree`;
  fs.symlinkSync('/usr/lib/no-such-check', `${etc}/health.d/required/20-gone`);
  fs.writeFileSync(`${etc}/fallback.conf`, '[health]\ntimeuot=5\n');
  grubLeaves(at, 2);
  const done = onMachine(at, 2, '$BOARD mark-good');
  expect(done).toMatchObject({ status: 1, stderr: expect.stringContaining('20-gone failed') as string });
  expect(done.stdout).toContain(
    'warning: /etc/yum-ostree/fallback.conf: timeuot in [health] means nothing; timeout and reboot in [health] do\n' +
      'required check 20-gone: failed: it is a link to what is not there\n' +
      'required check sub: skipped: it is a directory\n',
  );
  // What is mended is told where nothing else is.
  fs.writeFileSync(`${etc}/fallback.conf`, '[health]\nreboot=maybe\n');
  fs.writeFileSync(grubEnvironment(at), Buffer.alloc(1024));
  expect(onMachine(at, 2, '$BOARD mark-good')).toMatchObject({
    status: 1,
    stderr:
      'repaired: /boot/grub/grubenv made anew, with 0 of its variables: it is all zeros\n' +
      'error: /etc/yum-ostree/fallback.conf: [health] reboot=maybe is neither true nor false\n',
  });
});

test('a block without room is one error for a deploy, which names it', async () => {
  const at = machine('full');
  const file = grubEnvironment(at);
  const free = /#*$/.exec(fs.readFileSync(file, 'latin1'))?.[0].length ?? 0;
  run('grub-editenv', [
    file,
    'set',
    `full=${'x'.repeat(free - 'full=\n'.length - ('yum_ostree_trial=123456789012\nyum_ostree_left=good\n'.length - 1))}`,
  ]);
  const before = fs.readFileSync(file);
  await expect(ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2'])).rejects.toMatchObject({
    code: 'GRUB_ENVIRONMENT',
    message: expect.stringMatching(/\/boot\/grub\/grubenv: the variables need 1025 of 1024 bytes$/) as string,
    hint: expect.stringContaining("'grub-editenv /boot/grub/grubenv unset NAME' makes room") as string,
  });
  expect(fs.readFileSync(file).equals(before)).toBe(true);
  expect((await standings(at)).map(([version]) => version)).toEqual([1]);
});

test('a block of zeros is one error for a deploy, and mended by mark-good', async () => {
  const at = machine('zeros');
  fs.writeFileSync(grubEnvironment(at), Buffer.alloc(1024));
  await expect(ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2'])).rejects.toMatchObject({
    code: 'GRUB_ENVIRONMENT',
    message: expect.stringContaining('/boot/grub/grubenv is no environment block: it is all zeros') as string,
  });
  expect(await standings(at)).toEqual([[1, undefined]]);
  const done = onMachine(at, 1, '$BOARD mark-good');
  expect(done.stdout).toContain(
    'repaired: /boot/grub/grubenv made anew, with 0 of its variables: it is all zeros\n',
  );
  expect(variables(at)).toBe('');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  expect(await standings(at)).toMatchObject([
    [2, { state: 'trial' }],
    [1, undefined],
  ]);
});

test('without the setting nothing is different', async () => {
  const at = machine('off');
  run('/usr/bin/ostree', [
    'config',
    `--repo=${at.sysroot}/ostree/repo`,
    'unset',
    'yum-ostree.fallback-tries',
  ]);
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  expect(await standings(at)).toEqual([
    [2, undefined],
    [1, undefined],
  ]);
  const written = fs.globSync(`${at.sysroot}/boot/loader.*/{grub.cfg,entries/*}`);
  expect(written.length).toBeGreaterThan(2);
  for (const file of written) expect(fs.readFileSync(file, 'utf8')).not.toContain('yum');
});

test('the client does the same: mark-good and status', async () => {
  const at = machine('client');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  grubLeaves(at, 1);
  const client = OURS.replace(/ostree$/, 'yum-ostree');
  const done = onMachine(at, 2, `${client} mark-good --json && ${client} status --json`);
  expect(done).toMatchObject({ status: 0, stderr: '' });
  const [report, status] = done.stdout.split(/(?<=^\}\n)/m).map((text) => JSON.parse(text) as unknown);
  expect(report).toMatchObject({ state: 'good', marked: true, healthy: true, 'failed-deployment': null });
  expect(status).toMatchObject({ deployments: [{ fallback: GOOD, remarks: ['Boot: good'] }, {}] });
});
