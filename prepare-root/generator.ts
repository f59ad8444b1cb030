/** `ostree-system-generator NORMAL EARLY LATE` (systemd.generator(7)): in the real root, before any unit is loaded. */
import { isBootOnRoot } from '#prepare-root/boot-on-root.ts';
import { ANDROID_TARGET, findOstreeTarget } from '#prepare-root/cmdline.ts';
import { FALLBACK_PATH, fallbackTaken } from '#prepare-root/fallback-record.ts';
import { kernelCommandLine, MOUNT_VAR_MARKER } from '#prepare-root/facts.ts';
import { reportFailure } from '#prepare-root/report-failure.ts';
import {
  BOOT_COMPLETE_SERVICE,
  MARK_GOOD_SERVICE,
  planUnits,
  REMOUNT_SERVICE,
  REQUIRED_BY_LOCAL_FS,
  type UnitFacts,
  type UnitFile,
  type UnitService,
} from '#prepare-root/units.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';

const UNIT_DIRECTORIES = ['/usr/lib/systemd/system', '/lib/systemd/system'];

/** 0 done or nothing to do; 1 failed, with one message on standard error. */
export function systemGenerator(argv: readonly string[], sys: Syscalls): number {
  try {
    const [directory, ...others] = argv;
    if (directory === undefined || others.length !== 2)
      throw new UserError('USAGE', 'usage: ostree-system-generator NORMAL-DIR EARLY-DIR LATE-DIR');
    generate(sys, directory);
    return 0;
  } catch (error) {
    return reportFailure(sys, 'ostree-system-generator', error);
  }
}

function generate(sys: Syscalls, directory: string): void {
  // The initramfs has bound /var itself.
  if (sys.lstat(AT_FDCWD, MOUNT_VAR_MARKER) !== null) return sys.unlink(AT_FDCWD, MOUNT_VAR_MARKER);
  // After a fallback, `/var` is that of the stateroot that was booted.
  const fallback = sys.readText(AT_FDCWD, FALLBACK_PATH);
  const taken = fallback === null ? null : fallbackTaken(fallback);
  const target = taken ?? findOstreeTarget(kernelCommandLine(sys));
  if (target === null || sys.stat(AT_FDCWD, '/run/ostree') === null) return;
  for (const unit of planUnits(readUnitFacts(sys, target)))
    during(`writing ${unit.path}`, () => writeUnit(sys, `${directory}/${unit.path}`, unit));
}

function readUnitFacts(sys: Syscalls, target: string): UnitFacts {
  const android = target.startsWith(ANDROID_TARGET);
  return {
    target,
    targetLink: android ? sys.readlink(AT_FDCWD, `/sysroot${target}`) : null,
    fstab: sys.readText(AT_FDCWD, '/etc/fstab') ?? '',
    bootOnRoot: isBootOnRoot(sys, '/sysroot/boot', '/boot'),
    services: [
      ...serviceOf(sys, REMOUNT_SERVICE, REQUIRED_BY_LOCAL_FS),
      ...serviceOf(sys, BOOT_COMPLETE_SERVICE, 'multi-user.target.wants'),
      ...serviceOf(sys, MARK_GOOD_SERVICE, 'multi-user.target.wants'),
    ],
  };
}

/** A link to a service that is not installed would fail the boot. */
function serviceOf(sys: Syscalls, name: string, wantedIn: string): UnitService[] {
  const path = UNIT_DIRECTORIES.map((directory) => `${directory}/${name}`).find(
    (file) => sys.stat(AT_FDCWD, file) !== null,
  );
  return path === undefined ? [] : [{ path, wantedIn }];
}

/** What another generator wrote stays: it read an explicit setting. `/run` is memory, there is nothing to sync. */
function writeUnit(sys: Syscalls, path: string, unit: UnitFile): void {
  const parent = path.slice(0, path.lastIndexOf('/'));
  if (sys.stat(AT_FDCWD, parent) === null) sys.mkdir(AT_FDCWD, parent, 0o755);
  try {
    create(sys, path, unit);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    sys.write(1, `ostree-system-generator: ${path} is there already and stays\n`);
  }
}

function create(sys: Syscalls, path: string, { content }: UnitFile): void {
  if (content.kind === 'link') return sys.symlink(content.to, AT_FDCWD, path);
  const fd = sys.open(AT_FDCWD, path, ['write', 'create', 'exclusive'], 0o644);
  try {
    sys.write(fd, content.text);
  } finally {
    sys.close(fd);
  }
}
