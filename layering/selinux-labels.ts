/** Asks libselinux, in a program of its own, which labels a tree's policy gives. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadProgram } from '#native/static-program.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { LabelRules } from '#layering/selinux-policy.ts';

/** A file of the tree: what the policy has to know of it. */
export interface Unlabelled {
  /** In the tree, without a leading `/`; '' is its root. */
  readonly path: string;
  /** With the kind of file, which alone matters. */
  readonly mode: number;
}

/** Where the labels of a tree come from. */
export interface LabelPolicy {
  readonly rules: LabelRules;
  /** The content of one of the rules' files. */
  readonly read: (checksum: Checksum) => Uint8Array;
}

const PREFIX = 'yum-ostree-labels-';
const RULES = 'file_contexts';
/** Questions for which a further process is worth the reading of the rules. */
const ENOUGH = 1000;
const MOST_PROCESSES = 4;

/** Files of a policy that say which path gets which label: name and content. */
export type RuleFiles = Iterable<readonly [name: string, content: Uint8Array]>;

/**
 * The labels, in the same order; null where the policy has none. A crash leaves a folder in the repository's `tmp`,
 * which is cleared of what is old.
 * @throws UserError BAD_POLICY where the tree's policy cannot be read
 */
export async function labelsOf(
  repo: Repo,
  { rules, read }: LabelPolicy,
  files: readonly Unlabelled[],
): Promise<(string | null)[]> {
  const contents = [...rules].map(([name, checksum]) => [name, read(checksum)] as const);
  const installed = files.map(({ path: file, mode }) => ({ path: installedPath(file), mode }));
  return await labelsByRules(repo, contents, installed);
}

/** As `labelsOf`, for paths of a running system: with a leading `/`. */
export async function labelsByRules(
  repo: Repo,
  rules: RuleFiles,
  files: readonly Unlabelled[],
): Promise<(string | null)[]> {
  if (files.length === 0) return [];
  const directory = fs.mkdtempSync(path.join(repo.path, 'tmp', PREFIX));
  try {
    for (const [name, content] of rules) fs.writeFileSync(path.join(directory, name), content);
    const program = placeProgram(directory);
    // Most of its time goes into matching patterns, which as many processors can do as there are.
    const answers = await Promise.all(parts(files).map((part) => ask(program, directory, part)));
    return answers.flat();
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function parts(files: readonly Unlabelled[]): (readonly Unlabelled[])[] {
  const count = Math.max(
    1,
    Math.min(os.availableParallelism(), MOST_PROCESSES, Math.floor(files.length / ENOUGH)),
  );
  const size = Math.ceil(files.length / count);
  return Array.from({ length: count }, (_, at) => files.slice(at * size, (at + 1) * size));
}

async function ask(
  program: string,
  directory: string,
  files: readonly Unlabelled[],
): Promise<(string | null)[]> {
  const questions = files.map((file) => `${file.mode.toString(8)} ${file.path}\0`);
  const { ending, output, errors } = await converse(program, path.join(directory, RULES), questions.join(''));
  if (ending !== null) {
    const complaint = firstLine(errors).replaceAll(directory, 'contexts/files');
    throw badPolicy(complaint === '' ? ending : complaint);
  }
  const answers = output.split('\0').slice(0, -1);
  if (answers.length !== files.length) throw badPolicy('not every file got an answer');
  return answers.map((label) => (label === '' ? null : label));
}

/** @returns how it ended (null is well), and all that it said */
function converse(
  program: string,
  rules: string,
  input: string,
): Promise<{ readonly ending: string | null; readonly output: string; readonly errors: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, [rules], { stdio: 'pipe', env: {} });
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.once('error', (error) => resolve({ ending: error.message, output, errors }));
    child.once('close', (code, signal) => {
      const ending = code === 0 ? null : `exit code ${code ?? signal}`;
      resolve({ ending, output, errors });
    });
    // EPIPE only says that it ended before it had read every question.
    child.stdin.on('error', () => undefined).end(input);
  });
}

/** Where the file is found in a running system: the tree's `usr/etc` is its /etc. */
function installedPath(file: string): string {
  return file === 'usr/etc' || file.startsWith('usr/etc/') ? `/${file.slice('usr/'.length)}` : `/${file}`;
}

function placeProgram(directory: string): string {
  const bytes = loadProgram('selinux-labels');
  if (bytes === null)
    throw new UserError('BAD_POLICY', 'the tree has an SELinux policy, which this build cannot read');
  const file = path.join(directory, 'program');
  fs.writeFileSync(file, bytes, { mode: 0o700 });
  return file;
}

function badPolicy(why: string): UserError {
  return new UserError('BAD_POLICY', `the tree's SELinux policy gives no labels: ${why}`);
}

/** The library's complaint comes before what it led to. */
function firstLine(text: string): string {
  return text.split('\n')[0]?.trim() ?? '';
}
