/** Signatures of GnuPG: `gpg-sign`, `show` and `pull-local` beside ostree(1). */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeScratch, ok, ours, removeScratch, theirs } from './repo-fixture.ts';
import { gpg, newKey, removeKeys, type SigningKey } from './signing-keys.ts';

let scratch = '';
let key: SigningKey;
let other: SigningKey;
const at = (name: string): string => path.join(scratch, name);

beforeAll(async () => {
  scratch = makeScratch();
  key = newKey('rsa2048');
  other = newKey('ed25519', { usage: 'cert' });
  fs.mkdirSync(at('tree'));
  fs.writeFileSync(at('tree/file'), 'content');
  fs.mkdirSync(at('keys'));
  fs.writeFileSync(at('keys/key.gpg'), gpg(key.home, ['--export']));
  await ok(theirs(['init', `--repo=${at('repo')}`, '--mode=archive']));
  await ok(
    theirs(['commit', `--repo=${at('repo')}`, '-b', 'x', `--tree=dir=${at('tree')}`, '-s', 'subject']),
  );
});
afterAll(() => {
  removeKeys();
  removeScratch(scratch);
});

const sign = (by: SigningKey, ...options: string[]): string[] => [
  'gpg-sign',
  `--repo=${at('repo')}`,
  `--gpg-homedir=${by.home}`,
  ...options,
  'x',
  by.fingerprint,
];

/** What both print of the commit. */
async function shown(...options: string[]): Promise<string> {
  const args = ['show', `--repo=${at('repo')}`, ...options, 'x'];
  const text = await ok(ours(args));
  expect(text).toBe(await ok(theirs(args)));
  return text;
}

test('signatures are added, shown and deleted as ostree does', async () => {
  expect(await shown()).not.toContain('signature');
  expect(await ok(ours(sign(key)))).toBe('');
  expect(await shown()).toContain('Found 1 signature:\n\n  Signature made');
  expect(await shown(`--gpg-homedir=${at('keys')}`)).toContain(
    'Good signature from "Test <test@example.invalid>"',
  );
  // The C program does not see that where the home has a keybox.
  expect((await ours(sign(key))).text).toBe(
    `error: Commit is already signed with GPG key ${key.fingerprint}\n`,
  );
  await ok(theirs(sign(other)));
  expect(await shown(`--gpg-homedir=${at('keys')}`)).toContain('Found 2 signatures:');
  expect(await ok(ours(sign(other, '--delete')))).toBe('Signatures deleted: 1');
  expect(await ok(ours(sign(other, '--delete')))).toBe('Signatures deleted: 0');
  expect(await shown()).toContain('Found 1 signature:');
  for (const args of [[], ['x'], ['x', 'FFFFFFFF']]) {
    const words = ['gpg-sign', `--repo=${at('repo')}`, `--gpg-homedir=${key.home}`, ...args];
    const [mine, c] = [await ours(words), theirs(words)];
    expect(mine.exitCode).toBe(c.exitCode);
    expect(c.text).toContain(mine.text.trim());
  }
});

test('a remote’s keys', async () => {
  const repo = `--repo=${at('repo')}`;
  await ok(ours(['remote', 'add', repo, 'mine', 'http://example.com', `--gpg-import=${at('keys/key.gpg')}`]));
  await ok(ours(['remote', 'add', repo, 'none', 'http://example.com']));
  expect(await shown('--gpg-verify-remote=mine')).toContain('Good signature');
  expect(await shown('--gpg-verify-remote=none')).toContain('public key not found');
  expect((await ours(['show', repo, '--gpg-verify-remote=nope', 'x'])).text).toBe(
    theirs(['show', repo, '--gpg-verify-remote=nope', 'x']).text,
  );
});

test('who pulls a commit again gives up the signatures that were deleted', async () => {
  const down = `--repo=${at('follower')}`;
  await ok(ours(['init', down, '--mode=archive']));
  await ok(ours(['remote', 'add', down, '--no-gpg-verify', 'up', `file://${at('repo')}`]));
  await ok(ours(['pull', down, 'up', 'x']));
  expect(await ok(ours(['show', down, 'up:x']))).toContain('Found 1 signature');
  await ok(ours(sign(key, '--delete')));
  await ok(ours(['pull', down, 'up', 'x']));
  expect(await ok(ours(['show', down, 'up:x']))).not.toContain('signature');
  expect(await ok(theirs(['show', down, 'up:x']))).not.toContain('signature');
  await ok(ours(sign(key)));
});

test('a remote with a malformed list of keys is in the way of nothing but its own pull', async () => {
  const repo = `--repo=${at('repo')}`;
  await ok(ours(['remote', 'add', repo, '--set=gpgkeypath=a,b;c', 'bad', `file://${at('repo')}`]));
  expect((await ours(['pull', repo, 'bad', 'x'])).text).toContain('more than one separator');
  expect(await ok(ours(['remote', 'list', repo]))).toContain('bad');
});

test.each([
  [['--gpg-verify'], 1],
  [['--gpg-verify=true'], 1],
  [['--gpg-verify=false'], 0],
])('pull-local %j of a commit without a signature', async (flags, exitCode) => {
  const [source, down] = [`--repo=${at('unsigned')}`, `--repo=${at(`down${flags[0] ?? ''}`)}`];
  await ok(ours(['init', source, '--mode=archive']));
  await ok(ours(['commit', source, '-b', 'x', `--tree=dir=${at('tree')}`]));
  await ok(ours(['init', down, '--mode=archive']));
  await ok(ours(['remote', 'add', down, 'r', 'http://e.com']));
  const { text, exitCode: code } = await ours([
    'pull-local',
    down,
    '--remote=r',
    ...flags,
    at('unsigned'),
    'x',
  ]);
  expect(code).toBe(exitCode);
  expect(text).toContain(exitCode === 0 ? 'imported' : 'no signatures found');
});

test('pull-local wants a signed summary where it is told to', async () => {
  const args = ['pull-local', `--repo=${at('other')}`, '--remote=r', '--gpg-verify-summary', at('repo'), 'x'];
  await ok(ours(['init', `--repo=${at('other')}`, '--mode=archive']));
  await ok(
    ours([
      'remote',
      'add',
      `--repo=${at('other')}`,
      'r',
      'http://e.com',
      `--gpg-import=${at('keys/key.gpg')}`,
    ]),
  );
  expect((await ours(args)).text).toContain('has no summary');
  await ok(ours(['summary', '-u', `--repo=${at('repo')}`]));
  expect((await ours(args)).text).toContain('no signatures found');
  const by = [`--gpg-sign=${other.fingerprint}`, `--gpg-homedir=${other.home}`];
  await ok(ours(['summary', '-u', `--repo=${at('repo')}`, ...by]));
  expect((await ours(args)).text).toContain('public key not found');
  const good = [`--gpg-sign=${key.fingerprint}`, `--gpg-homedir=${key.home}`];
  await ok(ours(['summary', '-u', `--repo=${at('repo')}`, ...good]));
  expect(await ok(ours(args))).toContain('imported');
});
