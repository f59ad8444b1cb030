import { expect, test } from 'vitest';
import { parseHeader } from '#layering/rpm-header.ts';
import type { RpmScript, RpmTrigger } from '#layering/rpm-scripts.ts';
import { SENSE } from '#layering/rpm-tags.ts';
import { planScripts, scriptsOf, type ScriptSource } from '#layering/scripts-plan.ts';

const PLAIN = { expand: false, queryFormat: false };
/** No tag but an entry that stands for none. */
const EMPTY = parseHeader(
  Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 3, 232, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0),
  'x',
);

function source(
  name: string,
  scripts: readonly Partial<RpmScript>[],
  triggers: readonly RpmTrigger[] = [],
): ScriptSource {
  return {
    name,
    evr: { epoch: 0, version: '1' },
    scripts: scripts.map((script) => ({
      kind: 'post',
      program: ['/bin/sh'],
      body: 'x',
      flags: PLAIN,
      ...script,
    })),
    triggers,
    header: EMPTY,
    files: () => [],
  };
}

test('what the new packages bring is told by its phase', () => {
  const plan = planScripts([
    source('b', [{ kind: 'pre' }, { program: ['/usr/bin/python3', '-s'] }]),
    source('a', [{ kind: 'pre' }, { program: ['/sbin/ldconfig'], body: null }]),
  ]);
  expect(plan.pre.map((script) => script.package)).toEqual(['b', 'a']);
  expect(plan.post).toEqual([
    { package: 'b', phase: 'post', interpreter: ['/usr/bin/python3', '-s'], body: 'x', expand: false },
  ]);
  expect(plan.posttrans).toEqual([]);
  expect(plan.wantsLdconfig).toBe(true);
});

test('everything that cannot run is named at once', () => {
  const trigger: RpmTrigger = {
    kind: 'transaction-file',
    program: ['builtin'],
    body: 'x',
    scriptFlags: PLAIN,
    conditions: [{ name: '/usr', flags: SENSE.TRIGGERIN, version: '' }],
    priority: 1,
  };
  const query = { flags: { expand: false, queryFormat: true }, body: 'echo %{NAME:hex}' };
  expect(() => planScripts([source('b', [query]), source('c', [], [trigger])])).toThrow(
    "package b: %post has the query format '%{NAME:hex}', which is not supported\n" +
      "package c: %transfiletriggerin is for the interpreter 'builtin', which is not a program's path",
  );
});

test('scripts that are ignored, marked to be skipped, or empty Lua do not run', () => {
  const lua = { program: ['<lua>'] };
  const sources = [
    source('filesystem', [lua]),
    source('a', [{ ...lua, body: '-- rpm-ostree-skip\nx' }]),
    source('b', [{ ...lua, kind: 'posttrans', body: '-- nothing\n' }]),
  ];
  expect(planScripts(sources)).toEqual({ wantsLdconfig: false, pre: [], post: [], posttrans: [] });
  expect(sources.flatMap((one) => scriptsOf(one, 'post'))).toEqual([]);
});
