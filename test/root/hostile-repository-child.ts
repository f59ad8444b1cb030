/** Loads a repository's metadata and solves, for hostile-repositories.test.ts: what a process alone takes of time and memory. */
import fs from 'node:fs';
import { loadSolver } from '#native/solver.ts';
import { expandGroup } from '#layering/comps.ts';
import { weResolve } from '#test/root/solver-repository.ts';
import { loadRepositories } from '#layering/metadata.ts';
import { readRepositories } from '#layering/repository-config.ts';
import { VARIABLES } from '#test/root/solver-repository.ts';

const [directory = '', cache = '', spec = ''] = process.argv.slice(2);

async function outcome(): Promise<string> {
  if (!spec.startsWith('@')) {
    const result = await weResolve({
      from: { h: directory },
      cache,
      install: [spec],
      choice: { noGpgChecks: true },
    });
    return result.kind === 'problems'
      ? `problems: ${result.problems
          .map(({ message }) => message)
          .join(' ')
          .slice(0, 300)}`
      : `installs ${result.install.length}`;
  }
  const configs = readRepositories('/nonexistent', {
    variables: VARIABLES,
    repoFromPath: [`h,${directory}`],
    noGpgChecks: true,
  });
  const trust = { root: cache, acceptKeys: [] };
  const options = { addon: loadSolver(), arch: 'x86_64', cacheOnly: false, now: Date.now() / 1000, trust };
  const { repositories } = await loadRepositories(configs, cache, options);
  const comps = await repositories[0]?.comps();
  return JSON.stringify(comps === null || comps === undefined ? null : expandGroup([comps], spec.slice(1)));
}

const start = performance.now();
const text = await outcome().catch((error: unknown) => {
  const { code, message } = error as { code?: string; message: string };
  return `${code ?? 'no code'}: ${message}`;
});
const { userCPUTime, systemCPUTime } = process.resourceUsage();
// resourceUsage's maximum begins with what the process that started this one had.
const peak = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1];
const seconds = (userCPUTime + systemCPUTime) / 1e6;
console.log(
  JSON.stringify({ text, seconds, wall: (performance.now() - start) / 1000, megabytes: Number(peak) / 1024 }),
);
