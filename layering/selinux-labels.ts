/** Asks libselinux, in a program of its own, which labels a tree's policy gives. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { loadProgram } from '#native/static-program.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { LabelRules } from '#layering/selinux-policy.ts';

/** A file of the tree: what the policy has to know of it. */
export interface Unlabelled {
  /** In the tree, without a leading `/`; '' is its root. */
  readonly path: string;
  /** With the kind of file. */
  readonly mode: number;
}

const PREFIX = 'yum-ostree-labels-';
const RULES = 'file_contexts';

/** Files of a policy that say which path gets which label: name and content. */
export type RuleFiles = Iterable<readonly [name: string, content: Uint8Array]>;

/**
 * The labels, in the same order; null where the policy has none. A crash leaves a folder in the repository's `tmp`,
 * which is cleared of what is old.
 * @throws UserError BAD_POLICY where the tree's policy cannot be read
 */
export function labelsOf(repo: Repo, rules: LabelRules, files: readonly Unlabelled[]): (string | null)[] {
  const contents = [...rules].map(([name, checksum]) => [name, loadContent(repo, checksum).read()] as const);
  return labelsByRules(
    repo,
    contents,
    files.map(({ path: file, mode }) => ({ path: installedPath(file), mode })),
  );
}

/** As `labelsOf`, for paths of a running system: with a leading `/`. */
export function labelsByRules(repo: Repo, rules: RuleFiles, files: readonly Unlabelled[]): (string | null)[] {
  if (files.length === 0) return [];
  const directory = fs.mkdtempSync(path.join(repo.path, 'tmp', PREFIX));
  try {
    for (const [name, content] of rules) fs.writeFileSync(path.join(directory, name), content);
    const program = placeProgram(directory);
    const questions = files.map((file) => `${file.mode.toString(8)} ${file.path}\0`);
    const { status, error, stdout, stderr } = spawnSync(program, [path.join(directory, RULES)], {
      input: questions.join(''),
      env: {},
      maxBuffer: Infinity,
    });
    if (error !== undefined || status !== 0) {
      // EPIPE only says that it ended before it had read every question.
      const complaint = firstLine(stderr).replaceAll(directory, 'contexts/files');
      throw badPolicy(complaint === '' ? (error?.message ?? `exit code ${status}`) : complaint);
    }
    const answers = stdout.toString('utf8').split('\0').slice(0, -1);
    if (answers.length !== files.length) throw badPolicy('not every file got an answer');
    return answers.map((label) => (label === '' ? null : label));
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
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
function firstLine(text: Buffer | null): string {
  return (text ?? Buffer.alloc(0)).toString('utf8').split('\n')[0]?.trim() ?? '';
}
