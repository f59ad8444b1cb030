import { expect, test } from 'vitest';
import { fileTriggersOf, matchingPaths, planScripts, type ScriptSource } from '#layering/scripts-plan.ts';

type Value = readonly string[] | readonly number[];

function source(name: string, tags: Readonly<Record<number, Value>>): ScriptSource {
  const of = (tag: number): Value => tags[tag] ?? [];
  return {
    name,
    header: {
      getString: (tag) => (of(tag)[0] as string | undefined) ?? null,
      getStrings: (tag) => of(tag) as readonly string[],
      getInts: (tag) => of(tag) as readonly number[],
    },
  };
}

test('all %pre come before all %post, in the order of the packages', () => {
  const plan = planScripts([
    source('b', { 1023: ['echo pre'], 1085: ['/bin/sh'], 1024: ['x'], 1086: ['/usr/bin/python3', '-s'] }),
    source('a', { 1023: ['true'], 1085: ['/bin/sh'], 1086: ['/sbin/ldconfig'] }),
  ]);
  expect(plan.pre.map((s) => s.package)).toEqual(['b', 'a']);
  expect(plan.post).toEqual([
    { package: 'b', phase: 'post', interpreter: ['/usr/bin/python3', '-s'], body: 'x' },
  ]);
  expect(plan.posttrans).toEqual([]);
  expect(plan.wantsLdconfig).toBe(true);
});

test('everything that cannot run is named at once', () => {
  const lua = { 1024: ['posix.mkdir("/x")'], 1086: ['<lua>'] };
  const expand = { 1023: ['echo %{x}'], 1085: ['/bin/sh'], 5020: [1] };
  const triggers = { 1065: ['x'], 1068: [1 << 16] };
  expect(() => planScripts([source('a', lua), source('b', expand), source('c', triggers)])).toThrow(
    'package a: %post is written in Lua, which is not supported yet\n' +
      'package b: %pre expands rpm macros when it is installed (-e), which is not supported\n' +
      'package c: package triggers (%triggerin, %triggerprein) are not supported',
  );
});

test('scripts that are ignored, marked to be skipped, or empty Lua do not run', () => {
  const plan = planScripts([
    source('filesystem', { 1024: ['x'], 1086: ['<lua>'] }),
    source('a', { 1024: ['-- rpm-ostree-skip\nx'], 1086: ['<lua>'] }),
    source('b', { 1152: ['-- nothing\n'], 1154: ['<lua>'] }),
  ]);
  expect(plan).toEqual({ wantsLdconfig: false, pre: [], post: [], posttrans: [] });
});

test('a file trigger takes the paths below its prefixes', () => {
  const [trigger, ...rest] = fileTriggersOf(
    source('libs', {
      5076: ['ldconfig', 'other', 'lua'],
      5077: ['/bin/sh', '/bin/sh', '<lua>'],
      5079: ['/usr/lib', '/usr/lib64', '/var/x', '/usr/share'],
      5080: [0, 0, 1, 2],
      5082: [1 << 16, 1 << 16, 1 << 16, 1 << 16],
      5085: [2000000, 1000000, 1000000],
    }),
  );
  expect(rest).toEqual([]);
  expect(trigger).toMatchObject({ prefixes: ['/usr/lib', '/usr/lib64'], priority: 2000000 });
  expect(trigger && matchingPaths(trigger, ['/usr/bin/x', '/usr/lib64/y'])).toEqual(['/usr/lib64/y']);
});
