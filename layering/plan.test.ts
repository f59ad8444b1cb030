import { expect, test } from 'vitest';
import { readLayerOrigin } from '#layering/layer-origin.ts';
import { parseNevra } from '#layering/nevra.ts';
import { changeRequests, NO_CHANGE, sameRequests, type RequestChange } from '#layering/plan.ts';
import { parseRequest } from '#layering/request.ts';
import { parseKeyFile } from '#ostree/format/keyfile.ts';

const ORIGIN = readLayerOrigin(
  parseKeyFile(
    '[origin]\nbaserefspec=b\n[packages]\nrequested=/usr/bin/strace;gdb-12.1;\n' +
      '[overrides]\nremove=nano;\n[yum-ostree]\ngroups=tracing;\nrequested-local=abc:foo-1-2.noarch;\n',
    'origin',
  ),
);
const FACTS = {
  basePackages: new Set(['bash', 'nano', 'bash-completion', 'glibc', 'vim']),
  installed: [
    'bash-5.1-3.x86_64',
    'nano-1.0-1.noarch',
    'bash-completion-2-1.noarch',
    'glibc-2.36-1.x86_64',
    'glibc-2.36-1.i686',
    'vim-2:9.0-r5.noarch',
  ].map(parseNevra),
  resolved: new Map([
    ['/usr/bin/strace', ['strace']],
    ['gdb-12.1', ['gdb']],
    ['@tracing', ['ltrace']],
  ]),
  layered: new Set(['strace', 'gdb', 'libfoo', 'ltrace']),
};

function change(words: Partial<Record<'install' | 'uninstall', string>>, rest: Partial<RequestChange> = {}) {
  const items = (text = ''): RequestChange['install'] =>
    parseRequest(text.split(' ').filter((w) => w !== ''));
  const wanted = { install: items(words.install), uninstall: items(words.uninstall) };
  return changeRequests(ORIGIN, { ...NO_CHANGE, ...wanted, ...rest }, FACTS);
}

test('install adds requests and groups, and takes a removal back', () => {
  const after = change({ install: 'ltrace @debug nano' });
  expect(after).toMatchObject({
    requested: ['/usr/bin/strace', 'gdb-12.1', 'ltrace'],
    groups: ['tracing', 'debug'],
    removals: [],
  });
});

test.each([
  ['strace', { requested: ['gdb-12.1'] }],
  ['strace-6.1-1', { requested: ['gdb-12.1'] }],
  ['gdb', { requested: ['/usr/bin/strace'] }],
  ['@tracing', { groups: [] }],
  ['foo', { requestedLocal: [] }],
  ['foo-1-2.noarch', { requestedLocal: [] }],
  ['bash', { removals: ['nano', 'bash'] }],
  ['bash-5.1-3', { removals: ['nano', 'bash'] }],
])('uninstall %s', (word, expected) => {
  expect(change({ uninstall: word })).toMatchObject(expected);
});

test('words that name nothing are told at once', () => {
  expect(() => change({ uninstall: 'foobar libfoo @core' })).toThrow(
    'neither requested nor in the base: foobar, libfoo, @core',
  );
  expect(() => change({ install: '@tracing gdb-12.1' })).toThrow('already requested: @tracing, gdb-12.1');
  expect(() => change({}, { reset: ['bash'] })).toThrow('no override for bash');
  expect(() => change({}, { remove: ['foo', 'nano'] })).toThrow('not in the base: foo');
});

