/** The fallback with U-Boot's environment, beside `fw_setenv` and `fw_printenv` of libubootenv. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OURS } from './booted-machine.ts';
import {
  copyOfMachine,
  directoryOf,
  makeFallbackMachine,
  onMachine,
  standings,
  type FallbackMachine,
} from './fallback-machine.ts';
import { makeScratch, ourAdmin, removeScratch, run, writeFile } from './sysroot-fixture.ts';

const SIZE = 0x1000;
/** What U-Boot was built with, here. */
const INITIAL = 'altbootcmd=setenv yum_ostree_exhausted 1; run bootcmd\nbootcmd=run distro\n';

let scratch: string;
let pattern: FallbackMachine;
beforeAll(async () => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  pattern = await makeFallbackMachine(path.join(scratch, 'pattern'), 'uboot');
});
afterAll(() => {
  removeScratch(scratch);
});

const COPIES = { one: ['0'], two: ['0', '0x1000'] } as const;
type Copies = keyof typeof COPIES;

/** A machine whose environment has one copy or two, written by fw_setenv. */
function machine(name: string, copies: Copies): FallbackMachine {
  const at = copyOfMachine(pattern, `${name}-${copies}`);
  const { sysroot } = at;
  const config = (file: string): string =>
    COPIES[copies].map((offset) => `${file} ${offset} 1000\n`).join('');
  writeFile(`${sysroot}/${directoryOf(at, 1)}/etc/fw_env.config`, config('/boot/uboot.env'));
  writeFile(`${sysroot}.config`, config(environment(at)));
  writeFile(`${sysroot}.initial`, INITIAL);
  writeFile(environment(at), '\0'.repeat(2 * SIZE));
  run('fw_setenv', ['-c', `${sysroot}.config`, '-f', `${sysroot}.initial`, 'board', 'a b=c']);
  return at;
}

function environment({ sysroot }: FallbackMachine): string {
  return `${sysroot}/boot/uboot.env`;
}

function printed({ sysroot }: FallbackMachine): string[] {
  return run('fw_printenv', ['-c', `${sysroot}.config`])
    .trim()
    .split('\n')
    .sort();
}

/** What U-Boot leaves after so many boots of the deployment on trial. */
function ubootLeaves({ sysroot }: FallbackMachine, bootcount: number): void {
  run('fw_setenv', ['-c', `${sysroot}.config`, 'bootcount', String(bootcount)]);
}

function deploy(at: FallbackMachine, version: number): void {
  const done = onMachine(at, 1, `${OURS} admin deploy --os=testos os/${version}`);
  expect(done).toMatchObject({ status: 0, stderr: '' });
}

const FIXED = ['altbootcmd=setenv yum_ostree_exhausted 1; run bootcmd', 'board=a b=c', 'bootcmd=run distro'];
const ON_TRIAL = expect.stringMatching(/^yum_ostree_trial=[0-9a-f]{12}$/) as string;

describe.for(Object.keys(COPIES) as Copies[])('%s', (copies) => {
  test('a deploy starts the count, mark-good ends it', () => {
    const at = machine('good', copies);
    deploy(at, 2);
    const counting = ['bootcount=0', 'bootlimit=3', 'upgrade_available=1'];
    expect(printed(at)).toEqual([...[...FIXED, ...counting].sort(), ON_TRIAL]);
    expect(fs.readFileSync(`${at.sysroot}/boot/loader/uEnv.txt`, 'utf8').split('\n').at(-2)).toBe(
      'yum_ostree_fallback=setenv kernel_image "${kernel_image2}"; setenv ramdisk_image "${ramdisk_image2}"; ' +
        'setenv fdt_file; setenv fdtdir "${fdtdir2}"; setenv bootargs "${bootargs2}"',
    );
    ubootLeaves(at, 1);
    expect(onMachine(at, 2, '$BOARD status').stdout).toContain('    Boot: on trial, 2 of 3 tries left\n');
    expect(onMachine(at, 2, '$BOARD mark-good && $BOARD status')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('    Boot: good\n') as string,
    });
    expect(printed(at)).toEqual([
      ...[...FIXED, 'bootcount=0', 'bootlimit=3', 'upgrade_available=0'].sort(),
      ON_TRIAL,
    ]);
  });

  test('after the last try the previous one becomes the default', async () => {
    const at = machine('falls-back', copies);
    deploy(at, 2);
    ubootLeaves(at, 4);
    const done = onMachine(at, 1, '$BOARD mark-good && $BOARD status --json');
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(done.stdout).toContain(
      `${at.commits[1]}.0 has failed; ${at.commits[0]}.0, which runs, is the default`,
    );
    expect(printed(at)).toEqual([...FIXED, 'bootcount=0', 'bootlimit=3', 'upgrade_available=0'].sort());
    expect((await standings(at)).map(([version]) => version)).toEqual([1, 2]);
    expect(onMachine(at, 1, '$BOARD status').stdout).toContain('    Boot: failed\n');
    expect(fs.readFileSync(`${at.sysroot}/boot/loader/uEnv.txt`, 'utf8')).not.toContain('yum_ostree');
  });

  test('a count that nothing is on trial for ends', () => {
    const at = machine('stale', copies);
    for (const [name, value] of [
      ['upgrade_available', '1'],
      ['bootcount', '2'],
    ])
      run('fw_setenv', ['-c', `${at.sysroot}.config`, name ?? '', value ?? '']);
    expect(onMachine(at, 1, '$BOARD mark-good').status).toBe(0);
    expect(printed(at)).toEqual([...FIXED, 'bootcount=0', 'upgrade_available=0'].sort());
  });
});

