/**
 * Machines without initramfs: prepare-root is process 1 on the physical root. Debian's kernels have their drivers in
 * modules, so an initramfs loads these, removes itself and executes what `init=` names, with nothing mounted but the root.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { boot, reportOf } from './boot.ts';
import { BOOKWORM, TRIXIE } from './debian-suite.ts';
import type { DeployedDisk } from './deployed-disk.ts';
import { firstProcessComposefsDisk, firstProcessDisk, STATIC_C_PROGRAM } from './first-process-disks.ts';
import type { GuestReport } from './guest-report.ts';
import { mountAt, writableIn } from './guest-report.ts';
import { PREPARE_ROOT } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel } from './kernel.ts';
import { miniInitramfs } from './mini-initramfs.ts';

const REPO = '/sysroot/ostree/repo';
const TRANSIENT = '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n';

interface Machine {
  readonly kernel: Kernel;
  readonly disk: DeployedDisk;
}

async function bootInit(name: string, { kernel, disk }: Machine, commandLine: string): Promise<GuestReport> {
  const initramfs = [await miniInitramfs(kernel)];
  return reportOf(await boot({ name, kernel, initramfs, disk: disk.disk, commandLine, memory: 1024 }));
}

describe('Linux 6.1, deployed by us', () => {
  let machine: Machine;
  beforeAll(async () => {
    const kernel = await distributionKernel(BOOKWORM);
    machine = { kernel, disk: await firstProcessDisk(kernel, ['', TRANSIENT]) };
  });
  const options = (index: number) => machine.disk.entries[index]?.options ?? '';

  test('plain: mounts as the static C program', async () => {
    const ours = await bootInit('first-process-ours', machine, options(0));
    expect(ours.facts.get('os')).toBe('small 1');
    expect(writableIn(ours)).toEqual(['/etc', '/var', '/boot', '/sysroot', REPO]);
    expect(ours.booted).not.toBeNull();
    const asC = options(0).replace(`/${PREPARE_ROOT}`, `/${STATIC_C_PROGRAM}`);
    expect(asC).not.toBe(options(0));
    const theirs = await bootInit('first-process-c', machine, asC);
    expect(places(ours)).toEqual(places(theirs));
    expect(writableIn(ours)).toEqual(writableIn(theirs));
  });

  test('prepare-root.conf of the deployment: readonly and a transient /etc', async () => {
    const report = await bootInit('first-process-transient', machine, options(1));
    expect(writableIn(report)).toEqual(['/etc', '/var', '/boot']);
    expect(mountAt(report, '/etc')?.type).toBe('overlay');
  });
});

test('Linux 6.12, composefs with a transient root', async () => {
  const kernel = await distributionKernel(TRIXIE);
  const config = '[composefs]\nenabled=yes\n[root]\ntransient=true\n';
  const machine = { kernel, disk: await firstProcessComposefsDisk(kernel, config) };
  const commandLine = machine.disk.entries[0]?.options ?? '';
  const report = await bootInit('first-process-composefs', machine, commandLine);
  expect(writableIn(report)).toEqual(['/', '/usr', '/etc', '/var', '/boot']);
  expect(mountAt(report, '/')?.type).toBe('overlay');
});

/** What is mounted where; docs/prepare-root.md tells how the flags differ. */
function places(report: GuestReport): string[] {
  return report.mounts.map(({ point, root, type }) => `${point} ${type} ${root}`).sort();
}
