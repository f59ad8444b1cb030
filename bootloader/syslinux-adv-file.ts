/** The auxiliary data in `ldlinux.sys`. syslinux reads and writes its blocks on the disk: the file is never replaced. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import { ADV_SIZE, isAdv } from '#bootloader/syslinux-adv.ts';
import { during, UserError } from '#ostree/format/errors.ts';

/** @param file relative to the sysroot. @throws UserError SYSLINUX_DATA where syslinux could not read it */
export function readAdv({ sys, fd }: BootPlace, file: string): Uint8Array {
  const opened = sys.open(fd, file, ['read', 'nofollow']);
  try {
    const { size } = sys.fstat(opened);
    if (size >= ADV_SIZE) {
      sys.seek(opened, size - ADV_SIZE);
      const adv = sys.read(opened, ADV_SIZE);
      if (isAdv(adv)) return adv;
    }
  } finally {
    sys.close(opened);
  }
  throw new UserError('SYSLINUX_DATA', `/${file} has no auxiliary data that syslinux could read`, {
    hint: `'extlinux --update /${file.slice(0, file.lastIndexOf('/'))}' makes it anew`,
  });
}

/**
 * Writes over it: two sectors with the same in them, of which syslinux takes the first that is whole, so a power cut
 * leaves the old data or the new. Afterwards the file is immutable, as extlinux makes it.
 */
export function writeAdv(place: BootPlace, file: string, adv: Uint8Array): void {
  const { sys, fd } = place;
  during(`writing /${file}`, () => {
    const kept = sys.open(fd, file, ['read', 'nofollow']);
    try {
      sys.setImmutable(kept, false);
      try {
        writeAt(place, file, adv);
      } finally {
        sys.setImmutable(kept, true);
      }
    } finally {
      sys.close(kept);
    }
  });
}

function writeAt({ sys, fd }: BootPlace, file: string, adv: Uint8Array): void {
  const opened = sys.open(fd, file, ['write', 'nofollow']);
  try {
    sys.seek(opened, sys.fstat(opened).size - ADV_SIZE);
    sys.write(opened, adv);
    sys.fdatasync(opened);
  } finally {
    sys.close(opened);
  }
}