test.each([
  ['nano', /^already removed from the base: nano$/, /override reset nano' brings it back/],
  ['ltrace', /^neither requested nor in the base: ltrace$/, /ltrace: layered as a part of @tracing/],
  ['libfoo', /^neither requested nor in the base: libfoo$/, /libfoo: .*another request needs it/],
])('uninstall %s: what is wrong and what to do', (word, message, hint) => {
  const failure = (): unknown => change({ uninstall: word });
  expect(failure).toThrow(message);
  expect(failure).toThrow(expect.objectContaining({ hint: expect.stringMatching(hint) as string }) as Error);
});

test('what is named twice is taken once', () => {
  expect(change({ install: 'time time @core @core' })).toMatchObject({
    requested: ['/usr/bin/strace', 'gdb-12.1', 'time'],
    groups: ['tracing', 'core'],
  });
});

test('one item to install and to uninstall', () => {
  expect(() => change({ install: 'time', uninstall: 'time' })).toThrow(
    'asked both to install and to uninstall: time',
  );
});

test('a file that stands in for a package of the base already is no layer', () => {
  const file = { entry: `${'b'.repeat(64)}:nano-2-1.x86_64`, name: 'nano' };
  const replaced = change({}, { replace: [file] });
  const again = { ...NO_CHANGE, localPackages: [file] };
  expect(() => changeRequests(replaced, again, FACTS)).toThrow('already replaced by that: nano');
  expect(changeRequests(replaced, { ...again, idempotent: true }, FACTS).requestedLocal).toEqual(
    replaced.requestedLocal,
  );
});

test('with --idempotent nothing changes', () => {
  const after = change({ install: '@tracing gdb-12.1', uninstall: 'foobar' }, { idempotent: true });
  expect(sameRequests(after, ORIGIN)).toBe(true);
});

test('overrides are taken back one by one or all', () => {
  expect(change({}, { reset: ['nano'] }).removals).toEqual([]);
  expect(change({}, { reset: null, remove: ['bash'] }).removals).toEqual(['bash']);
});

const SHA = 'a'.repeat(64);

test('a package has one override: replacing takes a removal back, and the other way round', () => {
  const nano = { entry: `${SHA}:nano-2-1.x86_64`, name: 'nano' };
  const replaced = change({}, { replace: [nano] });
  expect(replaced).toMatchObject({ removals: [], replaceLocal: [nano.entry], replaceRemote: [] });
  const again = { ...NO_CHANGE, replace: [{ entry: 'repo=updates,nano-3', name: 'nano' }] };
  expect(changeRequests(replaced, again, FACTS)).toMatchObject({
    replaceLocal: [],
    replaceRemote: ['repo=updates,nano-3'],
  });
  expect(changeRequests(replaced, { ...NO_CHANGE, remove: ['nano'] }, FACTS)).toMatchObject({
    removals: ['nano'],
    replaceLocal: [],
  });
  const uninstall = parseRequest(['nano']);
  expect(changeRequests(replaced, { ...NO_CHANGE, uninstall }, FACTS)).toMatchObject({
    removals: ['nano'],
    replaceLocal: [],
  });
  expect(changeRequests(replaced, { ...NO_CHANGE, reset: ['nano-2-1.x86_64'] }, FACTS).replaceLocal).toEqual(
    [],
  );
  expect(() => change({}, { replace: [{ entry: `${SHA}:gdb-1-1.noarch`, name: 'gdb' }] })).toThrow(
    'not in the base, so cannot be replaced: gdb',
  );
});

test.each(
  'vim vim.noarch vim-9.0 vim-2:9.0 vim-9.0-r5 vim-2:9.0-r5 vim-9.0-r5.noarch vim-2:9.0-r5.noarch'.split(' '),
)('override remove %s, and reset by the same word', (word) => {
  const removed = change({}, { remove: [word] });
  expect(removed.removals).toEqual(['nano', 'vim']);
  const facts = { ...NO_CHANGE, reset: [word] };
  expect(changeRequests(removed, facts, FACTS).removals).toEqual(['nano']);
});

test('a word that means another version, or one of several packages that go together, is refused', () => {
  expect(() => change({}, { remove: ['vim-8.0', 'vim.x86_64'] })).toThrow(
    'not in the base: vim-8.0 (the base has vim-2:9.0-r5.noarch), vim.x86_64',
  );
  expect(() => change({ uninstall: 'bash-4.4' })).toThrow('neither requested nor in the base: bash-4.4');
  expect(() => change({}, { remove: ['glibc.i686'] })).toThrow('the base has glibc-2.36-1.x86_64 too');
  expect(change({}, { remove: ['glibc-2.36'] }).removals).toEqual(['nano', 'glibc']);
});
