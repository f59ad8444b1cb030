/** Checking out over what is there, parts of trees, and whiteouts: the same result as ostree(1). */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  listing,
  makeEveryKind,
  makeScratch,
  ok,
  ours,
  removeScratch,
  sys,
  theirs,
  TIME,
} from './repo-fixture.ts';

let scratch = '';
let repo = '';

beforeAll(async () => {
  scratch = makeScratch();
  repo = path.join(scratch, 'repo');
  const tree = path.join(scratch, 'tree');
  makeEveryKind(tree);
  const layer = path.join(scratch, 'layer');
  fs.mkdirSync(path.join(layer, 'usr/share/deep'), { recursive: true });
  fs.mkdirSync(path.join(layer, 'odd'));
  for (const [name, content] of [
    ['usr/share/owned', 'replaced'],
    ['usr/share/deep/new', 'new'],
    ['usr/bin-note', ''],
    ['.wh.compressible', ''],
    ['odd/.wh..wh..opq', ''],
    ['odd/kept', 'kept'],
    ['usr/.ostree-wh.gone', ''],
  ] as const)
    fs.writeFileSync(path.join(layer, name), content);
  fs.chmodSync(path.join(layer, 'usr'), 0o711);
  await ok(theirs(['init', `--repo=${repo}`, '--mode=bare']));
  for (const name of ['tree', 'layer'])
    await ok(
      theirs(['commit', `--repo=${repo}`, '-b', name, TIME, `--tree=dir=${path.join(scratch, name)}`]),
    );
});
afterAll(() => removeScratch(scratch));

/** Runs the same checkouts with both tools and compares what they leave and how the last one ended. */
async function both(...checkouts: readonly (readonly string[])[]): Promise<string> {
  const outs = ['theirs', 'ours'].map((name) => path.join(scratch, name));
  const [theirOut = '', ourOut = ''] = outs;
  const codes = [0, 0];
  for (const args of checkouts) {
    codes[0] = theirs(['checkout', `--repo=${repo}`, ...args, theirOut]).exitCode;
    codes[1] = (await ours(['checkout', `--repo=${repo}`, ...args, ourOut])).exitCode;
  }
  expect(codes[1]).toBe(codes[0]);
  const found = listing(ourOut);
  expect(found).toBe(listing(theirOut));
  for (const out of outs) removeScratch(out);
  return found;
}

test('union replaces files and keeps directories', async () => {
  await both(['-H', 'tree'], ['-H', '--union', 'layer']);
  await both(['-C', 'tree'], ['-C', '--union', 'layer']);
});

test('union-add keeps files', async () => {
  const found = await both(['-H', 'tree'], ['-H', '--union-add', 'layer']);
  expect(found).toContain('usr/share/deep/new|f|');
});

test('union-identical takes the same files and nothing else', async () => {
  await both(['-H', 'tree'], ['-H', '--union-identical', 'tree']);
  await both(['-C', 'tree'], ['-H', '--union-identical', 'tree']);
  const out = path.join(scratch, 'refused');
  await ok(ours(['checkout', `--repo=${repo}`, '-H', 'tree', out]));
  const refused = await ours(['checkout', `--repo=${repo}`, '-H', '--union-identical', 'layer', out]);
  expect(refused).toMatchObject({ exitCode: 1, text: expect.stringContaining('usr/share/owned') as string });
});

test('a target that exists is refused', async () => {
  await both(['tree'], ['tree']);
});

test('parts of a tree', async () => {
  await both(['--subpath=/usr/share', 'tree']);
  await both(['--subpath=/usr/bin/setuid', 'tree']);
  await both(['-U', '--subpath=/odd', 'tree']);
  const missing = await ours([
    'checkout',
    `--repo=${repo}`,
    '--subpath=/nope',
    'tree',
    path.join(scratch, 'no'),
  ]);
  expect(missing).toEqual({ text: 'error: No such file or directory: /nope\n', exitCode: 1 });
});

test('whiteouts of container layers remove and empty', async () => {
  const found = await both(['-C', 'tree'], ['-C', '--union', '--whiteouts', 'layer']);
  expect(found).not.toContain('compressible');
  expect(found).toContain('odd/kept|f|');
  expect(found).not.toContain('odd/.hidden');
});

test('overlay whiteouts become devices', async () => {
  const found = await both(['-H', '--process-passthrough-whiteouts', 'layer']);
  expect(found).toContain('usr/gone|c|');
});

test('hardlinks share the object’s inode, empty files do not', async () => {
  const out = path.join(scratch, 'linked');
  await ok(ours(['checkout', `--repo=${repo}`, '-H', 'tree', out]));
  expect(fs.statSync(path.join(out, 'usr/bin/setuid')).nlink).toBeGreaterThan(1);
  expect(fs.statSync(path.join(out, 'odd/empty')).nlink).toBe(1);
  expect(fs.statSync(path.join(out, 'usr')).mtimeMs).toBe(0);
});

test('a security label is kept', async () => {
  const labelled = path.join(scratch, 'labelled');
  fs.mkdirSync(labelled);
  fs.writeFileSync(path.join(labelled, 'file'), 'content');
  const label = Buffer.from('system_u:object_r:bin_t:s0\0');
  for (const name of ['.', 'file']) sys.setXattr(-100, path.join(labelled, name), 'security.selinux', label);
  await ok(ours(['commit', `--repo=${repo}`, '-b', 'labelled', TIME, `--tree=dir=${labelled}`]));
  for (const flag of ['-H', '-C']) {
    const out = path.join(scratch, `labelled${flag}`);
    await ok(ours(['checkout', `--repo=${repo}`, flag, 'labelled', out]));
    expect(listing(out)).toBe(listing(labelled));
  }
});

test('hardlinks across file systems are refused or copied', async () => {
  const elsewhere = fs.mkdtempSync('/dev/shm/repo-test-');
  try {
    const refused = await ours(['checkout', `--repo=${repo}`, '-H', 'tree', path.join(elsewhere, 'a')]);
    expect(refused.exitCode).toBe(1);
    await ok(ours(['checkout', `--repo=${repo}`, 'layer', path.join(elsewhere, 'b')]));
    expect(fs.readFileSync(path.join(elsewhere, 'b/usr/share/owned'), 'utf8')).toBe('replaced');
  } finally {
    removeScratch(elsewhere);
  }
});

test('recommitting a hardlink checkout finds the same tree, with and without the inode cache', async () => {
  const out = path.join(scratch, 'again');
  await ok(ours(['checkout', `--repo=${repo}`, '-H', 'tree', out]));
  fs.writeFileSync(path.join(out, 'usr/added'), 'added');
  const commit = ['commit', `--repo=${repo}`, '--orphan', TIME, `--tree=dir=${out}`];
  const slow = await ok(theirs(commit));
  expect(await ok(ours([...commit, '--link-checkout-speedup']))).toBe(slow);
  expect(await ok(ours(commit))).toBe(slow);
});
