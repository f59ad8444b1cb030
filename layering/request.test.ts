import { expect, test } from 'vitest';
import { formatItem, parseRequest } from '#layering/request.ts';

test.each([
  ['strace', { kind: 'spec', spec: 'strace' }],
  ['strace-6.1-1.x86_64', { kind: 'spec', spec: 'strace-6.1-1.x86_64' }],
  ['/usr/bin/strace', { kind: 'spec', spec: '/usr/bin/strace' }],
  ['pkgconfig(zlib)', { kind: 'spec', spec: 'pkgconfig(zlib)' }],
  ['/usr/bin/[', { kind: 'spec', spec: '/usr/bin/[' }],
  ['@tracing', { kind: 'group', id: 'tracing' }],
  ['./my.rpm', { kind: 'file', path: './my.rpm' }],
  ['/tmp/my-1-1.noarch.rpm', { kind: 'file', path: '/tmp/my-1-1.noarch.rpm' }],
  ['file:///tmp/a%20b.rpm', { kind: 'file', path: '/tmp/a b.rpm' }],
  ['https://host/x.rpm', { kind: 'url', url: 'https://host/x.rpm' }],
])('%s', (word, item) => {
  expect(parseRequest([word])).toEqual([item]);
});

test('groups keep their @ in the origin', () => {
  expect(parseRequest(['@tracing', 'gdb']).map(formatItem)).toEqual(['@tracing', 'gdb']);
});

test.each(['', ' ', '@', '@../x', 'a\nb', 'a;b'])('%j is refused', (word) => {
  expect(() => parseRequest([word])).toThrow(/not a package|does not name a group/);
});

test.each(['*', 'libx*', 'lib?', 'gd[ab]', '/usr/bin/*'])('the pattern %s is refused by name', (word) => {
  expect(() => parseRequest(['strace', word])).toThrow(`'${word}' is a pattern`);
});
