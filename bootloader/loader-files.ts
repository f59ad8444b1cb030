/** Whether what the boot loader reads is what the entries say: for `fsck-boot`. */
import type { BootProblem } from '#bootloader/check-boot.ts';
import { chooseBootloader, readBootloaderFacts, type Bootloader } from '#bootloader/detect.ts';
import { grubMkconfig, type GrubCaller } from '#bootloader/grub-mkconfig.ts';
import { isCommand } from '#bootloader/grub-duplicates.ts';
import { OWN_GRUB_HEADER } from '#bootloader/grub.ts';
import { syncAll } from '#bootloader/sync-boot.ts';
import { entrySettings } from '#bootloader/write-entries.ts';
import {
  loaderFiles,
  writeLoaderConfig,
  type LoaderConfig,
  type LoaderFile,
} from '#bootloader/write-loader-config.ts';
import { S, type Fd } from '#native/syscalls.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { readEntries } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** Reads only. Empty also where nothing is deployed. @throws UserError BOOTLOADER, BAD_REPO */
export function loaderProblems(sysroot: Sysroot): BootProblem[] {
  return withBoot(sysroot, (boot) => {
    const config = configInUse(sysroot, boot);
    if (config === null) return [];
    try {
      return loaderFiles(sysroot, config).flatMap((file) => problemOf(sysroot, config, file));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return [{ where: '/boot/loader', what: messageOf(error) }];
    }
  });
}

/** Generates them anew; each is replaced by one rename. */
export function writeLoaderFiles(sysroot: Sysroot, caller: GrubCaller): void {
  withBoot(sysroot, (boot) => {
    const config = configInUse(sysroot, boot);
    if (config === null) return;
    writeLoaderConfig(sysroot, config, grubMkconfig(caller, sysroot));
    syncAll(sysroot, boot);
  });
}

function withBoot<T>({ sys, fd }: Sysroot, action: (boot: Fd) => T): T {
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    return action(boot);
  } finally {
    sys.close(boot);
  }
}

/** Of the side in use; null without entries. */
function configInUse(sysroot: Sysroot, boot: Fd): LoaderConfig | null {
  const { sys, fd, bootversion } = sysroot;
  const entries = readEntries(sys, fd, bootversion).map(({ bls }) => bls);
  if (entries.length === 0) return null;
  const { bootPrefix } = entrySettings(sysroot, bootversion);
  return { bootloader: bootloaderOf(sysroot), bootversion, entries, bootPrefix, boot };
}

/** Also where the file that tells of U-Boot is the one that is gone; none where GRUB does not read what we write. */
function bootloaderOf(sysroot: Sysroot): Bootloader {
  const { sys, fd, repo } = sysroot;
  const facts = readBootloaderFacts(sys, fd, repo.config);
  const hasUboot = ['uEnv.txt', 'loader.0/uEnv.txt', 'loader.1/uEnv.txt'].some(
    (name) => sys.lstat(fd, `boot/${name}`) !== null,
  );
  const chosen = chooseBootloader({ ...facts, hasUboot: facts.hasUboot || hasUboot });
  return chosen === 'grub2' && !readsOurGrub(sysroot) ? 'none' : chosen;
}

const GRUB_FILES = ['boot/grub2/grub.cfg', 'boot/grub/grub.cfg'];
const IN_LOADER = 'loader/grub.cfg';

/** One of GRUB's own files is a link to the one of `/boot/loader`, or loads it. */
function readsOurGrub({ sys, fd }: Sysroot): boolean {
  return GRUB_FILES.some((file) => {
    const stat = sys.lstat(fd, file);
    if (stat === null) return false;
    const text = (stat.mode & S.IFMT) === S.IFLNK ? sys.readlink(fd, file) : sys.readText(fd, file);
    return text?.includes(IN_LOADER) === true;
  });
}

function problemOf(sysroot: Sysroot, config: LoaderConfig, { path, text }: LoaderFile): BootProblem[] {
  const { sys, fd } = sysroot;
  const where = `/${path}`;
  const stat = sys.lstat(fd, path);
  if (stat === null) return [{ where, what: 'it is missing' }];
  if ((stat.mode & S.IFMT) !== S.IFREG) return [{ where, what: 'it is no file' }];
  if (stat.size === 0) return [{ where, what: 'it is empty' }];
  if (typeof text !== 'string') {
    const found = sys.readFile(fd, path);
    const isSame = found.length === text.length && found.every((byte, at) => byte === text[at]);
    return isSame ? [] : [{ where, what: OTHER }];
  }
  const found = sys.readText(fd, path) ?? '';
  if (path.endsWith('/grub.cfg') && !found.startsWith(OWN_GRUB_HEADER))
    return foreignGrubProblems(found, config.entries).map((what) => ({ where, what }));
  return found === text || isForSameDisk(found, text) ? [] : [{ where, what: OTHER }];
}

const OTHER = 'it is not what the entries say';

/** Paths that start with /boot lead there from the root file system, and from that of /boot by its link `boot`. */
function isForSameDisk(found: string, text: string): boolean {
  return found.split(' /boot/').join(' /') === text;
}

/** A grub.cfg that GRUB's own program made: what else it says is that program's concern. */
export function foreignGrubProblems(text: string, entries: readonly BlsEntry[]): string[] {
  if (text.split('\n').some((line) => isCommand(line, 'blscfg'))) return [];
  const kernels = new Set(entries.flatMap((entry) => blsValue(entry, 'linux') ?? []));
  const options = entries.map((entry) => blsValue(entry, 'options') ?? '');
  const links = options.flatMap(bootLinksIn);
  return [
    ...[...kernels]
      .filter((kernel) => !text.includes(kernel))
      .map((kernel) => `it does not name the kernel ${kernel}`),
    ...bootLinksIn(ownSection(text))
      .filter((link) => !links.includes(link))
      .map((link) => `it boots ${link}, which no entry does`),
  ];
}

/** What 15_ostree generated; the menu of another system may be in other parts. */
function ownSection(text: string): string {
  return text.split('### BEGIN /etc/grub.d/15_ostree ###')[1]?.split('### END ')[0] ?? '';
}

function bootLinksIn(text: string): string[] {
  const words = text.split('\n').flatMap((line) => line.split(' '));
  return words.flatMap((word) =>
    word.startsWith('ostree=/ostree/boot.') ? [word.slice('ostree='.length)] : [],
  );
}
