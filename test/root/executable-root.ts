/** The single executable in a root of its own: read-only, with the libraries it needs and nothing else. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface RootOptions {
  /** A tmpfs with these mount options at each of these places; the rest of the root is read-only. */
  readonly writable?: Readonly<Record<string, string>>;
  readonly proc?: boolean;
  /** Host files by their place in the root. */
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: readonly string[];
}

export interface RootRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Names left in the writable places. */
  readonly left: readonly string[];
}

const DIRECTORIES = ['bin', 'run', 'tmp', 'var/tmp', 'dev/shm', 'proc', 'data', 'dev/fd', 'root'];

/** Runs `argv` there with an empty environment; argv[0] is a path in the root. */
export function runInRoot(executable: string, argv: readonly string[], options: RootOptions = {}): RootRun {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-test-root-'));
  const places = Object.entries(options.writable ?? {});
  const script = [
    'set -e',
    'mount -t tmpfs root "$root"',
    `cd "$root" && mkdir -p ${DIRECTORIES.join(' ')} && cd /`,
    ...[...libraries(executable), [executable, '/bin/yum-ostree'] as const].map(([from, to]) =>
      bind(from, to),
    ),
    ...Object.entries(options.files ?? {}).map(([to, from]) => bind(from, to)),
    ...(options.proc === false ? [] : ['mount -t proc proc "$root/proc"']),
    'mount -o remount,ro "$root"',
    ...places.map(([place, mount]) => `mount -t tmpfs -o ${mount} scratch "$root${place}"`),
    'set +e',
    `env -i ${(options.environment ?? []).join(' ')} ${['/usr/sbin/chroot', '"$root"', ...argv].join(' ')}`,
    'status=$?',
    // On a descriptor of its own: what the program prints stays its own.
    ...places.map(([place]) => `find "$root${place}" -mindepth 1 >&3`),
    'exit $status',
  ].join('\n');
  try {
    const isolated = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script];
    const run = spawnSync('unshare', isolated, {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, root },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    const left = (run.output[3] ?? '').split('\n').filter((line) => line !== '');
    return { status: run.status, stdout: run.stdout, stderr: run.stderr, left };
  } finally {
    fs.rmdirSync(root);
  }
}

function bind(from: string, to: string): string {
  const target = `"$root${to}"`;
  return `mkdir -p "$root${path.dirname(to)}" && touch ${target} && mount --bind '${from}' ${target}`;
}

/** The shared libraries it needs, as [file, place]. */
function libraries(executable: string): (readonly [string, string])[] {
  const text = execFileSync('ldd', [executable], { encoding: 'utf8' });
  return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => [fs.realpathSync(file), file] as const);
}
