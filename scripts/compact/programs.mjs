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
  },
};
