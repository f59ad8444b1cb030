/** What the tests of repositories share: both tools, a tree with every kind of file, and an independent listing. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { CliContext } from '#cli/context.ts';
import { runOstree } from '#cli/ostree.ts';
import { reportFailure } from '#cli/report-error.ts';
import { loadSyscalls } from '#native/load.ts';
import type { RepoMode } from '#ostree/repo/repo.ts';

export const sys = loadSyscalls();
export const MODES: readonly RepoMode[] = ['bare', 'bare-user', 'bare-user-only', 'archive'];
export const TIME = '--timestamp=2020-01-01T00:00:00Z';

export interface Ran {
  /** Standard output and standard error, as they came. */
  readonly text: string;
  readonly exitCode: number;
}

/** A folder that `removeScratch` removes, deployments' immutable flags included. */
export function makeScratch(): string {
  return fs.mkdtempSync('/var/tmp/repo-test-');
}

export function removeScratch(folder: string): void {
  sys.removeTreeFast(-100, folder);
}

/** ostree(1) itself. */
export function theirs(args: readonly string[], cwd = '/'): Ran {
  const ran = spawnSync('sh', ['-c', 'exec ostree "$@" 2>&1', 'ostree', ...args], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    maxBuffer: 1 << 28,
  });
  return { text: ran.stdout, exitCode: ran.status ?? 1 };
}

/** Our `ostree`, in this process. Hints, which ostree(1) does not have, are left out. */
export async function ours(args: readonly string[]): Promise<Ran> {
  let text = '';
  const say = (piece: string): void => {
    text += piece;
  };
  const context: CliContext = { sys, out: say, err: say, env: {}, isTerminal: false };
  try {
    const exitCode = await runOstree(args, context);
    return { text, exitCode };
  } catch (error) {
    const failure = reportFailure(error, { debug: false });
    const lines = failure.text.split('\n').filter((line) => !line.startsWith('hint: '));
    return { text: text + lines.join('\n'), exitCode: failure.exitCode };
  }
}

/** As `ours` or `theirs`, for a run that must succeed. @returns the output without the last newline */
export async function ok(run: Ran | Promise<Ran>): Promise<string> {
  const ran = await run;
  if (ran.exitCode !== 0) throw new Error(`exit code ${ran.exitCode}: ${ran.text}`);
  return ran.text.trimEnd();
}

/** Every kind of file that a tree may hold. With `large` also a file of 100 MB. */
export function makeEveryKind(folder: string, options: { readonly large?: boolean } = {}): void {
  const file = (name: string, content: string, mode = 0o644): void => {
    const full = path.join(folder, name);
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, content);
    fs.chmodSync(full, mode);
  };
  file('usr/bin/setuid', 'setuid\n', 0o4755);
  file('usr/bin/setgid', 'setgid\n', 0o2711);
  file('usr/bin/ping', 'capable\n', 0o755);
  // CAP_NET_RAW+ep, version 2, as setcap(8) writes it.
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  sys.setXattr(-100, path.join(folder, 'usr/bin/ping'), 'security.capability', capability);
  file('usr/share/attributes', 'attributes\n');
  for (const [name, value] of [
    ['user.b', 'second'],
    ['user.a', 'first'],
    ['user.empty', ''],
    ['user.bin', '\0\u0001\0'],
  ] as const)
    sys.setXattr(-100, path.join(folder, 'usr/share/attributes'), name, Buffer.from(value));
  file('usr/share/owned', 'owned\n', 0o600);
  fs.chownSync(path.join(folder, 'usr/share/owned'), 4711, 815);
  file('usr/share/unreadable', 'unreadable\n', 0o000);
  file('usr/share/world-writable', 'world\n', 0o666);
  file('usr/share/hard-a', 'hardlinked\n');
  fs.linkSync(path.join(folder, 'usr/share/hard-a'), path.join(folder, 'usr/share/hard-b'));
  for (const name of [
    'empty',
    'empty too',
    '-dash',
    'new\nline',
    'ünïcødé 🐧',
    'quote\'"',
    '\\back',
    '.hidden',
  ])
    file(`odd/${name}`, name.startsWith('empty') ? '' : name);
  file('compressible', 'the same line again\n'.repeat(20_000));
  fs.symlinkSync('../usr/bin/setuid', path.join(folder, 'odd/relative'));
  fs.symlinkSync('/no/such/file', path.join(folder, 'odd/dangling'));
  fs.symlinkSync('x'.repeat(300), path.join(folder, 'odd/long'));
  fs.lchownSync(path.join(folder, 'odd/dangling'), 12, 34);
  for (const [name, mode] of [
    ['sticky', 0o1777],
    ['closed', 0o700],
    ['setgid', 0o2750],
    ['weird', 0o111],
  ] as const) {
    file(`modes/${name}/in`, name);
    fs.chmodSync(path.join(folder, 'modes', name), mode);
  }
  fs.mkdirSync(path.join(folder, 'modes/none'), { mode: 0o755 });
  sys.setXattr(-100, path.join(folder, 'modes/none'), 'user.dir', Buffer.from('attribute of a directory'));
  fs.chownSync(path.join(folder, 'modes/none'), 99, 98);
  if (options.large === true)
    execFileSync('sh', [
      '-c',
      'yes "line of a large file" | head -c 104857600 > "$0"',
      path.join(folder, 'large'),
    ]);
}

/** Names, kinds, modes, owners, targets, contents and attributes below a folder, by find, sha256sum and getfattr. */
export function listing(folder: string): string {
  const script = `
    cd "$0" || exit 1
    find . -printf '%P|%y|%#m|%U:%G|%l\\0' | sort -z | tr '\\0' '\\n'
    find . -type f -print0 | sort -z | xargs -0 -r sha256sum
    find . -print0 | sort -z | xargs -0 -r getfattr -h -d -e hex -m - --`;
  return execFileSync('sh', ['-c', script, folder], { encoding: 'utf8', maxBuffer: 1 << 28 });
}
