/** A mark-good that dies before any of its system calls, and one whose write is torn between two sectors. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { concludeBoot, settleBoot } from '#bootloader/fallback-mark-good.ts';
import { loadSyscalls } from '#native/load.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { dyingAfter } from './dying-calls.ts';
import {
  asBooted,
  copyOfMachine,
  grubEnvironment,
  grubLeaves,
  installGrub,
  makeFallbackMachine,
  standings,
  trialOf,
  type FallbackMachine,
} from '../root/fallback-machine.ts';
import { makeScratch, ourAdmin, removeScratch, run } from '../root/sysroot-fixture.ts';

const HEALTHY = { settings: { seconds: 1, reboots: false }, checks: [] };
const NOT_SETTLED = { repaired: [], fellBackFrom: null, unsettled: null };

let scratch: string;
let pattern: FallbackMachine;
beforeAll(async () => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  pattern = await makeFallbackMachine(path.join(scratch, 'pattern'), 'grub2');
  installGrub(pattern);
  await ourAdmin(pattern.sysroot, ['deploy', '--os=testos', 'os/2']);
});
afterAll(() => {
  removeScratch(scratch);
});

const copyOf = (name: string): FallbackMachine => copyOfMachine(pattern, name);

const mark = (sys: RepoCalls, at: FallbackMachine) =>
  asBooted(at, { place: 0, sys }, (sysroot) => concludeBoot(sysroot, NOT_SETTLED, HEALTHY));

test('marking good', () => {
  const whole = copyOf('mark');
  grubLeaves(whole, 1);
  const id = trialOf(whole);
  const { sys, calls } = dyingAfter(Infinity);
  expect(mark(sys, whole).marked).toBe(true);
  expect(calls.filter((call) => call.startsWith('write'))).toHaveLength(1);
  const [before, after] = [1, 'good'].map((left) => `yum_ostree_trial=${id}\nyum_ostree_left=${left}\n`);
  for (let limit = 0; limit < calls.length; limit++) {
    const at = copyOf(`mark-${limit}`);
    grubLeaves(at, 1);
    expect(() => mark(dyingAfter(limit).sys, at)).toThrow('died');
    const listed = run('grub-editenv', [grubEnvironment(at), 'list']);
    expect(listed, `death before ${calls[limit] ?? ''}`).toBe(
      calls.slice(0, limit).some((call) => call.startsWith('write')) ? after : before,
    );
    mark(loadSyscalls(), at);
    expect(run('grub-editenv', [grubEnvironment(at), 'list'])).toBe(after);
    removeScratch(at.sysroot);
  }
  process.stdout.write(`mark-good: ${calls.length} points\n`);
});

test('a write torn between two sectors is mended', async () => {
  const at = copyOf('torn');
  // The variables lie across the sectors' border.
  run('grub-editenv', [grubEnvironment(at), 'set', `filler=${'x'.repeat(430)}`]);
  grubLeaves(at, 1);
  const old = fs.readFileSync(grubEnvironment(at));
  mark(loadSyscalls(), at);
  const fresh = fs.readFileSync(grubEnvironment(at));
  expect(old.subarray(512).equals(fresh.subarray(512))).toBe(false);
  const halves = [
    [old, fresh],
    [fresh, old],
  ] as const;
  for (const [first, second] of halves) {
    fs.writeFileSync(grubEnvironment(at), Buffer.concat([first.subarray(0, 512), second.subarray(512)]));
    asBooted(at, { place: 0 }, (sysroot) => settleBoot(sysroot, {}));
    mark(loadSyscalls(), at);
    expect(await standings(at)).toMatchObject([
      [2, { state: 'good' }],
      [1, undefined],
    ]);
    expect(run('grub-editenv', [grubEnvironment(at), 'list'])).toContain('filler=x');
  }
});

test('making the default what was fallen back to', async () => {
  const settle = (sys: RepoCalls, at: FallbackMachine) =>
    asBooted(at, { place: 1, sys }, (sysroot) => settleBoot(sysroot, {}));
  const whole = copyOf('settle');
  grubLeaves(whole, 0);
  const { sys, calls } = dyingAfter(Infinity);
  expect(settle(sys, whole).fellBackFrom).not.toBeNull();
  const before = [
    [2, { state: 'failed' }],
    [1, undefined],
  ];
  const after = [
    [1, undefined],
    [2, { state: 'failed' }],
  ];
  expect(await standings(whole)).toEqual(after);
  const point = calls.indexOf('rename2 boot/loader.tmp boot/loader exchange');
  expect(point).toBeGreaterThan(0);
  for (let limit = 0; limit < calls.length; limit++) {
    const at = copyOf(`settle-${limit}`);
    grubLeaves(at, 0);
    expect(() => settle(dyingAfter(limit).sys, at)).toThrow('died');
    const where = `death before call ${limit}: ${calls[limit] ?? ''}`;
    expect(await standings(at), where).toEqual(limit > point ? after : before);
    // Whichever list it is, GRUB boots the first tree.
    const config = fs.readFileSync(`${at.sysroot}/boot/grub/grub.cfg`, 'utf8');
    expect(config.includes("set default='ostree-1-boot'"), where).toBe(limit <= point);
    if (limit <= point) expect(settle(loadSyscalls(), at).fellBackFrom).not.toBeNull();
    expect(await standings(at), where).toEqual(after);
    removeScratch(at.sysroot);
  }
  process.stdout.write(`after a fallback: ${calls.length} points\n`);
});
