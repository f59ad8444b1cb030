/** The fallback with syslinux, whose data the real `extlinux` writes and reads, on a file system of its own. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { armSyslinux, findSyslinux } from '#bootloader/syslinux-trial.ts';
import {
  asBooted,
  makeFallbackMachine,
  onMachine,
  standings,
  type FallbackMachine,
} from './fallback-machine.ts';
import { makeScratch, ourAdmin, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

const GOOD = { state: 'good' };
const FAILED = { state: 'failed' };
const ON_TRIAL = { state: 'trial', tries: 1, left: 1 };
const ADV_SIZE = 1024;

let scratch: string;
let pattern: string;
let at: FallbackMachine;
beforeAll(async () => {
  scratch = makeScratch();
  pattern = path.join(scratch, 'pattern.img');
  run('truncate', ['-s', '96M', pattern]);
  // syslinux 6.04 does not read what mkfs.ext4 makes by itself.
  run('mkfs.ext4', ['-q', '-O', '^metadata_csum,^64bit', pattern]);
  at = await onDisk(pattern, async (sysroot) => {
    const made = await makeFallbackMachine(path.join(sysroot, 'root'), 'syslinux');
    const directory = `${made.sysroot}/boot/syslinux`;
    fs.mkdirSync(directory);
    fs.writeFileSync(`${made.sysroot}/boot/loader/syslinux.cfg`, 'SERIAL 0 115200\nTIMEOUT 10\n');
    fs.symlinkSync('../loader/syslinux.cfg', `${directory}/syslinux.cfg`);
    run('extlinux', ['--install', directory]);
    // As after a deploy: the default is in it.
    await ourAdmin(made.sysroot, ['instutil', 'set-kargs', '--merge', '--append=x=y']);
    return made;
  });
});
afterAll(() => {
  removeScratch(scratch);
});

const place = (): string => path.join(scratch, 'disk');
beforeEach(() => {
  run('cp', ['--sparse=always', pattern, `${place()}.img`]);
  mount(`${place()}.img`);
});
afterEach(() => {
  run('umount', [place()]);
});

function mount(image: string): void {
  fs.mkdirSync(place(), { recursive: true });
  run('mount', ['-o', 'loop', image, place()]);
}

async function onDisk<T>(image: string, action: (root: string) => Promise<T>): Promise<T> {
  mount(image);
  try {
    return await action(place());
  } finally {
    run('umount', [place()]);
  }
}

const loader = (): string => `${at.sysroot}/boot/syslinux/ldlinux.sys`;
const config = (): string => fs.readFileSync(`${at.sysroot}/boot/syslinux/syslinux.cfg`, 'utf8');
const defaultOf = (text: string): string | undefined => /^DEFAULT (.*)$/m.exec(text)?.[1];

function data(): Buffer {
  return fs.readFileSync(loader()).subarray(-ADV_SIZE);
}

/** What boots next, once, as the data has it. */
function once(): string {
  const text = data();
  return text[8] === 1 ? text.subarray(10, 10 + (text[9] ?? 0)).toString() : '';
}

/** What syslinux leaves after it has booted what is there once. */
function syslinuxBoots(): void {
  run('extlinux', ['--clear-once', `${at.sysroot}/boot/syslinux`]);
}

const deploy = (version: number): Promise<string> =>
  ourAdmin(at.sysroot, ['deploy', '--os=testos', `os/${version}`]);

test('a new deployment boots once, and what extlinux writes for that is the same', async () => {
  await deploy(2);
  const label = once();
  expect(label).toMatch(/^ostree:trial-[0-9a-f]{12}$/);
  expect(
    config()
      .replaceAll(label, 'TRIAL')
      .replaceAll(/[0-9a-f]{64}/g, 'SUM'),
  ).toMatchInlineSnapshot(`
    "SERIAL 0 115200
    TIMEOUT 10

    DEFAULT ostree:1
    ONERROR ostree:1
    LABEL TRIAL
    	MENU LABEL Test OS 1 (ostree:0)
    	KERNEL /boot/ostree/testos-SUM/vmlinuz-6.1.0
    	INITRD /boot/ostree/testos-SUM/initramfs-6.1.0.img
    	APPEND root=LABEL=x ostree=/ostree/boot.1/testos/SUM/0 x=y
    LABEL ostree:1
    	MENU LABEL Test OS 1 (ostree:1)
    	KERNEL /boot/ostree/testos-SUM/vmlinuz-6.1.0
    	INITRD /boot/ostree/testos-SUM/initramfs-6.1.0.img
    	APPEND root=LABEL=x ostree=/ostree/boot.1/testos/SUM/1 x=y
    "
  `);
  expect(await standings(at)).toEqual([
    [2, ON_TRIAL],
    [1, undefined],
  ]);
  const ours = data();
  syslinuxBoots();
  run('extlinux', [`--once=${label}`, `${at.sysroot}/boot/syslinux`]);
  expect(ours.equals(data())).toBe(true);
  expect(run('lsattr', [loader()])).toMatch(/^----i/);
  // The C program reads the list.
  expect(theirAdmin(at.sysroot, ['status'], { OSTREE_SYSROOT_OPTS: 'bootloader-naming-1' })).toContain(
    at.commits[1],
  );
});

