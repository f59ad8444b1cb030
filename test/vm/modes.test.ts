/** Every mode booted twice, with the newest C program and with ours, on one disk: the systems they hand over are the same. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { BootResult } from './boot.ts';
import { boot, reportOf } from './boot.ts';
import { cProgram2022, cProgramNewest, ourProgram } from './boot-programs.ts';
import { BOOKWORM, TRIXIE } from './debian-suite.ts';
import { comparable } from './comparable.ts';
import type { DeployedDisk } from './deployed-disk.ts';
import { composefsDisk, ourDisk } from './disks.ts';
import type { GuestReport } from './guest-report.ts';
import { mountAt, writableIn } from './guest-report.ts';
import type { InitramfsPart } from './initramfs-part.ts';
import { configPart } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel } from './kernel.ts';
import { miniInitramfs } from './mini-initramfs.ts';

interface Mode {
  readonly name: string;
  readonly config: string;
  /** Where a file can be made. */
  readonly writable: readonly string[];
  /** Type of the root's and of /etc's mount; null where /etc is a part of the root. */
  readonly root: string;
  readonly etc: string | null;
}

const REPO = '/sysroot/ostree/repo';
const PLAIN: readonly Mode[] = [
  {
    name: 'plain',
    config: '',
    writable: ['/etc', '/var', '/boot', '/sysroot', REPO],
    root: 'ext4',
    etc: null,
  },
  {
    ...{ name: 'readonly', config: '[sysroot]\nreadonly=true\n', writable: ['/etc', '/var', '/boot'] },
    ...{ root: 'ext4', etc: 'ext4' },
  },
  {
    name: 'etc-transient-without-composefs',
    config: '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n',
    ...{ writable: ['/etc', '/var', '/boot'], root: 'ext4', etc: 'overlay' },
  },
];
const YES = '[composefs]\nenabled=yes\n';
const COMPOSEFS: readonly Mode[] = [
  { name: 'composefs', config: YES, writable: ['/etc'], root: 'overlay', etc: 'ext4' },
  {
    ...{ name: 'etc-transient', config: `${YES}[etc]\ntransient=true\n`, writable: ['/etc'] },
    ...{ root: 'overlay', etc: 'overlay' },
  },
  {
    ...{ name: 'root-transient', config: `${YES}[root]\ntransient=true\n` },
    ...{ writable: ['/', '/usr', '/etc', '/var', '/boot'], root: 'overlay', etc: 'ext4' },
  },
  {
    ...{ name: 'root-transient-ro', config: `${YES}[root]\ntransient-ro=true\n`, writable: ['/etc'] },
    ...{ root: 'overlay', etc: 'ext4' },
  },
];

interface Machine {
  readonly kernel: Kernel;
  readonly disk: DeployedDisk;
  readonly mini: InitramfsPart;
}

const bootWith = async (
  machine: Machine,
  name: string,
  parts: readonly InitramfsPart[],
): Promise<BootResult> =>
  await boot({
    name,
    kernel: machine.kernel,
    initramfs: [machine.mini, ...parts],
    disk: machine.disk.disk,
    commandLine: machine.disk.entries[0]?.options ?? '',
    memory: 1024,
  });

/** For the reader: two boots of a busy machine are no measurement to hold anybody to. */
function printTimes(name: string, reports: Readonly<Record<string, GuestReport>>): void {
  for (const [program, { facts }] of Object.entries(reports)) {
    const [from = 0, to = 0] = (facts.get('times') ?? '').match(/[\d.]+/g)?.map(Number) ?? [];
    const total = facts.get('started') ?? '?';
    const line = `${name}, ${program}: kernel start to the real root ${total} s, of it prepare-root`;
    process.stdout.write(`${line} ${(to - from).toFixed(2)} s\n`);
  }
}

describe.each([
  { title: 'Linux 6.1, deployed by us', suite: BOOKWORM, makeDisk: ourDisk, modes: PLAIN },
  {
    title: 'Linux 6.12, composefs image by the C ostree',
    suite: TRIXIE,
    makeDisk: composefsDisk,
    modes: COMPOSEFS,
  },
])('$title', ({ suite, makeDisk, modes }) => {
  let machine: Machine;
  beforeAll(async () => {
    const kernel = await distributionKernel(suite);
    machine = { kernel, disk: await makeDisk(kernel), mini: await miniInitramfs(kernel) };
  });

  test.each(modes)('$name', async (mode) => {
    const config = configPart(mode.config);
    const theirs = reportOf(await bootWith(machine, `${mode.name}-c`, [await cProgramNewest(), config]));
    const ours = reportOf(await bootWith(machine, `${mode.name}-ours`, [await ourProgram(), config]));
    printTimes(mode.name, { 'the newest C program': theirs, ours });
    expect(comparable(ours)).toEqual(comparable(theirs));
    expect(writableIn(ours)).toEqual(mode.writable);
    expect(mountAt(ours, '/')?.type).toBe(mode.root);
    expect(mountAt(ours, '/etc')?.type ?? null).toBe(mode.etc);
  });
});

test('the C program of Debian 12 boots what we deployed', async () => {
  const kernel = await distributionKernel(BOOKWORM);
  const machine = { kernel, disk: await ourDisk(kernel), mini: await miniInitramfs(kernel) };
  const report = reportOf(await bootWith(machine, 'plain-2022', [await cProgram2022(), configPart('')]));
  printTimes('plain', { 'the C program of Debian 12': report });
  expect(report.facts.get('os')).toBe('small 2');
  expect(writableIn(report)).toEqual(['/etc', '/var', '/boot', '/sysroot', REPO]);
});
