import { INTRINSICS } from './program.mjs';

/**
 * The compact executables of a release. `entry` exports `run(name, argv, sys)`; the allocator is `arena` (never frees,
 * capped: programs that end within milliseconds) or `heap`.
 */
export const PROGRAMS = {
  'ostree-prepare-root': {
    name: 'ostree-prepare-root',
    entry: 'prepare-root/programs.ts',
    allocator: 'arena',
    intrinsics: INTRINSICS,
    // What a boot of a plain deployment that succeeds never calls: reading it took 15 % of its time.
    deferred: [
      'prepare-root/backing-device.ts',
      'prepare-root/boot-links.ts',
      'prepare-root/diagnose.ts',
      'prepare-root/generator.ts',
      'prepare-root/leftovers.ts',
      'prepare-root/mount-image.ts',
      'ostree/format/mount-table.ts',
      'prepare-root/remount.ts',
      'prepare-root/report-failure.ts',
      'prepare-root/signed-image.ts',
      'prepare-root/situation.ts',
    ],
  },
  'yum-ostree-boot': {
    name: 'yum-ostree-boot',
    entry: 'board/programs.ts',
    allocator: 'heap',
    intrinsics: INTRINSICS,
  },
};