test('marked good, it is the default, and the next list has names as ostree gives them', async () => {
  await deploy(2);
  const label = once();
  syslinuxBoots();
  expect(onMachine(at, 2, '$BOARD status').stdout).toContain('    Boot: on trial, 0 of 1 try left\n');
  expect(onMachine(at, 2, '$BOARD mark-good && $BOARD status')).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringMatching(/^[0-9a-f]{64}\.0 is good\n\* testos [^]* {4}Boot: good\n/) as string,
  });
  expect(defaultOf(config())).toBe(label);
  expect(await standings(at)).toEqual([
    [2, GOOD],
    [1, undefined],
  ]);
  await ourAdmin(at.sysroot, ['undeploy', '1']);
  expect(await standings(at)).toEqual([[2, GOOD]]);
  expect(defaultOf(config())).toBe('Test OS 1 (ostree:0)');
  expect(config()).not.toContain('ONERROR');
});

test('not marked good, the one before it is the default still, and then for good', async () => {
  await deploy(2);
  expect(defaultOf(config())).toBe('ostree:1');
  syslinuxBoots();
  expect(await standings(at)).toEqual([
    [2, FAILED],
    [1, undefined],
  ]);
  const done = onMachine(at, 1, '$BOARD mark-good; $BOARD fsck-boot; $BOARD mark-good');
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(done.stdout).toContain('which runs, is the default now\n');
  expect(await standings(at)).toEqual([
    [1, undefined],
    [2, FAILED],
  ]);
  await ourAdmin(at.sysroot, ['set-default', '1']);
  expect(await standings(at)).toEqual([
    [2, ON_TRIAL],
    [1, undefined],
  ]);
  expect(once()).toMatch(/^ostree:trial-/);
});

test('cut off before the new list, the old one has an answer to a label that it does not know', async () => {
  const before = config();
  expect(before).not.toContain('ONERROR');
  asBooted(at, { place: 0 }, (sysroot) => {
    const found = findSyslinux(sysroot, 'syslinux');
    if (typeof found !== 'string') armSyslinux(sysroot, found, { id: 'abc', tries: 1 });
  });
  expect(once()).toBe('ostree:trial-abc');
  const line = 'DEFAULT Test OS 1 (ostree:0)\n';
  expect(config()).toBe(before.replace(line, `${line}ONERROR Test OS 1 (ostree:0)\n`));
  expect(await standings(at)).toEqual([[1, undefined]]);
  // Without a boot in between.
  expect(onMachine(at, 1, '$BOARD mark-good').stdout).toContain(
    "repaired: /boot/syslinux/ldlinux.sys: 'ostree:trial-abc' boots next no more: it is not on trial\n",
  );
  expect(once()).toBe('');
  await deploy(2);
  expect(await standings(at)).toMatchObject([
    [2, ON_TRIAL],
    [1, undefined],
  ]);
  expect(config().match(/^ONERROR .*$/gm)).toEqual(['ONERROR ostree:1']);
});

test('what boots once is taken back where another one is made the default', async () => {
  await deploy(2);
  await ourAdmin(at.sysroot, ['set-default', '1']);
  expect(once()).toBe('');
  expect(defaultOf(config())).toBe('Test OS 1 (ostree:0)');
});

test.each([
  ['no ldlinux.sys', () => unlocked((file) => fs.rmSync(file)), 'there is no ldlinux.sys in /boot/syslinux'],
  [
    'a default of somebody else',
    () =>
      fs.appendFileSync(
        `${at.sysroot}/boot/loader/syslinux.cfg`,
        'LABEL memtest\n\tKERNEL /memtest\nDEFAULT memtest\n',
      ),
    "the DEFAULT of /boot/syslinux/syslinux.cfg is 'memtest', none of ostree's",
  ],
])('%s: nothing is on trial, and status says why', async (_name, spoil, why) => {
  spoil();
  await deploy(2);
  expect(await standings(at)).toEqual([
    [2, undefined],
    [1, undefined],
  ]);
  expect(await ourAdmin(at.sysroot, ['status'])).toContain(
    `    Boot: boots cannot be counted here (${why}): no deployment is on trial\n`,
  );
});

test('damaged data is one error for a deploy, and extlinux mends it', async () => {
  unlocked((file) => {
    const bytes = fs.readFileSync(file);
    bytes.fill(0, bytes.length - ADV_SIZE);
    fs.writeFileSync(file, bytes);
  });
  await expect(deploy(2)).rejects.toMatchObject({ code: 'SYSLINUX_DATA' });
  expect(await standings(at)).toEqual([[1, undefined]]);
  run('extlinux', ['--update', `${at.sysroot}/boot/syslinux`]);
  await deploy(2);
  expect(await standings(at)).toEqual([
    [2, ON_TRIAL],
    [1, undefined],
  ]);
});

function unlocked(action: (file: string) => void): void {
  spawnSync('chattr', ['-i', loader()]);
  action(loader());
}
