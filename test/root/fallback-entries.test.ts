/** The fallback with counters in the names of boot entries, as systemd-boot changes them. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { concludeBoot } from '#bootloader/fallback-mark-good.ts';
import { findSyslinux } from '#bootloader/syslinux-trial.ts';
import {
  asBooted,
  copyOfMachine,
  makeFallbackMachine,
  onMachine,
  standings,
  type FallbackMachine,
} from './fallback-machine.ts';
import { makeScratch, ourAdmin, removeScratch, run } from './sysroot-fixture.ts';

let scratch: string;
let pattern: FallbackMachine;
beforeAll(async () => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  pattern = await makeFallbackMachine(path.join(scratch, 'pattern'), 'none');
  await ourAdmin(pattern.sysroot, ['deploy', '--os=testos', 'os/2']);
});
afterAll(() => {
  removeScratch(scratch);
});

const machine = (name: string): FallbackMachine => copyOfMachine(pattern, name);

function entries({ sysroot }: FallbackMachine): string[] {
  return fs.readdirSync(`${sysroot}/boot/loader/entries`);
}

/** systemd-boot before it boots the entry. */
function counts({ sysroot }: FallbackMachine, from: string, to: string): void {
  fs.renameSync(`${sysroot}/boot/loader/entries/${from}`, `${sysroot}/boot/loader/entries/${to}`);
}

test('mark-good takes the counter away', async () => {
  const at = machine('good');
  expect(entries(at)).toEqual(['ostree-1.conf', 'ostree-2+3.conf']);
  counts(at, 'ostree-2+3.conf', 'ostree-2+2-1.conf');
  expect(await standings(at)).toEqual([
    [2, { state: 'trial', tries: 3, left: 2 }],
    [1, undefined],
  ]);
  expect(onMachine(at, 2, '$BOARD mark-good').status).toBe(0);
  expect(entries(at)).toEqual(['ostree-1.conf', 'ostree-2.conf']);
  expect(await standings(at)).toEqual([
    [2, { state: 'good' }],
    [1, undefined],
  ]);
});

test('with no try left the previous one becomes the default, and the failed one keeps its counter', async () => {
  const at = machine('falls-back');
  counts(at, 'ostree-2+3.conf', 'ostree-2+0-3.conf');
  expect(onMachine(at, 1, '$BOARD mark-good').status).toBe(0);
  expect(await standings(at)).toEqual([
    [1, undefined],
    [2, { state: 'failed' }],
  ]);
  expect(entries(at)).toEqual(['ostree-1+0-3.conf', 'ostree-2.conf']);
});

test('a trial goes on where the list is written for another reason', async () => {
  const at = machine('goes-on');
  counts(at, 'ostree-2+3.conf', 'ostree-2+1-2.conf');
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', '--not-as-default', '--retain', 'os/3']);
  expect(await standings(at)).toEqual([
    [2, { state: 'trial', tries: 3, left: 1 }],
    [3, { state: 'trial', tries: 3, left: 3 }],
    [1, undefined],
  ]);
  expect(entries(at)).toEqual(['ostree-1.conf', 'ostree-2+3.conf', 'ostree-3+1-2.conf']);
});

test('nothing is on trial where nothing would count in the names', async () => {
  const set = (at: FallbackMachine, ...words: string[]): string =>
    run('/usr/bin/ostree', ['config', `--repo=${at.sysroot}/ostree/repo`, ...words, 'sysroot.bootloader']);
  const statusAfterDeploy = async (at: FallbackMachine): Promise<string> => {
    await ourAdmin(at.sysroot, ['deploy', '--os=testos', '--karg-append=other', 'os/3']);
    return ourAdmin(at.sysroot, ['status']);
  };
  const loaderless = machine('loaderless');
  set(loaderless, 'unset');
  expect(await statusAfterDeploy(loaderless)).toContain(
    'boots cannot be counted here (no boot loader was found that counts; ' +
      'sysroot.bootloader=none says that it is systemd-boot): no deployment is on trial\n',
  );
  expect(entries(loaderless)).toContain('ostree-2.conf');
  const vendors = machine('vendors');
  fs.writeFileSync(`${vendors.sysroot}/boot/boot.scr`, 'mine');
  expect(await statusAfterDeploy(vendors)).toContain(
    'boots cannot be counted here (/boot/boot.scr is no link to loader/boot.scr, ' +
      'and U-Boot does not count in the entries): no deployment is on trial\n',
  );
  const found = machine('found');
  set(found, 'unset');
  fs.mkdirSync(`${found.sysroot}/efi/EFI/systemd`, { recursive: true });
  expect(await statusAfterDeploy(found)).toContain('on trial, 3 of 3 tries left');
});

test('before the first deployment the reason is not the link that the file will be behind', () => {
  const { sysroot } = machine('first');
  for (const file of fs.globSync(`${sysroot}/boot/loader/*.conf`)) fs.rmSync(file);
  fs.mkdirSync(`${sysroot}/boot/extlinux`);
  fs.symlinkSync('../loader/extlinux.conf', `${sysroot}/boot/extlinux/extlinux.conf`);
  const why = (): unknown =>
    asBooted({ sysroot, commits: [] }, { place: 0 }, (one) => findSyslinux(one, 'none'));
  expect(why()).toBe('U-Boot counts nothing by extlinux.conf');
  fs.writeFileSync(`${sysroot}/boot/extlinux/ldlinux.sys`, '');
  expect(why()).toBe('/boot/loader/extlinux.conf is not written yet');
});

test('a word for sysroot.bootloader that is not known: which there are', async () => {
  const { sysroot } = machine('bogus');
  run('/usr/bin/ostree', ['config', `--repo=${sysroot}/ostree/repo`, 'set', 'sysroot.bootloader', 'bogus']);
  await expect(ourAdmin(sysroot, ['deploy', '--os=testos', 'os/3'])).rejects.toMatchObject({
    hint: 'sysroot.bootloader is auto, none, syslinux, grub2 or uboot',
  });
});

test('on the partition of systemd-boot the names there count', async () => {
  const at = machine('partition');
  const { sysroot } = at;
  fs.mkdirSync(`${sysroot}/efi`);
  run('/usr/bin/ostree', [
    'config',
    `--repo=${sysroot}/ostree/repo`,
    'set',
    'yum-ostree.boot-partition',
    'efi',
  ]);
  await ourAdmin(sysroot, ['deploy', '--os=testos', 'os/3']);
  // The default's; that of the one before it, which is on trial too, starts with yum-ostree-0-.
  const name = (): string =>
    fs.globSync('yum-ostree-[1-9]*', { cwd: `${sysroot}/efi/loader/entries` })[0] ?? '';
  const counted = name();
  const left = (to: string): void => {
    const directory = `${sysroot}/efi/loader/entries`;
    fs.renameSync(`${directory}/${name()}`, `${directory}/${counted.replace(/\+.*\.conf/, `${to}.conf`)}`);
  };
  left('+2-1');
  expect((await standings(at))[0]).toEqual([3, { state: 'trial', tries: 3, left: 2 }]);
  left('+0-3');
  expect((await standings(at))[0]).toEqual([3, { state: 'failed' }]);
  left('+1-2');
  asBooted(at, { place: 0 }, (opened) =>
    concludeBoot(
      opened,
      { repaired: [], fellBackFrom: null, unsettled: null },
      { settings: { seconds: 1, reboots: false }, checks: [] },
    ),
  );
  expect(counted).toContain('+3');
  expect(name()).toBe(counted.replace(/\+.*\.conf/, '.conf'));
  expect((await standings(at))[0]).toEqual([3, { state: 'good' }]);
});
