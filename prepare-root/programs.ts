/** The boot programs, by the name that they are called by. */
import { systemGenerator } from '#prepare-root/generator.ts';
import { main } from '#prepare-root/main.ts';
import { remount } from '#prepare-root/remount.ts';
import type { Syscalls } from '#native/syscalls.ts';

export type BootProgram = (argv: readonly string[], sys: Syscalls) => number;

export const BOOT_PROGRAMS = {
  'ostree-prepare-root': main,
  'ostree-remount': (_argv, sys) => remount(sys),
  'ostree-system-generator': systemGenerator,
} as const satisfies Readonly<Record<string, BootProgram>>;

/**
 * What the compact executable runs. Under any other name, as that of the init it takes the place of, it is prepare-root.
 * @param name the last part of argv[0]; `argv` without it
 * @returns the exit code
 */
export function run(name: string, argv: readonly string[], sys: Syscalls): number {
  const program: BootProgram = isBootProgram(name) ? BOOT_PROGRAMS[name] : main;
  return program(argv, sys);
}

function isBootProgram(name: string): name is keyof typeof BOOT_PROGRAMS {
  return Object.hasOwn(BOOT_PROGRAMS, name);
}
