/** How often a pull waits for the disk: not for each file. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { countSyncs } from '#test/bench/measure.ts';
import { makeScratch, removeScratch, run } from './sysroot-fixture.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');
const OURS = [`${PROJECT}/node_modules/.bin/node`, `${PROJECT}/cli/bin/ostree`] as const;

test('a pull of forty files from a repository in a directory', () => {
  const scratch = makeScratch();
  try {
    const [tree, source, repo] = ['tree', 'source', 'repo'].map((name) => path.join(scratch, name));
    fs.mkdirSync(tree ?? '');
    for (let file = 0; file < 40; file++) fs.writeFileSync(`${tree}/${file}`, `${file}`);
    run('ostree', ['init', `--repo=${source}`, '--mode=bare']);
    run('ostree', ['commit', `--repo=${source}`, '-b', 'some', `--tree=dir=${tree}`]);
    run('ostree', ['init', `--repo=${repo}`, '--mode=bare']);
    run('ostree', ['remote', `--repo=${repo}`, 'add', '--no-gpg-verify', 'there', `file://${source}`]);
    expect(countSyncs([[...OURS, 'pull', `--repo=${repo}`, 'there:some']])).toBeLessThan(9);
    expect(run('ostree', ['fsck', `--repo=${repo}`])).toContain('object fsck of 1 commits completed');
  } finally {
    removeScratch(scratch);
  }
});
