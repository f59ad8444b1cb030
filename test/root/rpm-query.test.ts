import { isUtf8 } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDependencies, type DependencyKind } from '#layering/rpm-dependencies.ts';
import { readRpmFile } from '#layering/rpm-file.ts';
import { readScripts, readTriggers } from '#layering/rpm-scripts.ts';
import { SENSE } from '#layering/rpm-tags.ts';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import { corpusFiles, HAS_CORPUS } from './rpm-corpus.ts';
import { SAMPLE } from './rpm-samples.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-test-query-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const KINDS: readonly (readonly [DependencyKind, string])[] = [
  ['requires', 'REQUIRE'],
  ['provides', 'PROVIDE'],
  ['conflicts', 'CONFLICT'],
  ['obsoletes', 'OBSOLETE'],
  ['recommends', 'RECOMMEND'],
  ['suggests', 'SUGGEST'],
  ['supplements', 'SUPPLEMENT'],
  ['enhances', 'ENHANCE'],
];

let sample: string;
beforeAll(() => {
  const more = [
    '%post -e -p "/usr/bin/python3 -S"',
    'print(1)',
    '%transfiletriggerin -P 2000 -p <lua> -- /usr/share',
    'print(2)',
    '%triggerprein -- gdb > 3',
    'true',
  ];
  sample = buildRpm(scratch, { ...SAMPLE, extraSections: [SAMPLE.extraSections ?? '', ...more].join('\n') });
});

describe('dependencies read as rpm reads them', () => {
  test('of a package with every kind', () => expectSameDependencies(sample));

  test.runIf(HAS_CORPUS)('of real packages', () => {
    const files = corpusFiles('rpms', '.rpm').filter((file) => /rpm-rs|yum_mock|createrepo_c/.test(file));
    expect(files.length).toBeGreaterThan(40);
    for (const file of files) expectSameDependencies(file);
  });
});

test('scripts have their kind, program, body and flags', () => {
  const scripts = readScripts(readRpmFile(sample).header);
  const plain = { expand: false, queryFormat: false };
  expect(scripts).toEqual([
    { kind: 'pre', program: ['/bin/sh'], body: 'exit 0', flags: plain },
    {
      kind: 'post',
      program: ['/usr/bin/python3', '-S'],
      body: 'print(1)',
      flags: { ...plain, expand: true },
    },
    { kind: 'preun', program: ['/bin/sh'], body: 'true', flags: plain },
    { kind: 'postun', program: ['/usr/bin/python3'], body: 'pass', flags: plain },
    { kind: 'posttrans', program: ['<lua>'], body: 'print(1)', flags: plain },
  ]);
});

test('triggers have their conditions and priorities', () => {
  const triggers = readTriggers(readRpmFile(sample).header);
  const shown = triggers.map(({ kind, program, body, priority, conditions }) => [
    kind,
    program.join(' '),
    body,
    priority,
    conditions.map(({ name, flags, version }) => `${senseOf(flags)} ${name} ${version}`.trim()).join(', '),
  ]);
  expect(shown).toMatchInlineSnapshot(`
    [
      [
        "package",
        "/bin/sh",
        "true",
        1000000,
        "TRIGGERIN bash, TRIGGERIN dash",
      ],
      [
        "package",
        "/bin/sh",
        "true",
        1000000,
        "TRIGGERUN bash",
      ],
      [
        "package",
        "/bin/sh",
        "true",
        1000000,
        "TRIGGERPREIN gdb 3",
      ],
      [
        "file",
        "/bin/sh",
        "true",
        100,
        "TRIGGERIN /usr/lib, TRIGGERIN /usr/share",
      ],
      [
        "transaction-file",
        "/bin/sh",
        "true",
        1000000,
        "TRIGGERIN /usr/lib",
      ],
      [
        "transaction-file",
        "<lua>",
        "print(2)",
        2000,
        "TRIGGERIN /usr/share",
      ],
    ]
  `);
});

test('a script without a body is its program alone', () => {
  const { header } = readRpmFile(buildRpm(scratch, { name: 'quiet', post: '' }));
  expect(readTriggers(header)).toEqual([]);
  expect(readScripts(header)).toEqual([
    { kind: 'post', program: ['/bin/sh'], body: null, flags: { expand: false, queryFormat: false } },
  ]);
});

function senseOf(flags: number): string {
  const names = ['TRIGGERIN', 'TRIGGERUN', 'TRIGGERPOSTUN', 'TRIGGERPREIN'] as const;
  return names.filter((name) => (flags & SENSE[name]) !== 0).join('|');
}

function expectSameDependencies(file: string): void {
  const { header } = readRpmFile(file);
  for (const [kind, tag] of KINDS) {
    const ours = readDependencies(header, kind).map(
      ({ name, flags, version }) => `${name}|${flags}|${version}`,
    );
    const format = `[%{${tag}NAME}|%{${tag}FLAGS}|%{${tag}VERSION}\\n]`;
    expect([file, kind, ours]).toEqual([file, kind, query(file, format)]);
  }
}

function query(file: string, format: string): string[] {
  const bytes = execFileSync('rpm', ['-qp', '--nosignature', '--qf', format, file], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Two packages of the balicek kind have Latin-1 names, which rpm prints as they are.
  const text = bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
  // rpm prints a tag that is not there as (none).
  return text.split('\n').filter((line) => line !== '' && line !== '(none)|(none)|(none)');
}
