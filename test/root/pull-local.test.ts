/** `pull-local`: what it shares with the source by hardlinks, and that it verifies all the same. */
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeEveryKind, makeScratch, MODES, ok, ours, removeScratch, theirs } from './repo-fixture.ts';

let scratch = '';
const at = (name: string): string => path.join(scratch, name);

beforeEach(() => {
  scratch = makeScratch();
  makeEveryKind(at('tree'));
});
afterEach(() => removeScratch(scratch));

function content(repo: string): string[] {
  return fs.globSync(`${at(repo)}/objects/*/*.file*`).sort();
}

async function source(mode: string): Promise<void> {
  for (const name of ['source', 'ours', 'theirs'])
    await ok(theirs(['init', `--repo=${at(name)}`, `--mode=${mode}`]));
  await ok(theirs(['commit', `--repo=${at('source')}`, '-b', 'x', `--tree=dir=${at('tree')}`]));
}

test.each(MODES)('%s: the same mode shares inodes, as in ostree', async (mode) => {
  await source(mode);
  const pull = (name: string, ...more: string[]): string[] => [
    'pull-local',
    `--repo=${at(name)}`,
    ...more,
    at('source'),
  ];
  const text = await ok(ours(pull('ours')));
  expect(text).toBe(await ok(theirs(pull('theirs'))));
  const inodes = (repo: string): number[] => content(repo).map((file) => fs.lstatSync(file).ino);
  expect(inodes('ours')).toEqual(inodes('source'));
  expect(await ok(theirs(['fsck', `--repo=${at('ours')}`]))).toContain('no errors found');
  await ok(ours(['init', `--repo=${at('apart')}`, `--mode=${mode}`]));
  await ok(ours(pull('apart', '--untrusted')));
  expect(inodes('apart').some((inode) => inodes('source').includes(inode))).toBe(false);
  expect(await ok(theirs(['fsck', `--repo=${at('apart')}`]))).toContain('no errors found');
});

test.each(MODES)('%s: a damaged object is not taken', async (mode) => {
  await source(mode);
  const file =
    content('source').find((name) => fs.lstatSync(name).isFile() && fs.statSync(name).size > 60) ?? '';
  fs.appendFileSync(file, 'damage');
  const { text, exitCode } = await ours(['pull-local', `--repo=${at('ours')}`, at('source')]);
  expect(exitCode).toBe(1);
  expect(text).toMatch(/^error: .*(orrupted|damaged)/);
  expect(content('ours')).toEqual([]);
});
