/** Where a deployed system keeps its remotes beside the repository's own configuration. */
import path from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { AT_FDCWD } from '#native/syscalls.ts';

/**
 * `etc/ostree/remotes.d` of the sysroot that the command works in; null for a repository that is no system's, and for a
 * sysroot that no deployment runs from (one without `/sysroot` in it).
 */
export function remotesDirectory(context: CliContext, command: Command): string | null {
  const flags = command.optsWithGlobals<{ repo?: string; sysroot?: string }>();
  const root =
    flags.sysroot ?? (isSystemRepo(context, flags.repo ?? context.env['OSTREE_REPO']) ? '/' : null);
  return root === null ? null : remotesBelow(context, root);
}

/** The same for the sysroot at `root`. */
export function remotesBelow({ sys }: CliContext, root: string): string | null {
  if (sys.stat(AT_FDCWD, path.join(root, 'sysroot/ostree')) === null) return null;
  return path.join(root, 'etc/ostree/remotes.d');
}

function isSystemRepo({ sys }: CliContext, repo: string | undefined): boolean {
  const system = sys.stat(AT_FDCWD, '/ostree/repo');
  const named = sys.stat(AT_FDCWD, repo ?? '/ostree/repo');
  return system !== null && named !== null && system.dev === named.dev && system.ino === named.ino;
}
