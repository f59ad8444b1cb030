/** The native reader of dirtrees and dirmetas accepts and refuses what the TypeScript one does, byte for byte. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AT_FDCWD } from '#native/syscalls.ts';
import { decodeDirmeta } from '#ostree/format/dirmeta.ts';
import { scanDirtree } from '#ostree/format/dirtree-scan.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { checkoutTree } from '#ostree/repo/checkout.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';
import { makeScratch, ok, ours, removeScratch, sys, theirs, TIME } from './repo-fixture.ts';

let scratch = '';
let repo: Repo;

beforeAll(async () => {
  scratch = makeScratch();
  const tree = path.join(scratch, 'tree');
  fs.mkdirSync(path.join(tree, 'directory'), { recursive: true });
  fs.mkdirSync(path.join(tree, 'z'));
  for (const name of ['a', 'file', 'longer name of a file']) fs.writeFileSync(path.join(tree, name), name);
  sys.setXattr(AT_FDCWD, tree, 'user.first', Buffer.from('value'));
  sys.setXattr(AT_FDCWD, tree, 'user.second', Buffer.from('other value'));
  await ok(theirs(['init', `--repo=${scratch}/repo`, '--mode=bare']));
  await ok(theirs(['commit', `--repo=${scratch}/repo`, '-b', 'main', TIME, `--tree=dir=${tree}`]));
  repo = openRepo(sys, `${scratch}/repo`);
});

afterAll(() => {
  closeRepo(repo);
  removeScratch(scratch);
});

function rootObject(type: 'dirtree' | 'dirmeta'): string {
  const { rootContents, rootMeta } = loadCommit(repo, resolveRev(repo, 'main'));
  const checksum = type === 'dirtree' ? rootContents : rootMeta;
  return path.join(scratch, 'repo/objects', checksum.slice(0, 2), `${checksum.slice(2)}.${type}`);
}

/** 'made', or the code of the error. */
function checkedOut(): string {
  const target = path.join(scratch, 'out');
  fs.mkdirSync(target);
  try {
    checkoutTree(repo, resolveRev(repo, 'main'), { dir: AT_FDCWD, name: `${target}/tree` });
    return 'made';
  } catch (error) {
    return codeOf(error) ?? String(error);
  } finally {
    removeScratch(target);
  }
}

const ignore = { file: () => undefined, directory: () => undefined };
const readers = { dirtree: (bytes: Uint8Array) => scanDirtree(bytes, ignore), dirmeta: decodeDirmeta };

test.each(['dirtree', 'dirmeta'] as const)('every byte of a %s changed, and cut at each length', (type) => {
  const file = rootObject(type);
  const whole = fs.readFileSync(file);
  const changed = [...whole.keys()].flatMap((at) =>
    [0, 1, 0x2f, 0x80, 0xff].map((value) => Buffer.from(whole).fill(whole.readUInt8(at) ^ value, at, at + 1)),
  );
  const cut = [...whole.keys()].map((length) => whole.subarray(0, length));
  const differences: string[] = [];
  let refused = 0;
  for (const bytes of [...changed, ...cut]) {
    fs.writeFileSync(file, bytes);
    const malformed = isRefused(type, bytes);
    const result = checkedOut();
    if (malformed) refused++;
    if (malformed !== ['BAD_OBJECT', 'BAD_GVARIANT'].includes(result))
      differences.push(`${bytes.toString('hex')}: ${result}, ${malformed ? 'malformed' : 'well-formed'}`);
  }
  fs.writeFileSync(file, whole);
  expect(differences).toEqual([]);
  expect(refused).toBeGreaterThan(whole.length);
  expect(checkedOut()).toBe('made');
});

function isRefused(type: 'dirtree' | 'dirmeta', bytes: Uint8Array): boolean {
  try {
    readers[type](bytes);
    return false;
  } catch {
    return true;
  }
}

test('a missing dirtree is named', async () => {
  const file = rootObject('dirmeta');
  fs.renameSync(file, `${file}.away`);
  const { exitCode, text } = await ours([
    ...['checkout', `--repo=${scratch}/repo`, '-H', 'main'],
    path.join(scratch, 'never'),
  ]);
  fs.renameSync(`${file}.away`, file);
  expect(exitCode).toBe(1);
  expect(text).toMatch(/No such metadata object [0-9a-f]{64}\.dirmeta/);
});
