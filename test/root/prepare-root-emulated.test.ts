/** The compact executables for aarch64 and armv7 under qemu-user, beside the one for this machine. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { compactPrepareRoot, type Architecture } from '#test/fixtures/compact-program.ts';
import { BOOT_CASES, bootCase } from './prepare-root-cases.ts';
import { PROJECT, type ProgramResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

const HERE = compactPrepareRoot();

/** The emulator, and the architecture's ELF machine number. */
const EMULATED = { aarch64: ['qemu-aarch64', 183], armv7: ['qemu-arm', 40] } as const;

/** The mount calls differ in what they are given; all of them are made by each of these. */
const RUN_FOR_REAL = [
  'plain',
  'sysroot.readonly',
  'etc.transient and sysroot.readonly',
  'no ostree argument',
];

describe.for(Object.keys(EMULATED) as Exclude<Architecture, 'x86-64'>[])('%s', (architecture) => {
  const program = compactPrepareRoot(architecture);
  const [emulator, machine] = EMULATED[architecture];
  const command = [`/usr/bin/${emulator}`, program];

  test('it is an executable of that architecture without shared libraries', () => {
    const header = fs.readFileSync(program).subarray(0, 64);
    expect(header.readUInt16LE(18)).toBe(machine);
    const { stdout } = spawnSync('readelf', ['--dynamic', program], { encoding: 'utf8' });
    expect(stdout).toContain('There is no dynamic section');
  });

  test('--version', () => {
    const { version } = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as {
      version: string;
    };
    const printed = { status: 0, stdout: `ostree-prepare-root (yum-ostree ${version})\n`, stderr: '' };
    expect(runHere([...command, '--version'])).toEqual(printed);
  });

  test.for([
    ['the plan', OSTREE_ARGUMENT, 0],
    ['the diagnosis of a target that is missing', 'root=LABEL=x ostree=/ostree/boot.0/os/bbbb/0', 1],
    ['the diagnosis of a command line without target', 'root=LABEL=x', 1],
  ] as const)('%s', ([, cmdline, status]) => {
    const sysroot = makeSyntheticSysroot({ legacyReadonly: true });
    try {
      const asked = ['--print-plan', '--sysroot', sysroot, '--cmdline', cmdline, '--config', '/dev/null'];
      const expected = runHere([HERE, ...asked]);
      expect(expected.status).toBe(status);
      expect(`${expected.stdout}${expected.stderr}`.split('\n').length).toBeGreaterThan(3);
      expect(runHere([...command, ...asked])).toEqual(expected);
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  });

  test.for(RUN_FOR_REAL)('in a mount namespace: %s', (name) => {
    const boot = BOOT_CASES.find((one) => one.name === name) ?? { name };
    expect(bootCase(boot, command)).toEqual(bootCase(boot, [HERE]));
  });
});

function runHere([program = '', ...args]: readonly string[]): ProgramResult {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  if (error) throw error;
  return { status, stdout, stderr };
}
