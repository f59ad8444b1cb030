import { spawnSync } from 'node:child_process';

/** Runs a program in the directory `work`, silently. @throws Error with its last lines where it fails */
export function run(work, command, args, environment = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: work,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C', ...environment },
  });
  if (status === 0) return;
  const last = `${stdout ?? ''}${stderr ?? ''}`.trimEnd().split('\n').slice(-15).join('\n  ');
  throw new Error(`${command} ${args.at(-1)} failed: ${error?.message ?? `exit ${status}`}\n  ${last}`);
}
