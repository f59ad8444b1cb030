import type { GuestReport } from './guest-report.ts';

/** The report without what differs from boot to boot: times and the names of temporary folders. */
export function comparable(report: GuestReport) {
  const plain = (text: string) => text.replaceAll(/transient-etc\.[0-9A-Za-z]{6}/g, 'transient-etc.XXXXXX');
  // The size of devtmpfs follows the memory that the initramfs leaves.
  const stays = (option: string) => !option.startsWith('size=') && !option.startsWith('nr_inodes=');
  const mounts = report.mounts.map((mount) => ({
    ...mount,
    superOptions: mount.superOptions.filter(stays).map(plain),
  }));
  return {
    mounts,
    run: report.run.map(plain),
    booted: plain(report.booted?.toString('latin1') ?? 'not there'),
    bootedMode: report.facts.get('booted-mode'),
    writable: [...report.writable],
    os: report.facts.get('os'),
  };
}