describe('with our boot.scr', () => {
  /** A board whose U-Boot reads nothing else. */
  const board = (name: string): FallbackMachine => {
    const at = machine(name, 'two');
    run('ostree', ['config', `--repo=${at.sysroot}/ostree/repo`, 'set', 'sysroot.bootloader', 'auto']);
    fs.rmSync(`${at.sysroot}/boot/loader/uEnv.txt`);
    fs.symlinkSync('loader/boot.scr', `${at.sysroot}/boot/boot.scr`);
    run('fw_setenv', ['-c', `${at.sysroot}.config`, 'altbootcmd']);
    return at;
  };
  const script = ({ sysroot }: FallbackMachine): string =>
    fs.readFileSync(`${sysroot}/boot/boot.scr`, 'latin1').slice(72);

  test('a new deployment is on trial, and its id is in the script', () => {
    const at = board('script');
    deploy(at, 2);
    const trial = printed(at).find((line) => line.startsWith('yum_ostree_trial=')) ?? '';
    expect(printed(at)).toEqual(
      [...FIXED, 'bootcount=0', 'bootlimit=3', 'upgrade_available=1', trial].sort(),
    );
    expect(script(at)).toContain(`" != "1 ${trial.split('=')[1] ?? ''}" || setenv ostree_trial 1\n`);
    ubootLeaves(at, 3);
    expect(onMachine(at, 2, '$BOARD mark-good && $BOARD status').stdout).toContain('    Boot: good\n');
  });

  test('after a fallback it counts no more', () => {
    const at = board('script-back');
    deploy(at, 2);
    ubootLeaves(at, 3);
    run('fw_setenv', ['-c', `${at.sysroot}.config`, 'yum_ostree_counted', '3']);
    expect(onMachine(at, 1, '$BOARD mark-good')).toMatchObject({ status: 0, stderr: '' });
    expect(printed(at)).toEqual([...FIXED, 'bootcount=0', 'bootlimit=3', 'upgrade_available=0'].sort());
    expect(script(at)).not.toContain('saveenv');
  });
});

test('one damaged copy of two is passed over and written anew, as fw_setenv does', () => {
  const at = machine('damaged', 'two');
  const bytes = fs.readFileSync(environment(at));
  const used = bytes[4] === 1 ? 0 : SIZE;
  bytes[SIZE - used + 20] = 0xff;
  fs.writeFileSync(environment(at), bytes);
  deploy(at, 2);
  expect(printed(at)).toContain('upgrade_available=1');
  // The copy that was in use is there still, for a crash.
  expect(fs.readFileSync(environment(at)).subarray(used, used + SIZE)).toEqual(
    bytes.subarray(used, used + SIZE),
  );
});

test('a bad CRC is one error; with the built-in environment at hand it is mended', () => {
  const at = machine('zeros', 'one');
  fs.writeFileSync(environment(at), Buffer.alloc(2 * SIZE));
  const refused = onMachine(at, 1, `$BOARD mark-good; ${OURS} admin deploy --os=testos os/2`);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain(
    'the U-Boot environment has a bad CRC: U-Boot uses its built-in one\nhint: ',
  );
  expect(fs.readFileSync(environment(at)).every((byte) => byte === 0)).toBe(true);
  writeFile(`${at.sysroot}/${directoryOf(at, 1)}/etc/u-boot-initial-env`, INITIAL);
  expect(onMachine(at, 1, '$BOARD mark-good').stdout).toContain(
    'repaired: the U-Boot environment, whose CRC was wrong, was made anew from /etc/u-boot-initial-env\n',
  );
  expect(printed(at)).toEqual(INITIAL.trim().split('\n'));
});

test('a configuration that names what is not there is one error, with a hint', () => {
  const at = machine('missing', 'one');
  fs.rmSync(environment(at));
  expect(onMachine(at, 1, `${OURS} admin deploy --os=testos os/2`)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(
      "/etc/fw_env.config names /boot/uboot.env, which is not there\nhint: 'saveenv' at",
    ) as string,
  });
});

test('a sysroot that is not booted has no devices: nothing is on trial', async () => {
  const at = machine('image', 'one');
  const before = fs.readFileSync(environment(at));
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', 'os/2']);
  expect(await standings(at)).toEqual([
    [2, undefined],
    [1, undefined],
  ]);
  expect(fs.readFileSync(environment(at)).equals(before)).toBe(true);
});
