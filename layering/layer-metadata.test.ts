import { expect, test } from 'vitest';
import { inputDigest, layerMetadata, stateDigest, type LayerDescription } from '#layering/layer-metadata.ts';
import { parseNevra } from '#layering/nevra.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { parse, serialize } from '#ostree/format/gvariant.ts';

const BASE = parseChecksum('a'.repeat(64));
const STRACE = { nevra: parseNevra('strace-6.1-1.x86_64'), headerDigest: '11' };
const LTRACE = { nevra: parseNevra('ltrace-1:0.7-2.x86_64'), headerDigest: '22' };

const LAYER: LayerDescription = {
  treeName: 'b/minimal+@tracing-nano',
  base: 'origin:b/minimal',
  baseCommit: BASE,
  baseMetadata: [
    ['version', { type: 's', value: '20' }],
    ['vendor.note', { type: 's', value: 'x' }],
  ],
  items: { groups: ['tracing'], packages: [], removals: ['nano'] },
  requested: [],
  layered: [STRACE, LTRACE],
  requestPackages: new Map([['/usr/bin/strace', ['strace']]]),
  packageRefs: ['yum-ostree/pkg/b', 'yum-ostree/pkg/a'],
  removed: [parseNevra('nano-7-1.x86_64')],
  replaced: [],
  packages: [parseNevra('bash-5-1.x86_64'), STRACE.nevra, LTRACE.nevra],
  repositories: [{ id: 'demo', timestamp: 1700000000 }],
  inputDigest: 'd'.repeat(64),
  kernelVersion: null,
  initramfsArgs: null,
};

test('the commit says what the tree is made of, in our words and in rpm-ostree’s', () => {
  const metadata = layerMetadata(LAYER);
  const bytes = serialize('a{sv}', metadata);
  expect(serialize('a{sv}', parse('a{sv}', bytes))).toEqual(bytes);
  const values = Object.fromEntries(metadata.map(([key, { type, value }]) => [key, [type, value]]));
  expect(values).toMatchObject({
    version: ['s', '20'],
    'yum-ostree.tree-name': ['s', 'b/minimal+@tracing-nano'],
    'yum-ostree.base': ['s', 'b/minimal'],
    'yum-ostree.base-commit': ['s', BASE],
    'yum-ostree.groups': ['as', ['tracing']],
    'yum-ostree.removals': ['as', ['nano']],
    'yum-ostree.resolved': ['as', ['ltrace-1:0.7-2.x86_64', 'strace-6.1-1.x86_64']],
    'yum-ostree.requests': ['a{sas}', [['/usr/bin/strace', ['strace']]]],
    'yum-ostree.package-refs': ['as', ['yum-ostree/pkg/a', 'yum-ostree/pkg/b']],
    'rpmostree.clientlayer': ['b', true],
    'rpmostree.clientlayer_version': ['u', 6],
    'rpmostree.packages': ['as', []],
    'rpmostree.modules': ['as', []],
    'rpmostree.replaced-base-packages': ['a(vv)', []],
    'rpmostree.replaced-base-remote-packages': ['a{sv}', []],
  });
  expect(values['rpmostree.rpmdb.pkglist']).toEqual([
    'a(sssss)',
    [
      ['bash', '0', '5', '1', 'x86_64'],
      ['ltrace', '1', '0.7', '2', 'x86_64'],
      ['strace', '0', '6.1', '1', 'x86_64'],
    ],
  ]);
  expect(values['vendor.note']).toBeUndefined();
  expect(values['rpmostree.state-sha512']?.[1]).toHaveLength(128);
});

test('a kernel that the base has not is the one that ostree is told of', () => {
  const linux = { ...LAYER, baseMetadata: [['ostree.linux', { type: 's', value: '6.1' }]] as never };
  const told = (kernelVersion: string | null): unknown =>
    layerMetadata({ ...linux, kernelVersion }).find(([key]) => key === 'ostree.linux')?.[1].value;
  expect([told(null), told('6.2')]).toEqual(['6.1', '6.2']);
  expect(stateDigest({ ...LAYER, initramfsArgs: [] })).not.toBe(stateDigest(LAYER));
});

test('the digests do not depend on order, and change with what they cover', () => {
  expect(stateDigest({ ...LAYER, layered: [LTRACE, STRACE] })).toBe(stateDigest(LAYER));
  expect(stateDigest({ ...LAYER, layered: [STRACE] })).not.toBe(stateDigest(LAYER));
  const inputs = {
    baseCommit: BASE,
    items: { a: ['x'], b: true },
    repositories: [['1'], ['2']],
    toolVersion: '1',
  };
  expect(inputDigest({ ...inputs, repositories: [['2'], ['1']] })).toBe(inputDigest(inputs));
  expect(inputDigest({ ...inputs, toolVersion: '2' })).not.toBe(inputDigest(inputs));
});

test('replacements are recorded as rpm-ostree does: the new package, then that of the base', () => {
  const from = parseNevra('strace-6.0-1.x86_64');
  const metadata = layerMetadata({ ...LAYER, replaced: [{ from, to: STRACE.nevra, repo: 'updates' }] });
  const bytes = serialize('a{sv}', metadata);
  const read = parse('a{sv}', bytes) as [string, { type: string; value: unknown }][];
  const value = (key: string): unknown => read.find(([name]) => name === key)?.[1].value;
  expect(value('yum-ostree.resolved')).toEqual(['ltrace-1:0.7-2.x86_64']);
  expect(value('rpmostree.replaced-base-packages')).toEqual([]);
  expect(
    JSON.stringify(value('rpmostree.replaced-base-remote-packages'), (_, v: unknown) =>
      typeof v === 'bigint' ? Number(v) : v,
    ),
  ).toMatch(/repo=updates.*strace-6\.1-1\.x86_64.*strace-6\.0-1\.x86_64/);
});
