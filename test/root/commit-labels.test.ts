/** `ostree commit --selinux-policy` beside ostree(1), with the policy of this machine's distribution. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeScratch, ok, ours, removeScratch, theirs, TIME } from './repo-fixture.ts';

const POLICY = '/etc/selinux/default';
let scratch = '';
const at = (name: string): string => path.join(scratch, name);

beforeAll(async () => {
  scratch = makeScratch();
  for (const directory of ['tree/usr/bin', 'tree/usr/lib/systemd', 'tree/usr/etc', 'tree/boot', 'root/etc'])
    fs.mkdirSync(at(directory), { recursive: true });
  for (const file of [
    'usr/bin/bash',
    'usr/lib/systemd/systemd',
    'usr/etc/shadow',
    'usr/etc/passwd',
    'boot/vmlinuz',
  ])
    fs.writeFileSync(at(`tree/${file}`), file);
  fs.symlinkSync('usr/bin', at('tree/bin'));
  fs.cpSync(POLICY, at('tree/usr/etc/selinux/default'), { recursive: true });
  fs.writeFileSync(at('tree/usr/etc/selinux/config'), 'SELINUX=enforcing\nSELINUXTYPE=default\n');
  fs.cpSync(at('tree/usr/etc/selinux'), at('root/etc/selinux'), { recursive: true });
  for (const name of ['ours', 'theirs']) {
    await ok(theirs(['init', `--repo=${at(name)}`, '--mode=archive']));
    await ok(theirs(['commit', `--repo=${at(name)}`, '-b', 'plain', TIME, `--tree=dir=${at('tree')}`]));
  }
});
afterAll(() => removeScratch(scratch));

test.each([
  [['--tree=dir=TREE', '--selinux-policy=ROOT']],
  [['--tree=dir=TREE', '-P']],
  [['--tree=ref=plain', '--selinux-policy=ROOT']],
])('%j makes the commit that ostree makes', async (words) => {
  const args = words.map((word) => word.replace('TREE', at('tree')).replace('ROOT', at('root')));
  const commit = (name: string): string[] => [
    'commit',
    `--repo=${at(name)}`,
    '-b',
    'labelled',
    TIME,
    ...args,
  ];
  expect(await ok(ours(commit('ours')))).toBe(await ok(theirs(commit('theirs'))));
  const listed = await ok(theirs(['ls', '-X', `--repo=${at('ours')}`, 'labelled', '/usr/bin/bash']));
  expect(listed).toContain('shell_exec_t');
});

test('a tree’s own policy is found in a commit, too; usr/etc is labelled as /etc where that is asked for', async () => {
  const repo = `--repo=${at('ours')}`;
  await ok(
    ours(['commit', repo, '-b', 'based', TIME, '--tree=ref=plain', '-P', '--selinux-labeling-epoch=1']),
  );
  expect(await ok(ours(['rev-parse', repo, 'based']))).not.toBe(await ok(ours(['rev-parse', repo, 'plain'])));
  expect(await ok(ours(['ls', '-X', repo, 'based', '/usr/etc/shadow']))).toContain('shadow_t');
});

test('one of the two ways', async () => {
  const args = ['commit', `--repo=${at('ours')}`, '-b', 'x', `--tree=dir=${at('tree')}`, '-P'];
  expect((await ours([...args, `--selinux-policy=${at('root')}`])).text).toContain('Cannot specify both');
  expect((await ours([...args.slice(0, -1), '--selinux-policy=/nonexistent'])).text).toContain(
    'No such file',
  );
});
