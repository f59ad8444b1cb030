/** Scripts and triggers run as real rpm runs them: the same ones, in its order, with its arguments and input. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import {
  deploymentRoot,
  fsckClean,
  makeTestSystem,
  publish,
  rpmReference,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const LOG = 'usr/share/log';
const SCRIPTS = ['pretrans', 'pre', 'post', 'preun', 'postun', 'posttrans'];
const PACKAGE_TRIGGERS = ['triggerprein', 'triggerin', 'triggerun', 'triggerpostun'];
const FILE_TRIGGERS = ['filetriggerin', 'filetriggerun', 'filetriggerpostun'];

/** Everything a package can have; each script writes down who it is, its arguments and what it reads. */
function talkative(name: string, more: Partial<RpmTestPackage> = {}): RpmTestPackage {
  const say = (what: string): string => `echo "${name} ${what}: $#" "$@" >> /${LOG}`;
  const triggers = PACKAGE_TRIGGERS.flatMap((kind) => [
    `%${kind} -- aa, bb >= 1, bb > 7, old`,
    say(kind),
    `%${kind} -- bb < 1`,
    say(`${kind} of an older one`),
  ]);
  const files = FILE_TRIGGERS.flatMap((kind) => [kind, `trans${kind}`]).flatMap((kind) =>
    [20000, 5000].flatMap((priority) => [
      `%${kind} -P ${priority} -- /usr/share/d, /usr/share/e/`,
      `${say(`${kind} ${priority}`)}; while read -r path; do echo "  $path"; done >> /${LOG}`,
    ]),
  );
  return {
    name,
    scripts: Object.fromEntries(SCRIPTS.map((kind) => [kind, say(kind)])),
    extraSections: [...triggers, ...files].join('\n'),
    files: [
      { path: `/usr/share/d/${name}`, kind: 'directory' },
      { path: `/usr/share/d/${name}/file`, content: name },
      { path: `/usr/share/d/${name}-beside`, content: name },
      { path: `/usr/share/elsewhere/${name}`, content: name },
    ],
    ...more,
  };
}

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', { base: [talkative('first'), talkative('old')], withRpm: true });
  publish(system, [
    talkative('aa', { provides: ['of-aa'] }),
    talkative('bb', { requires: ['of-aa'] }),
    {
      name: 'questions',
      extraSections: [
        '%post -q',
        `echo "%%{NAME} %%{EVR} %%{LICENSE} 100%%%%\\ttab" > /usr/share/answers`,
        '%transfiletriggerin -q -- /usr/share/d',
        'echo "%%{NEVRA} %%{EPOCH}" > /usr/share/more-answers',
      ].join('\n'),
    },
    {
      name: 'macros',
      extraSections: [
        '%global here at-build',
        '%post -e',
        'name=file.txt',
        `echo "%{here} %%{_libdir} %%{?not_there}%%{_sysconfdir} 100%%%% %%s \${name%%.txt} $1" > /usr/share/expanded`,
        '%posttrans -e',
        'echo 100%%%% > /usr/share/percent',
        '%transfiletriggerin -e -- /usr/share/d',
        'echo "%%{_bindir}" > /usr/share/expanded-trigger',
      ].join('\n'),
    },
    { name: 'lists', extraSections: '%post -q\necho "[%%{PROVIDENAME} ]"' },
  ]);
});

afterAll(() => system.remove());

function ours(file: string): string {
  return fs.readFileSync(path.join(deploymentRoot(system), file), 'utf8');
}

test('an installation of two packages that trigger each other and the base', () => {
  const reference = rpmReference(system, { install: ['aa', 'bb'] });
  yumOstreeOk(system, ['install', 'bb']);
  const expected = fs.readFileSync(path.join(reference, LOG), 'utf8');
  expect(expected.split('\n').length).toBeGreaterThan(100);
  expect(ours(LOG).split('\n')).toEqual(expected.split('\n'));
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'bb']);
});

test('the removal of a package of the base, and its triggers', () => {
  const reference = rpmReference(system, { erase: ['old'] });
  yumOstreeOk(system, ['uninstall', '-y', 'old']);
  const expected = fs.readFileSync(path.join(reference, LOG), 'utf8');
  expect(expected).toContain('old preun: 1 0\n');
  expect(expected).toContain('first transfiletriggerun 5000');
  expect(ours(LOG).split('\n')).toEqual(expected.split('\n'));
  fsckClean(system);
  yumOstreeOk(system, ['install', 'old']);
});

test('query formats are answered as rpm answers them', () => {
  const reference = rpmReference(system, { install: ['questions'] });
  yumOstreeOk(system, ['install', 'questions']);
  for (const file of ['usr/share/answers', 'usr/share/more-answers'])
    expect(ours(file)).toBe(fs.readFileSync(path.join(reference, file), 'utf8'));
  yumOstreeOk(system, ['uninstall', 'questions']);
});

test('macros are expanded as rpm expands them', () => {
  const reference = rpmReference(system, { install: ['macros'] });
  yumOstreeOk(system, ['install', 'macros']);
  for (const file of ['usr/share/expanded', 'usr/share/percent', 'usr/share/expanded-trigger'])
    expect(ours(file)).toBe(fs.readFileSync(path.join(reference, file), 'utf8'));
  expect(ours('usr/share/expanded')).toContain('/usr/');
  yumOstreeOk(system, ['uninstall', 'macros']);
});

test('a query format that is not known refuses its package by name', () => {
  const { status, stderr } = yumOstree(system, ['install', 'lists']);
  expect(stderr).toContain("package lists: %post has the query format '[', which is not supported");
  expect(status).toBe(1);
});
