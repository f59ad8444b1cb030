/** The same tree gives the same objects, and each tool reads, checks out and verifies the other's repository. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  listing,
  makeEveryKind,
  makeScratch,
  MODES,
  ok,
  ours,
  removeScratch,
  theirs,
  TIME,
} from './repo-fixture.ts';

let scratch = '';
let tree = '';

beforeAll(() => {
  scratch = makeScratch();
  tree = path.join(scratch, 'tree');
  makeEveryKind(tree, { large: true });
});
afterAll(() => removeScratch(scratch));

describe.each(MODES)('%s', (mode) => {
  const theirRepo = (): string => path.join(scratch, `theirs-${mode}`);
  const ourRepo = (): string => path.join(scratch, `ours-${mode}`);
  const canonical = mode === 'bare-user-only' ? ['--canonical-permissions'] : [];
  const commit = (repo: string): string[] => [
    'commit',
    `--repo=${repo}`,
    '-b',
    'a/b',
    '-s',
    'subject',
    '-m',
    'body',
    TIME,
    `--tree=dir=${tree}`,
    ...canonical,
  ];
  let commits: readonly string[] = [];

  beforeAll(async () => {
    await ok(theirs(['init', `--repo=${theirRepo()}`, `--mode=${mode}`]));
    await ok(ours(['init', `--repo=${ourRepo()}`, `--mode=${mode}`]));
    commits = [await ok(theirs(commit(theirRepo()))), await ok(ours(commit(ourRepo())))];
  });

  test('both commits have the same checksum', () => {
    expect(commits[1]).toBe(commits[0]);
  });

  test('the objects are the same, byte for byte and with the same modes, owners and attributes', () => {
    expect(listing(path.join(ourRepo(), 'objects'))).toBe(listing(path.join(theirRepo(), 'objects')));
  });

  test('objects that checkouts link to have the same times', () => {
    const times = (repo: string): string =>
      execFileSync(
        'sh',
        ['-c', `find "$0"/objects -type f -name '*.file' -printf '%f %T@\\n' | sort`, repo],
        { encoding: 'utf8' },
      );
    expect(times(ourRepo())).toBe(times(theirRepo()));
  });

  test('each verifies the other’s repository', async () => {
    expect(await ok(theirs(['fsck', '-q', `--repo=${ourRepo()}`]))).toContain('no errors found');
    expect(await ok(ours(['fsck', '-q', `--repo=${theirRepo()}`]))).toContain('no errors found');
  });

  test.each(['', '-U', '-C'])('each checks the other’s out: %s', async (flag) => {
    const flags = flag === '' ? [] : [flag];
    const out = (name: string): string => path.join(scratch, `${name}-${mode}${flag}`);
    await ok(theirs(['checkout', `--repo=${ourRepo()}`, ...flags, 'a/b', out('their-checkout')]));
    await ok(ours(['checkout', `--repo=${theirRepo()}`, ...flags, 'a/b', out('our-checkout')]));
    expect(listing(out('our-checkout'))).toBe(listing(out('their-checkout')));
    if (flag === '' && mode !== 'bare-user-only')
      expect(listing(out('our-checkout'))).toBe(withoutEmptyAttribute(listing(tree)));
    removeScratch(out('their-checkout'));
    removeScratch(out('our-checkout'));
  });
});

test('a tree goes from mode to mode and comes back the same', async () => {
  const steps = ['bare-user', 'archive', 'bare'] as const;
  let from = path.join(scratch, 'ours-bare');
  const wanted = await ok(theirs(['rev-parse', `--repo=${from}`, 'a/b']));
  for (const mode of steps) {
    const to = path.join(scratch, `pulled-${mode}`);
    await ok(ours(['init', `--repo=${to}`, `--mode=${mode}`]));
    await ok(ours(['pull-local', `--repo=${to}`, from, 'a/b']));
    expect(await ok(theirs(['rev-parse', `--repo=${to}`, 'a/b']))).toBe(wanted);
    expect(await ok(theirs(['fsck', '-q', `--repo=${to}`]))).toContain('no errors found');
    from = to;
  }
});

/** ostree(1) leaves attributes without a value out, and so do we: no checksum covers them. */
function withoutEmptyAttribute(text: string): string {
  return text.replace(/^user\.empty.*\n/m, '');
}
