import { UNDER_NODE, runInScratch, type ProgramResult } from './scratch-initramfs.ts';

/**
 * Runs a command in the deployment that the kernel arguments name, set up by our `ostree-prepare-root` as at boot: a
 * scratch initramfs in a mount namespace of its own, `/sysroot` a bind of the folder, switch-root, then `/var` (and
 * `/boot`) as the generated units say. When it returns, nothing stays mounted; what was written under `/var` (or a
 * writable `/etc`, `/sysroot`) stays. Needs root.
 * @param kernelArguments with an `ostree=` word, as in the boot entry's `options`
 * @throws where prepare-root itself fails, with its message
 */
export function enterDeployment(
  sysroot: string,
  kernelArguments: string,
  command: readonly string[],
): ProgramResult {
  const done = runInScratch({
    sysroot,
    cmdline: kernelArguments,
    runs: [[...UNDER_NODE, '/sysroot']],
    enter: command,
  });
  if (done.entered !== null) return done.entered;
  throw new Error(done.runs[0]?.stderr.trim() ?? 'ostree-prepare-root did not run');
}
