/** The fallback with the counting of Fedora's GRUB, which makes its menu from the entries, beside `grub-editenv`. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  copyOfMachine,
  grubEnvironment,
  makeFallbackMachine,
  onMachine,
  standings,
  type FallbackMachine,
} from './fallback-machine.ts';
import { makeScratch, ourAdmin, removeScratch, run } from './sysroot-fixture.ts';

const GOOD = { state: 'good' };
const FAILED = { state: 'failed' };

/** As far as it matters here: what grub2-mkconfig makes on Fedora. */
const COUNTING = `insmod increment
if [ -n "\${boot_counter}" -a "\${boot_success}" = "0" ]; then
  if  [ "\${boot_counter}" = "0" -o "\${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  else
    decrement boot_counter
  fi
  save_env boot_counter
fi
`;
const MENU = 'insmod blscfg\nblscfg\n';

let scratch: string;
let pattern: FallbackMachine;
beforeAll(async () => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  pattern = await makeFallbackMachine(path.join(scratch, 'pattern'), 'none');
  fs.mkdirSync(`${pattern.sysroot}/boot/grub`);
  fs.writeFileSync(`${pattern.sysroot}/boot/grub/grub.cfg`, COUNTING + MENU);
  run('grub-editenv', [grubEnvironment(pattern), 'create']);
  run('grub-editenv', [grubEnvironment(pattern), 'set', 'saved_entry=', 'boot_success=1']);
});
afterAll(() => {
  removeScratch(scratch);
});

const machine = (name: string): FallbackMachine => copyOfMachine(pattern, name);

function variables(at: FallbackMachine): Record<string, string> {
  const lines = run('grub-editenv', [grubEnvironment(at), 'list'])
    .trim()
    .split('\n');
  return Object.fromEntries(lines.map((line) => line.split('=') as [string, string]));
}

/** What that GRUB does. @returns the version that boots */
async function grubBoots(at: FallbackMachine): Promise<number> {
  const { boot_counter: counter, boot_success: success } = variables(at);
  const isCounted = counter !== undefined && success === '0';
  const isUsedUp = counter === '0' || counter === '-1';
  const left = isUsedUp ? -1 : Number(counter) - 1;
  const set = [...(isCounted ? [`boot_counter=${left}`] : []), 'boot_success=0'];
  run('grub-editenv', [grubEnvironment(at), 'set', ...set]);
  const menu = await standings(at);
  return menu[isCounted && isUsedUp ? 1 : 0]?.[0] ?? 0;
}

const deploy = (at: FallbackMachine, version: number): Promise<string> =>
  ourAdmin(at.sysroot, ['deploy', '--os=testos', `os/${version}`]);

test('a new deployment is counted, and mark-good ends that', async () => {
  const at = machine('good');
  await deploy(at, 2);
  expect(variables(at)).toMatchObject({ boot_counter: '3', boot_success: '0' });
  expect(await standings(at)).toEqual([
    [2, { state: 'trial', tries: 3, left: 3 }],
    [1, undefined],
  ]);
  expect(await grubBoots(at)).toBe(2);
  expect(await standings(at)).toMatchObject([[2, { left: 2 }], {}]);
  const done = onMachine(at, 2, '$BOARD mark-good && $BOARD status');
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(done.stdout).toContain('    Boot: good\n');
  expect(variables(at)).toMatchObject({ boot_success: '1', saved_entry: '' });
  expect(variables(at)).not.toHaveProperty('boot_counter');
  // With greenboot instead, which knows only its own variables.
  await deploy(at, 3);
  run('grub-editenv', [grubEnvironment(at), 'unset', 'boot_counter']);
  expect(await standings(at)).toEqual([
    [3, GOOD],
    [2, GOOD],
  ]);
});

test('after the last try the second entry boots, becomes the first, and is not counted', async () => {
  const at = machine('falls-back');
  await deploy(at, 2);
  const boots = [];
  for (let boot = 0; boot < 5; boot++) boots.push(await grubBoots(at));
  expect(boots).toEqual([2, 2, 2, 1, 1]);
  expect(variables(at)['boot_counter']).toBe('-1');
  const done = onMachine(at, 1, '$BOARD mark-good; $BOARD fsck-boot; $BOARD mark-good');
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(done.stdout).toContain('which runs, is the default now\n');
  expect(await standings(at)).toEqual([
    [1, undefined],
    [2, FAILED],
  ]);
  expect(variables(at)).not.toHaveProperty('boot_counter');
  expect(await grubBoots(at)).toBe(1);
});

test('cut off between the new list and the end of the count, the failed one does not boot', async () => {
  const at = machine('cut-off');
  await deploy(at, 2);
  for (let boot = 0; boot < 4; boot++) await grubBoots(at);
  // The list that is written then, and nothing after it.
  await ourAdmin(at.sysroot, ['set-default', '1']);
  expect(await standings(at)).toEqual([
    [1, undefined],
    [2, FAILED],
  ]);
  expect(await grubBoots(at)).toBe(1);
  expect(onMachine(at, 1, '$BOARD mark-good').status).toBe(0);
  expect(variables(at)).not.toHaveProperty('boot_counter');
});

test('what can be fallen back to is the second entry', async () => {
  const at = machine('second');
  await deploy(at, 2);
  await grubBoots(at);
  expect(onMachine(at, 2, '$BOARD mark-good').status).toBe(0);
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', '--retain', '--not-as-default', 'os/3']);
  expect((await standings(at)).map(([version]) => version)).toEqual([2, 3, 1]);
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', '--retain', '--karg-append=z', 'os/1']);
  expect((await standings(at)).map(([version]) => version).slice(0, 2)).toEqual([1, 2]);
});

test('without the counting nothing is on trial, and deploy and status say so', async () => {
  const at = machine('without');
  fs.writeFileSync(`${at.sysroot}/boot/grub/grub.cfg`, MENU);
  const why =
    'boots cannot be counted here (grub.cfg has blscfg without 08_fallback_counting): no deployment is on trial\n';
  expect(await deploy(at, 2)).toContain(`\nwarning: ${why}`);
  expect(await ourAdmin(at.sysroot, ['status'])).toContain(`    Boot: ${why}`);
  expect(await standings(at)).toEqual([
    [2, undefined],
    [1, undefined],
  ]);
});

test('a block without room is one error for a deploy, which names it', async () => {
  const at = machine('full');
  const file = grubEnvironment(at);
  const free = /#*$/.exec(fs.readFileSync(file, 'latin1'))?.[0].length ?? 0;
  run('grub-editenv', [
    file,
    'set',
    `full=${'x'.repeat(free - 'full=\n'.length - ('yum_ostree_trial=123456789012\nboot_counter=-1\n'.length - 1))}`,
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
