/** Under a kernel with SELinux on and Debian's policy loaded: the files of a booted deployment have the policy's labels. */
import { beforeAll, expect, test } from 'vitest';
import { boot, reportOf } from './boot.ts';
import { ourProgram } from './boot-programs.ts';
import { BOOKWORM } from './debian-suite.ts';
import type { DeployedDisk } from './deployed-disk.ts';
import type { GuestReport } from './guest-report.ts';
import { mountAt } from './guest-report.ts';
import { configPart, filesPart } from './initramfs-part.ts';
import type { Kernel } from './kernel.ts';
import { distributionKernel } from './kernel.ts';
import { miniInitramfs } from './mini-initramfs.ts';
import { selinuxDisk } from './selinux-disk.ts';

/** What an initramfs writes, which knows no policy. */
const WRITES = `b=/bin/busybox; $b mkdir -p /sysroot/etc/ssh
  for each in ssh/ssh_host_rsa_key shadow; do echo x > /sysroot/etc/$each; done
`;
const WRITTEN = ['/etc/shadow', '/etc/ssh', '/etc/ssh/ssh_host_rsa_key'];

let kernel: Kernel;
let disk: DeployedDisk;
beforeAll(async () => {
  kernel = await distributionKernel(BOOKWORM);
  disk = await selinuxDisk(kernel);
});

async function booted(name: string, config: string): Promise<GuestReport> {
  const after = filesPart([{ name: 'after.sh', text: WRITES }]);
  const initramfs = [await miniInitramfs(kernel), await ourProgram(), configPart(config), after];
  const commandLine = disk.entries[0]?.options ?? '';
  const machine = { kernel, initramfs, disk: disk.disk, commandLine, memory: 1024, limit: 900 };
  return reportOf(await boot({ ...machine, name, until: /Kernel panic/ }));
}

/** The files with another label than the policy's, by a fact of the report. */
function wrong(report: GuestReport, fact: string): string[] {
  const lines = (report.facts.get(fact) ?? 'not told').split('|').filter((line) => line !== '');
  return lines.map((line) => line.replace(/ has context .*/, '')).sort();
}

test('a transient /etc is labelled by ostree-remount, where the policy is enforced', async () => {
  const config = '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n';
  const report = await booted('selinux-transient', config);
  expect(mountAt(report, '/etc')?.type).toBe('overlay');
  expect(wrong(report, 'etc-before')).toEqual(['/etc', ...WRITTEN]);
  expect(report.facts.get('enforced')).toBe('1');
  expect(report.facts.get('remounted')).toBe('0');
  expect(report.facts.get('denied')).toBe('');
  expect(wrong(report, 'etc-after')).toEqual([]);
});

test('what was committed with labels and deployed by us has them', async () => {
  const report = await booted('selinux-kept', '');
  expect(Number(report.facts.get('checked'))).toBeGreaterThan(100);
  expect(wrong(report, 'usr')).toEqual([]);
  // An /etc that is kept is the administrator's to label.
  expect(wrong(report, 'etc-after')).toEqual(WRITTEN);
});
