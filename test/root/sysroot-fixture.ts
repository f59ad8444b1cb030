/** Scratch sysroots and trees for the tests of deployments, and the two programs that work on them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { addAdminVerbs } from '#cli/ostree-admin-verbs.ts';
import { loadSyscalls } from '#native/load.ts';

export interface Output {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Env = Readonly<Record<string, string>>;

/** A temporary folder on a file system with hardlinks and immutable flags. */
export function makeScratch(below = '/var/tmp'): string {
  return fs.mkdtempSync(path.join(below, 'yum-ostree-sysroot-'));
}

export function removeScratch(folder: string): void {
  spawnSync('chattr', ['-R', '-f', '-i', folder]);
  fs.rmSync(folder, { recursive: true, force: true });
}

/** Runs a program; one that is missing or fails is an error that shows its output. */
export function run(program: string, args: readonly string[], env: Env = {}): string {
  const child = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  if (child.error !== undefined)
    throw new Error(`${program} cannot be run: ${child.error.message}`, { cause: child.error });
  if (child.status !== 0)
    throw new Error(`${program} ${args.join(' ')} → ${String(child.status)}\n${child.stdout}${child.stderr}`);
  return child.stdout;
}

/** `ostree admin …` of the C implementation. */
export function theirAdmin(sysroot: string, args: readonly string[], env: Env = {}): string {
  return run('/usr/bin/ostree', ['admin', ...args], { OSTREE_SYSROOT: sysroot, ...env });
}

/** Ours, in this process. An error is thrown as it is. */
export async function ourAdmin(sysroot: string, args: readonly string[], env: Env = {}): Promise<string> {
  let stdout = '';
  const context: CliContext = {
    sys: loadSyscalls(),
    out: (text) => (stdout += text),
    err: () => undefined,
    env: { PATH: process.env['PATH'], OSTREE_SYSROOT: sysroot, ...env },
    isTerminal: false,
  };
  const admin = new Command('admin').exitOverride();
  addAdminVerbs(admin, context);
  await admin.parseAsync(args, { from: 'user' });
  return stdout;
}

export interface TreeOptions {
  readonly kernel?: string;
  /** Path → content; null leaves a file of the standard tree out; `-> target` makes a symlink. */
  readonly files?: Readonly<Record<string, string | null>>;
  readonly version?: string;
  /** The commit that it is composed on, as a layered tree names it. */
  readonly base?: string;
}

const STANDARD: Readonly<Record<string, string>> = {
  'usr/lib/modules/6.1.0/initramfs.img': 'initramfs',
  'usr/lib/modules/6.1.0/dtb/board.dtb': 'board',
  'usr/lib/modules/6.1.0/dtb/vendor/other.dtb': 'other',
  'usr/lib/os-release': 'NAME=Test\nID=test\nPRETTY_NAME="Test OS 1"\n',
  'usr/bin/tool': 'tool',
  'usr/etc/a.conf': 'a',
  'usr/etc/b.conf': 'b',
  'usr/etc/dir/c.conf': 'c',
  'usr/etc/dir/d.conf': 'd',
  'usr/etc/link': '-> a.conf',
};

/** Commits a small bootable tree, the same bytes for the same options: with the C program, into `repo`. */
export function commitTree(repo: string, ref: string, options: TreeOptions = {}): string {
  const tree = fs.mkdtempSync('/var/tmp/yum-ostree-tree-');
  try {
    fs.chmodSync(tree, 0o755);
    const files = {
      'usr/lib/modules/6.1.0/vmlinuz': options.kernel ?? 'kernel',
      ...STANDARD,
      ...options.files,
    };
    for (const directory of ['boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var'])
      fs.mkdirSync(path.join(tree, directory));
    for (const [file, content] of Object.entries(files))
      if (content !== null) writeFile(path.join(tree, file), content);
    const version = options.version === undefined ? [] : [`--add-metadata-string=version=${options.version}`];
    const base =
      options.base === undefined ? [] : [`--add-metadata-string=yum-ostree.base-commit=${options.base}`];
    const args = [`--repo=${repo}`, 'commit', '-b', ref, '-s', 'tree', `--tree=dir=${tree}`];
    return run('/usr/bin/ostree', [...args, ...version, ...base, '--timestamp=@1700000000']).trim();
  } finally {
    fs.rmSync(tree, { recursive: true });
  }
}

/** Writes a file with its parents; a text `-> target` makes a symlink. */
export function writeFile(file: string, content: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.rmSync(file, { force: true });
  if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), file);
  else fs.writeFileSync(file, content);
}

/** Everything below some folders: type, mode, owner, link target or content, one line each. */
export function snapshot(
  root: string,
  folders: readonly string[],
  leaveOut: readonly string[] = [],
): string[] {
  return folders
    .flatMap((folder) => listed(root, folder))
    .filter((line) => !leaveOut.some((text) => line.includes(text)))
    .sort();
}

function listed(root: string, below: string): string[] {
  const file = path.join(root, below);
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const head = `${below} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid}`;
  if (stat.isSymbolicLink()) return [`${head} -> ${fs.readlinkSync(file)}`];
  if (stat.isFile()) return [`${head} ${digest(file)}`];
  if (!stat.isDirectory()) return [head];
  return [head, ...fs.readdirSync(file).flatMap((name) => listed(root, path.join(below, name)))];
}

function digest(file: string): string {
  const bytes = fs.readFileSync(file);
  return bytes.length < 600
    ? JSON.stringify(bytes.toString())
    : createHash('sha256').update(bytes).digest('hex');
}
