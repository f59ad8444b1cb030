import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Argv } from '#test/bench/measure.ts';
import { UserError } from '#ostree/format/errors.ts';

/** What a command needed of memory in a cgroup of its own, page cache counted as the kernel does. */
export interface LimitedRun {
  readonly succeeded: boolean;
  /** MiB at most. */
  readonly peak: number;
}

/** The names of one controller's files. */
interface MemoryFiles {
  readonly parent: string;
  readonly limit: string;
  /** Only where the kernel counts swap; what forbids it, given the limit. */
  readonly swap: { readonly file: string; readonly none: (limit: number) => number };
  readonly peak: string;
}

/** Version 2 as a distribution mounts it, version 1 as older ones do. */
const LAYOUTS: readonly MemoryFiles[] = [
  {
    parent: '/sys/fs/cgroup',
    limit: 'memory.max',
    swap: { file: 'memory.swap.max', none: () => 0 },
    peak: 'memory.peak',
  },
  {
    parent: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    // Memory and swap together.
    swap: { file: 'memory.memsw.limit_in_bytes', none: (limit) => limit },
    peak: 'memory.max_usage_in_bytes',
  },
];

/**
 * Runs a command with `mebibytes` of memory and no swap, children included.
 * @throws UserError NO_CGROUP where the kernel offers no memory controller
 */
export function runLimited([program, ...args]: Argv, mebibytes: number): LimitedRun {
  const files = memoryFiles();
  const group = path.join(files.parent, `yum-ostree-bench-${process.pid}`);
  fs.mkdirSync(group);
  try {
    const limit = mebibytes << 20;
    fs.writeFileSync(path.join(group, files.limit), String(limit));
    const swap = path.join(group, files.swap.file);
    if (fs.existsSync(swap)) fs.writeFileSync(swap, String(files.swap.none(limit)));
    // The shell puts itself into the group before it becomes the program.
    const enter = 'echo $$ > "$0" && exec "$@"';
    const script = ['-c', enter, path.join(group, 'cgroup.procs'), program, ...args];
    const { status } = spawnSync('sh', script, { stdio: 'ignore' });
    const peak = Number(fs.readFileSync(path.join(group, files.peak), 'utf8')) / (1 << 20);
    return { succeeded: status === 0, peak };
  } finally {
    fs.rmdirSync(group);
  }
}

function memoryFiles(): MemoryFiles {
  for (const files of LAYOUTS) {
    const probe = path.join(files.parent, `yum-ostree-probe-${process.pid}`);
    try {
      fs.mkdirSync(probe);
    } catch {
      continue;
    }
    const found = fs.existsSync(path.join(probe, files.limit));
    fs.rmdirSync(probe);
    if (found) return files;
  }
  throw new UserError('NO_CGROUP', 'no memory controller of control groups can be used here', {
    hint: 'run as root on a kernel with CONFIG_MEMCG',
  });
}
