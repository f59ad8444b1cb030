import type { GuestReport } from './guest-report.ts';

/** What prepare-root decides of a system that has mounted much more since: mounts of disks, and where can be written. */
export function handedOver(report: GuestReport) {
  const { mounts, ...rest } = comparable(report);
  return {
    ...rest,
    mounts: mounts
      .filter(({ type }) => DISK_TYPES.includes(type))
      // Groups are numbered in the order in which systemd happens to mount the rest.
      .map((mount) => ({ ...mount, propagation: mount.propagation.map((word) => word.split(':')[0]) })),
  };
}

const DISK_TYPES = ['ext4', 'overlay', 'erofs'];

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
