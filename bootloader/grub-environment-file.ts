/** The file of GRUB's environment block in /boot. GRUB writes to its blocks on the disk, so it is never replaced. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import {
  emptyEnvironment,
  ENVIRONMENT_SIZE,
  environmentFault,
  repairedEnvironment,
  withEnvironment,
} from '#bootloader/grub-environment.ts';
import { S } from '#native/syscalls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { replaceFile } from '#ostree/sysroot/write-file.ts';

const DIRECTORIES = ['boot/grub2', 'boot/grub'];
const EFI = 'boot/efi/EFI';
const NAME = 'grubenv';

/** Where it is or belongs, relative to the sysroot: beside the grub.cfg. @throws UserError GRUB_ENVIRONMENT */
export function grubEnvironmentPath(place: BootPlace): string {
  const { sys, fd } = place;
  const directories = [...DIRECTORIES, ...efiDirectories(place)];
  const found =
    directories.find((directory) => sys.lstat(fd, `${directory}/${NAME}`) !== null) ??
    directories.find((directory) => sys.lstat(fd, `${directory}/grub.cfg`) !== null);
  if (found !== undefined) return linkedPath(place, `${found}/${NAME}`);
  throw new UserError(
    'GRUB_ENVIRONMENT',
    `there is no grub.cfg in ${directories.map((one) => `/${one}`).join(', ')}`,
  );
}

/** Of each grub.cfg that there is. */
export function grubConfigurations(place: BootPlace): string[] {
  const { sys, fd } = place;
  return [...DIRECTORIES, ...efiDirectories(place)].flatMap(
    (directory) => sys.readText(fd, `${directory}/grub.cfg`) ?? [],
  );
}

/** null where there is no file. @throws UserError GRUB_ENVIRONMENT */
export function readGrubEnvironment(place: BootPlace): Uint8Array | null {
  const { sys, fd } = place;
  const path = grubEnvironmentPath(place);
  const stat = sys.lstat(fd, path);
  if (stat === null) return null;
  if ((stat.mode & S.IFMT) !== S.IFREG || stat.size > 64 * ENVIRONMENT_SIZE)
    throw new UserError('GRUB_ENVIRONMENT', `/${path} is no environment block`, {
      hint: `'grub-editenv /${path} create' makes one`,
    });
  return sys.readFile(fd, path);
}

/**
 * Writes the block over the old one. A crash leaves the old block, the new one, or the first half of one and the second
 * half of the other: two sectors.
 */
export function writeGrubEnvironment(place: BootPlace, block: Uint8Array): void {
  const { sys, fd } = place;
  const path = grubEnvironmentPath(place);
  during(`writing /${path}`, () => {
    // Before GRUB's first write to it: there is nothing to be written over.
    if (sys.lstat(fd, path)?.size !== block.length) return replaceFile(sys, fd, { path, text: block });
    const file = sys.open(fd, path, ['write', 'nofollow']);
    try {
      sys.write(file, block);
      sys.fdatasync(file);
    } finally {
      sys.close(file);
    }
  });
}

/**
 * Makes the block usable where it is not: makes one, or keeps what can be read of a damaged one.
 * @returns what was done, for people; null where nothing had to be
 */
export function repairGrubEnvironment(place: BootPlace): string | null {
  const path = grubEnvironmentPath(place);
  const block = readGrubEnvironment(place);
  if (block === null) {
    writeGrubEnvironment(place, emptyEnvironment());
    return `/${path} made: GRUB counts boots in it`;
  }
  const fault = environmentFault(block);
  if (fault === null) return null;
  const repaired = repairedEnvironment(block);
  writeGrubEnvironment(place, repaired.block);
  return `/${path} made anew, with ${repaired.kept} of its variables: ${fault}`;
}

/** The block with variables set, or unset (null). @throws UserError GRUB_ENVIRONMENT where GRUB could not count in it */
export function changedGrubEnvironment(
  place: BootPlace,
  changes: Readonly<Record<string, string | null>>,
): Uint8Array {
  const block = requireGrubEnvironment(place) ?? emptyEnvironment();
  return withEnvironment(block, changes, `/${grubEnvironmentPath(place)}`);
}

/** @throws UserError GRUB_ENVIRONMENT where GRUB could not count in the block */
export function requireGrubEnvironment(place: BootPlace): Uint8Array | null {
  const block = readGrubEnvironment(place);
  const fault = block === null ? null : environmentFault(block);
  if (fault === null) return block;
  throw new UserError(
    'GRUB_ENVIRONMENT',
    `/${grubEnvironmentPath(place)} is no environment block: ${fault}`,
    {
      hint: "'yum-ostree-boot mark-good' makes it anew",
    },
  );
}

function efiDirectories({ sys, fd }: BootPlace): string[] {
  if (sys.stat(fd, EFI) === null) return [];
  return sys
    .readdir(fd, EFI)
    .filter(({ name, kind }) => kind === 'directory' && name !== 'BOOT')
    .map(({ name }) => `${EFI}/${name}`);
}

/** On some systems it is a link to the EFI system partition. One that leads out of /boot is not followed. */
function linkedPath({ sys, fd }: BootPlace, path: string): string {
  const stat = sys.lstat(fd, path);
  if (stat === null || (stat.mode & S.IFMT) !== S.IFLNK) return path;
  const target = sys.readlink(fd, path) ?? '';
  const parts = path.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  if (!target.startsWith('/') && parts[0] === 'boot') return parts.join('/');
  throw new UserError('GRUB_ENVIRONMENT', `/${path} is a link to '${target}', which is not in /boot`);
}
