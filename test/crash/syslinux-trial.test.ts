/** A change that starts a trial under syslinux and dies before any of its system calls: what syslinux boots then. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootList } from '#bootloader/next-boot.ts';
import { withBootOnce } from '#bootloader/syslinux-adv.ts';
import { loadSyscalls } from '#native/load.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { dyingAfter } from './dying-calls.ts';
import {
  asBooted,
  copyOfMachine,
  makeFallbackMachine,
  type FallbackMachine,
} from '../root/fallback-machine.ts';
import { makeScratch, ourAdmin, removeScratch } from '../root/sysroot-fixture.ts';

const ARGUMENT = 'tried=1';

let scratch: string;
let pattern: FallbackMachine;
beforeAll(async () => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  pattern = await makeFallbackMachine(path.join(scratch, 'pattern'), 'syslinux');
  const directory = `${pattern.sysroot}/boot/syslinux`;
  fs.mkdirSync(directory);
  fs.symlinkSync('../loader/syslinux.cfg', `${directory}/syslinux.cfg`);
  await ourAdmin(pattern.sysroot, ['deploy', '--os=testos', 'os/2']);
  // Only now: nothing is on trial yet.
  fs.writeFileSync(`${directory}/ldlinux.sys`, withBootOnce(new Uint8Array(1024), null));
});
afterAll(() => {
  removeScratch(scratch);
});

/** Other kernel arguments for the default. */
function change(sys: RepoCalls, at: FallbackMachine): void {
  asBooted(at, { place: 0, sys }, (sysroot) => {
    const [first, ...others] = sysroot.deployments;
    if (first !== undefined)
      bootList(sysroot, [{ ...first, kargs: [...first.kargs, ARGUMENT] }, ...others], { noPrune: true });
  });
}

/**
 * As syslinux does: the label that boots once, else the default; where there is no such label, that of ONERROR. A label
 * is known by its first word. @throws Error where it would wait at its prompt, or the entry cannot boot
 */
function syslinuxBoots({ sysroot }: FallbackMachine): { readonly isTrial: boolean } {
  const text = fs.readFileSync(`${sysroot}/boot/syslinux/syslinux.cfg`, 'utf8');
  const word = (name: string): string => new RegExp(`^${name} (\\S+)`, 'gim').exec(text)?.[1] ?? '';
  const data = fs.readFileSync(`${sysroot}/boot/syslinux/ldlinux.sys`).subarray(-1024);
  const once = data[8] === 1 ? data.subarray(10, 10 + (data[9] ?? 0)).toString() : '';
  const entry = (label: string): string | undefined =>
    text.split(/^(?=LABEL )/m).find((block) => block.split(/\s/)[1] === label && block.startsWith('LABEL '));
  const found = entry(once === '' ? word('DEFAULT') : once) ?? entry(word('ONERROR'));
  if (found === undefined) throw new Error(`'${once}' leads nowhere:\n${text}`);
  const value = (key: string): string => new RegExp(`^\\t${key} (.*)$`, 'm').exec(found)?.[1] ?? '';
  for (const key of ['KERNEL', 'INITRD']) fs.readFileSync(path.join(sysroot, value(key)));
  const link = /ostree=(\S+)/.exec(value('APPEND'))?.[1] ?? '';
  fs.readFileSync(path.join(fs.realpathSync(path.join(sysroot, link)), 'usr/bin/tool'));
  return { isTrial: value('APPEND').includes(ARGUMENT) };
}

test('a trial that starts', () => {
  const whole = copyOfMachine(pattern, 'whole');
  const { sys, calls } = dyingAfter(Infinity);
  change(sys, whole);
  expect(syslinuxBoots(whole)).toEqual({ isTrial: true });
  const outcomes = new Set<boolean>();
  for (let limit = 0; limit < calls.length; limit++) {
    const at = copyOfMachine(pattern, `cut-${limit}`);
    expect(
      () => {
        change(dyingAfter(limit).sys, at);
      },
      `death before ${calls[limit] ?? ''}`,
    ).toThrow('died');
    outcomes.add(syslinuxBoots(at).isTrial);
    change(loadSyscalls(), at);
    expect(syslinuxBoots(at), `after death before ${calls[limit] ?? ''}`).toEqual({ isTrial: true });
    removeScratch(at.sysroot);
  }
  expect([...outcomes].sort()).toEqual([false, true]);
  process.stdout.write(`syslinux: ${calls.length} points\n`);
});
