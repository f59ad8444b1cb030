import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { mergeTrees, MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { closeRepo, createRepo, type Repo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';

const sys = loadSyscalls();
const DIR: FileMeta = { uid: 0, gid: 0, mode: 0o40755, xattrs: [] };
const FILE: FileMeta = { uid: 0, gid: 0, mode: 0o100644, xattrs: [] };
let folder = '';
let repo: Repo;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mutable-tree-'));
  repo = createRepo(sys, path.join(folder, 'repo'), 'bare-user');
});
afterEach(() => {
  closeRepo(repo);
  fs.rmSync(folder, { recursive: true });
});

/** Writes what `change` makes of a tree. */
function written(change: (tree: MutableTree, txn: Transaction) => void, from?: TreeChecksums): TreeChecksums {
  const txn = Transaction.begin(repo);
  const tree =
    from === undefined ? MutableTree.empty(DIR) : MutableTree.fromChecksums(repo, from.contents, from.meta);
  change(tree, txn);
  const root = tree.write(txn);
  txn.commit();
  return root;
}

function sample(): TreeChecksums {
  return written((tree, txn) => {
    tree.ensureDirectory('usr/bin', DIR);
    tree.ensureDirectory('usr/share/doc', DIR);
    tree.setFile('usr/bin/ls', txn.writeFile(FILE, Buffer.from('ls')));
    tree.setFile('usr/share/doc/ls', txn.writeFile(FILE, Buffer.from('doc')));
  });
}

test('only directories on the changed path are loaded and written', () => {
  const root = sample();
  // Without its other directory the tree can still be changed: nobody looks into that one.
  const share = MutableTree.fromChecksums(repo, root.contents, root.meta).get('usr/share');
  const unread = share?.kind === 'directory' ? share.tree.contentsChecksum : null;
  fs.rmSync(
    path.join(folder, 'repo/objects', unread?.slice(0, 2) ?? '', `${unread?.slice(2) ?? ''}.dirtree`),
  );
  const txn = Transaction.begin(repo);
  const tree = MutableTree.fromChecksums(repo, root.contents, root.meta);
  tree.setFile('usr/bin/cat', txn.writeFile(FILE, Buffer.from('cat')));
  tree.write(txn);
  expect(txn.commit().metadataWritten).toBe(3);
});

test('a change that is undone leads back to the same checksums', () => {
  const root = sample();
  const changed = written((tree, txn) => {
    tree.setFile('usr/bin/cat', txn.writeFile(FILE, Buffer.from('cat')));
    tree.ensureDirectory('opt/deep', DIR);
  }, root);
  expect(changed).not.toEqual(root);
  const undone = written((tree) => {
    expect(tree.remove('usr/bin/cat')).toBe(true);
    expect(tree.remove('opt')).toBe(true);
    expect(tree.remove('nothing/here')).toBe(false);
  }, changed);
  expect(undone).toEqual(root);
});

test('looking does not change', () => {
  const root = sample();
  const seen = written((tree) => {
    expect(tree.get('usr/bin/ls')).toMatchObject({ kind: 'file' });
    expect(tree.get('/usr//bin/')).toMatchObject({ kind: 'directory' });
    expect(tree.get('usr/bin/ls/below')).toBeNull();
    expect(tree.entries().map(([name]) => name)).toEqual(['usr']);
  }, root);
  expect(seen).toEqual(root);
});

test('new metadata of a directory deep in an unchanged tree is written', () => {
  const root = sample();
  const changed = written((tree) => {
    const found = tree.get('usr/bin');
    if (found?.kind === 'directory') found.tree.setMeta({ ...DIR, mode: 0o40700 });
  }, root);
  expect(changed.contents).not.toBe(root.contents);
  const found = MutableTree.fromChecksums(repo, changed.contents, changed.meta).get('usr/bin');
  expect(found?.kind === 'directory' ? found.tree.getMeta().mode : 0).toBe(0o40700);
});

test('a change below a directory taken from get() is written too', () => {
  const root = sample();
  const changed = written((tree, txn) => {
    const found = tree.get('usr/bin');
    if (found?.kind === 'directory') found.tree.setFile('new', txn.writeFile(FILE, Buffer.from('new')));
  }, root);
  expect(MutableTree.fromChecksums(repo, changed.contents, changed.meta).get('usr/bin/new')).not.toBeNull();
});

test('a file and a directory do not take each other’s place by accident, and paths stay inside', () => {
  const tree = MutableTree.fromChecksums(repo, sample().contents, sample().meta);
  const file = tree.get('usr/bin/ls');
  if (file?.kind !== 'file') throw new Error('no file');
  expect(() => tree.setFile('usr/bin', file.checksum)).toThrow(
    expect.objectContaining({ code: 'IS_A_DIRECTORY' }),
  );
  expect(() => tree.ensureDirectory('usr/bin/ls/x', DIR)).toThrow(
    expect.objectContaining({ code: 'NOT_A_DIRECTORY' }),
  );
  for (const bad of ['../x', 'usr/../../x', 'usr/nope/x', ''])
    expect(() => tree.setFile(bad, file.checksum)).toThrow(expect.objectContaining({ code: 'NO_PATH' }));
});

test('merged trees have the files of both, those of the upper one winning', () => {
  const root = sample();
  const merged = written((tree, txn) => {
    const upper = MutableTree.empty(DIR);
    upper.ensureDirectory('usr/bin', { ...DIR, mode: 0o40711 });
    upper.setFile('usr/bin/ls', txn.writeFile(FILE, Buffer.from('other ls')));
    upper.setFile('usr/note', txn.writeFile(FILE, Buffer.from('note')));
    mergeTrees(tree, upper);
  }, root);
  const tree = MutableTree.fromChecksums(repo, merged.contents, merged.meta);
  const bin = tree.get('usr/bin');
  expect(bin?.kind === 'directory' ? bin.tree.getMeta().mode : 0).toBe(0o40711);
  expect(tree.get('usr/note')).not.toBeNull();
  expect(tree.get('usr/share/doc/ls')).not.toBeNull();
});
