/** A repository with a parent: remotes, keys and objects of the parent serve it, as with ostree(1). */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import {
  listing,
  makeEveryKind,
  makeScratch,
  MODES,
  ok,
  ours,
  removeScratch,
  theirs,
} from './repo-fixture.ts';
import { newKey, removeKeys } from './signing-keys.ts';

let scratch = '';
const at = (name: string): string => path.join(scratch, name);
const repo = (name: string): string => `--repo=${at(name)}`;

beforeEach(() => {
  scratch = makeScratch();
  fs.mkdirSync(at('tree'));
  makeEveryKind(at('tree'));
});
afterEach(() => removeScratch(scratch));
afterAll(() => removeKeys());

async function makePair(mode: string): Promise<void> {
  for (const name of ['upper', 'lower']) await ok(ours(['init', repo(name), `--mode=${mode}`]));
  await ok(ours(['config', 'set', repo('upper'), 'core.parent', at('lower')]));
}

test.each(MODES)('%s: only what the parent lacks is pulled, and all of it is checked out', async (mode) => {
  await makePair(mode);
  await ok(theirs(['init', repo('source'), `--mode=${mode}`]));
  await ok(theirs(['commit', repo('lower'), '-b', 'first', `--tree=dir=${at('tree')}`]));
  fs.writeFileSync(at('tree/usr/more'), 'more');
  await ok(theirs(['commit', repo('source'), '-b', 'second', `--tree=dir=${at('tree')}`]));
  await ok(ours(['pull-local', repo('upper'), at('source'), 'second']));
  expect(fs.globSync(`${at('upper')}/objects/*/*.file*`)).toHaveLength(1);
  await ok(ours(['checkout', repo('source'), '-U', 'second', at('whole')]));
  await ok(ours(['checkout', repo('upper'), '-U', 'second', at('composed')]));
  expect(listing(at('composed'))).toBe(listing(at('whole')));
  expect(await ours(['ls', '-R', repo('upper'), 'second'])).toEqual(
    await ours(['ls', '-R', repo('source'), 'second']),
  );
  expect(await ok(ours(['fsck', repo('upper')]))).toContain('no errors found');
  await ok(ours(['prune', repo('upper'), '--refs-only', '--depth=0']));
  expect(fs.globSync(`${at('upper')}/objects/*/*.file*`)).toHaveLength(1);
  await ok(ours(['pull-local', repo('lower'), at('upper'), 'second']));
  expect(await ok(theirs(['fsck', repo('lower')]))).toContain('no errors found');
});

test('a remote of the parent, with its keys', async () => {
  await makePair('bare-user');
  const key = newKey('ed25519');
  fs.writeFileSync(at('key'), key.armoured());
  await ok(theirs(['init', repo('source'), '--mode=archive']));
  await ok(
    ours(['remote', 'add', repo('lower'), `--gpg-import=${at('key')}`, 'up', `file://${at('source')}`, 'b']),
  );
  await ok(theirs(['commit', repo('source'), '-b', 'b', `--tree=dir=${at('tree')}`]));
  expect((await ours(['pull', repo('upper'), 'up'])).text).toContain('no signatures found');
  const sign = [`--gpg-sign=${key.fingerprint}`, `--gpg-homedir=${key.home}`];
  await ok(theirs(['commit', repo('source'), '-b', 'b', `--tree=dir=${at('tree')}`, ...sign]));
  await ok(ours(['pull', repo('upper'), 'up']));
  expect(await ok(ours(['rev-parse', repo('upper'), 'up:b']))).toHaveLength(64);
  expect((await ours(['remote', 'delete', repo('upper'), 'up'])).text).toContain('not found');
});

test('a repository that is its own parent is refused', async () => {
  await makePair('archive');
  await ok(ours(['config', 'set', repo('lower'), 'core.parent', at('upper')]));
  expect((await ours(['refs', repo('upper')])).text).toContain('core.parent leads to no end');
});
