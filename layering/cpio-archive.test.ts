import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { cpioArchive } from '#layering/cpio-archive.ts';

test('cpio(1) lists what is in it, owned by root', () => {
  const archive = cpioArchive([
    { name: 'etc', mode: 0o040750, content: Buffer.alloc(0) },
    { name: 'etc/odd', mode: 0o100600, content: Buffer.from('five!') },
    { name: 'etc/link', mode: 0o120777, content: Buffer.from('odd') },
    { name: 'dev', mode: 0o040755, content: Buffer.alloc(0) },
    { name: 'dev/urandom', mode: 0o020666, content: Buffer.alloc(0), device: { major: 1, minor: 9 } },
  ]);
  expect(archive.length % 4).toBe(0);
  const text = execFileSync('cpio', ['-t', '--verbose', '--numeric-uid-gid', '--quiet'], {
    input: archive,
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
  });
  expect(text.replace(/ +/g, ' ')).toMatchInlineSnapshot(`
    "drwxr-x--- 1 0 0 0 Jan 1 1970 etc
    -rw------- 1 0 0 5 Jan 1 1970 etc/odd
    lrwxrwxrwx 1 0 0 3 Jan 1 1970 etc/link -> odd
    drwxr-xr-x 1 0 0 0 Jan 1 1970 dev
    crw-rw-rw- 1 0 0 1, 9 Jan 1 1970 dev/urandom
    "
  `);
});
