/** A pull over HTTP that does not fit, where the commit says how large it is. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCommit } from '#ostree/repo/objects.ts';
import { objectSizes } from '#ostree/format/commit-sizes.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { closeRepo, openRepo } from '#ostree/repo/repo.ts';
import { makeScratch, ok, ours, removeScratch, sys, theirs } from './repo-fixture.ts';
import { run, snapshot } from './sysroot-fixture.ts';

let scratch: string;
let origin: string;
const asked: string[] = [];
const server = http.createServer((request, response) => {
  asked.push(request.url ?? '');
  const file = path.join(scratch, 'from', request.url ?? '');
  const isThere = fs.existsSync(file) && fs.statSync(file).isFile();
  response.statusCode = isThere ? 200 : 404;
  response.end(isThere ? fs.readFileSync(file) : '');
});
beforeAll(async () => {
  scratch = makeScratch();
  const tree = path.join(scratch, 'tree');
  fs.mkdirSync(tree);
  for (const name of ['a', 'b', 'c']) fs.writeFileSync(path.join(tree, name), randomBytes(4_000_000));
  theirs([`--repo=${scratch}/from`, 'init', '--mode=archive']);
  await ok(
    theirs(['commit', `--repo=${scratch}/from`, '-b', 'large', '--generate-sizes', `--tree=dir=${tree}`]),
  );
  const image = path.join(scratch, 'image');
  run('truncate', ['-s', '10M', image]);
  run('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image]);
  fs.mkdirSync(path.join(scratch, 'to'));
  run('mount', ['-o', 'loop', image, path.join(scratch, 'to')]);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  run('umount', [path.join(scratch, 'to')]);
  removeScratch(scratch);
});

test('the sizes are those that the C program shows', async () => {
  const repo = openRepo(sys, `${scratch}/from`);
  const commit = parseChecksum(await ok(theirs(['rev-parse', `--repo=${scratch}/from`, 'large'])));
  const files = objectSizes(loadCommit(repo, commit))?.filter(({ isFile }) => isFile) ?? [];
  closeRepo(repo);
  expect(files.map(({ unpacked }) => unpacked)).toEqual([4_000_000, 4_000_000, 4_000_000]);
  expect(files.every(({ archived }) => archived > 4_000_000)).toBe(true);
});

test('it is refused with the numbers, before any of its files is asked for', async () => {
  const to = path.join(scratch, 'to/repo');
  await ok(ours([`--repo=${to}`, 'init', '--mode=bare']));
  await ok(ours(['remote', `--repo=${to}`, 'add', '--no-gpg-verify', 'there', origin]));
  const before = snapshot(to, ['objects', 'refs', 'state']);
  asked.length = 0;
  const refused = await ours(['pull', `--repo=${to}`, 'there:large']);
  expect(refused.exitCode).toBe(1);
  expect(refused.text).toMatch(
    /(at least 12\.\d MB requested, \d+\.\d MB may be added to|12\.\d MB are needed)/,
  );
  expect(snapshot(to, ['objects', 'refs', 'state'])).toEqual(before);
  expect(asked.filter((url) => url.endsWith('.filez'))).toEqual([]);
});
