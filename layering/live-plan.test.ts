import { expect, test } from 'vitest';
import type { Checksum } from '#ostree/format/checksum.ts';
import { planLive, type LivePath } from '#layering/live-plan.ts';

const A = 'a'.repeat(64) as Checksum;
const FILE = { kind: 'file', checksum: A } as const;
const DIRECTORY = { kind: 'directory', meta: A } as const;

function at(path: string, more: Partial<LivePath>): LivePath {
  return { path, after: FILE, present: 'nothing', isDirectory: false, owners: [], ...more };
}

function steps(paths: readonly LivePath[], overwrite = false): string[] {
  return planLive(paths, overwrite).steps.map(({ op, path }) => `${op} ${path}`);
}

test('removals from the inside out, then what is new from the outside in', () => {
  const gone = { after: null, present: 'before' } as const;
  expect(
    steps([
      at('usr/new/file', {}),
      at('usr/new', { after: DIRECTORY }),
      at('usr/old', { ...gone, isDirectory: true }),
      at('usr/old/file', gone),
      at('usr/changed', { present: 'before' }),
      at('usr/done', { present: 'after' }),
      at('usr/gone', { after: null }),
    ]),
  ).toEqual([
    'remove usr/old/file',
    'remove usr/old',
    'file usr/changed',
    'directory usr/new',
    'file usr/new/file',
  ]);
});

test('a directory and a file that take each other’s place are removed first', () => {
  expect(
    steps([
      at('usr/a', { present: 'before', isDirectory: true }),
      at('usr/a/b', { after: null, present: 'before' }),
      at('usr/c', { after: DIRECTORY, present: 'before' }),
    ]),
  ).toEqual(['remove usr/c', 'remove usr/a/b', 'remove usr/a', 'file usr/a', 'directory usr/c']);
});

test('what somebody else put there is left or overwritten, and named; owned files are told apart', () => {
  const paths = [
    at('usr/own', { present: 'other' }),
    at('usr/cache', { present: 'before' }),
    at('usr/bin/x', { present: 'before', owners: ['x-1-1.noarch'] }),
    at('usr/bin/y', { after: null, present: 'before', owners: ['y-1-1.noarch'] }),
    at('usr/bin/z', { present: 'after', owners: ['z-1-1.noarch'] }),
  ];
  expect(planLive(paths, false)).toMatchObject({
    added: [],
    replaced: ['/usr/bin/x', '/usr/cache'],
    removed: ['/usr/bin/y'],
    present: ['/usr/bin/z'],
    others: ['/usr/own'],
    ofPackages: [
      { path: '/usr/bin/x', owners: ['x-1-1.noarch'] },
      { path: '/usr/bin/y', owners: ['y-1-1.noarch'] },
    ],
  });
  expect(steps(paths, true)).toContain('file usr/own');
});

test('what somebody removed stays away or is made anew; what is behind a link is never written', () => {
  const paths = [
    at('etc/d', { after: DIRECTORY, present: 'gone' }),
    at('etc/d/new', { present: 'gone' }),
    at('etc/both', { after: null, present: 'gone' }),
    at('etc/link/file', { present: 'blocked' }),
    at('etc/link/old', { after: null, present: 'blocked' }),
  ];
  expect(planLive(paths, false)).toMatchObject({
    ...{ steps: [], added: [], removed: [] },
    others: ['/etc/d', '/etc/d/new', '/etc/link/file'],
    blocked: ['/etc/link/file'],
    gone: ['/etc/both', '/etc/d', '/etc/d/new'],
  });
  expect(planLive(paths, true)).toMatchObject({ added: ['/etc/d', '/etc/d/new'], gone: ['/etc/both'] });
  expect(steps(paths, true)).toEqual(['directory etc/d', 'file etc/d/new']);
});
