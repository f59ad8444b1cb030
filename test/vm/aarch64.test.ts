/** The compact executable for aarch64 under Debian's kernel for arm64, on a system that we deployed. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { boot, reportOf } from './boot.ts';
import { BOOKWORM_ARM64, unpacked } from './debian-suite.ts';
import { arm64Disk } from './disks.ts';
import { mountAt, writableIn } from './guest-report.ts';
import { configPart, executable, filesPart, PREPARE_ROOT } from './initramfs-part.ts';
import { distributionKernel } from './kernel.ts';
import { miniInitramfs } from './mini-initramfs.ts';

test('sysroot.readonly and a transient /etc', async () => {
  const kernel = await distributionKernel(BOOKWORM_ARM64);
  const packages = await unpacked(BOOKWORM_ARM64, 'busybox', ['busybox-static']);
  const busybox = path.join(packages, 'usr/bin/busybox');
  const { disk, entries } = await arm64Disk(kernel, busybox);
  const initramfs = [
    await miniInitramfs(kernel, busybox),
    filesPart([executable(PREPARE_ROOT, compactPrepareRoot('aarch64'))]),
    configPart('[sysroot]\nreadonly=true\n[etc]\ntransient=true\n'),
  ];
  const commandLine = entries[0]?.options ?? '';
  const report = reportOf(await boot({ name: 'aarch64', kernel, initramfs, disk, commandLine }));
  expect(report.kernel).toMatch(/-arm64$/);
  expect(report.facts.get('os')).toBe('small 1');
  expect(writableIn(report)).toEqual(['/etc', '/var', '/boot']);
  expect(mountAt(report, '/etc')?.type).toBe('overlay');
  expect(mountAt(report, '/usr')?.options).toContain('ro');
  expect(report.booted?.toString('latin1')).toContain('transient-etc');
});
