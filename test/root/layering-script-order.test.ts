/** Scripts and triggers run as real rpm runs them: the same ones, in its order, with its arguments and input. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtPrograms } from '#test/fixtures/built-programs.ts';
import type { RpmTestFile, RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import { LUA, LUA_FILES, LUA_POSIX, LUA_TRIGGER } from '#test/root/layering-lua-script.ts';
import {
  BASE_REF,
  clientArguments,
  deploymentRoot,
  fsckClean,
  makeTestSystem,
  packageFile,
  publish,
  rpmReference,
  runProgram,
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
      { path: '/usr/share/d/of-all', content: 'shared by all' },
      { path: '/usr/share/d/of-all.d', kind: 'directory' },
      { path: '/usr/share/d/of-all.link', kind: 'symlink', target: 'of-all' },
    ],
    ...more,
  };
}

function withFiles(pkg: RpmTestPackage, more: readonly RpmTestFile[]): RpmTestPackage {
  return { ...pkg, files: [...(pkg.files ?? []), ...more] };
}

/** Not all of them are files of the tree. */
const ODD_FILES: readonly RpmTestFile[] = [
  { path: '/usr/share/d/ghost', kind: 'ghost', content: 'x' },
  { path: '/usr/share/d/doc', content: 'x', role: 'doc' },
  { path: '/usr/share/d/config', content: 'x', role: 'noreplace' },
  { path: '/usr/share/d/link', kind: 'symlink', target: 'file' },
  { path: '/usr/share/d/first-beside', content: 'first' },
  { path: '/usr/share/d/ü x', content: 'x' },
];

const OF_TWO: RpmTestFile = { path: '/usr/share/d/of-two', content: 'both go' };

/** `needed` is in the database before what needs it, and goes after it. */
const BASE = [
  talkative('first'),
  withFiles(talkative('needed', { provides: ['of-needed'] }), [OF_TWO]),
  withFiles(talkative('old', { requires: ['of-needed'] }), [OF_TWO]),
];

/** What rpm packs and unpacks with its own library. */
const PACKERS = ['gzip', 'xz', 'zstd', 'bzip2'].map((name) => `/usr/bin/${name}`);

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', { base: BASE, withRpm: true, programs: PACKERS });
  publish(system, [
    withFiles(talkative('aa', { provides: ['of-aa'] }), ODD_FILES),
    talkative('old', {
      version: '2.0',
      files: [
        { path: '/usr/share/d/old-beside', content: 'in both' },
        { path: '/usr/share/d/new-in-2', content: 'x' },
      ],
    }),
    talkative('bb', { requires: ['of-aa'] }),
    talkative('edges', {
      files: [
        { path: '/usr/share/d', kind: 'directory' },
        { path: '/usr/share/d-in-name', content: 'x' },
      ],
    }),
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
    {
      name: 'lua',
      files: [{ path: '/usr/share/d/lua', content: 'x' }],
      extraSections: [
        '%post -p <lua>',
        LUA,
        '%transfiletriggerin -p <lua> -- /usr/share/d',
        LUA_TRIGGER,
        '%pre -p <lua>',
        LUA_POSIX,
        '%posttrans -p <lua>',
        LUA_FILES,
      ].join('\n'),
    },
    {
      name: 'relocatable',
      extraTags: ['Prefix: /usr/share/d', 'Prefix: /opt/here'],
      files: [{ path: '/usr/share/d/relocatable', content: 'x' }],
      extraSections: [
        '%post',
        'echo "$RPM_INSTALL_PREFIX $RPM_INSTALL_PREFIX0 $RPM_INSTALL_PREFIX1" > /usr/share/prefixes',
        '%posttrans -p <lua>',
        'local out = io.open("/usr/share/prefixes-in-lua", "w")',
        'out:write(table.concat(RPM_INSTALL_PREFIX, " "), tostring(RPM_INSTALL_PREFIX[0]))',
        'out:close()',
      ].join('\n'),
    },
    {
      name: 'lua-fails',
      extraSections: '%post -p <lua>\nprint("before")\nerror("on purpose")',
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

test('a directory that a trigger names, and a file whose name begins so', () => {
  const reference = rpmReference(system, { install: ['edges'] });
  yumOstreeOk(system, ['install', 'edges']);
  const expected = fs.readFileSync(path.join(reference, LOG), 'utf8');
  expect(expected).toContain('first filetriggerin');
  expect(expected).not.toContain('first transfiletriggerin');
  expect(ours(LOG).split('\n')).toEqual(expected.split('\n'));
  yumOstreeOk(system, ['uninstall', 'edges']);
});

test('the removal of packages of the base, and their triggers', () => {
  const reference = rpmReference(system, { erase: ['needed', 'old'] });
  yumOstreeOk(system, ['uninstall', '-y', 'needed', 'old']);
  const expected = fs.readFileSync(path.join(reference, LOG), 'utf8');
  expect(expected).toContain('old preun: 1 0\n');
  expect(expected).toContain('first transfiletriggerun 5000');
  expect(ours(LOG).split('\n')).toEqual(expected.split('\n'));
  fsckClean(system);
  yumOstreeOk(system, ['install', 'needed', 'old']);
});

test('a package of the base that another version replaces', () => {
  const reference = rpmReference(system, { upgrade: ['old-2.0'] });
  const debug = (words: readonly string[]): string[] =>
    runProgram(process.execPath, [path.resolve('cli/bin/yum-ostree'), 'debug', ...words])
      .trim()
      .split('\n');
  const scripts = fs.mkdtempSync(path.join(system.sysroot, 'scripts-'));
  const refs = debug(['import', `--repo=${system.repo}`, packageFile(system, 'old-2.0')]);
  const words = ['--remove=old', `--scripts=${scripts}`, BASE_REF, ...refs];
  const [commit = ''] = debug(['compose', `--repo=${system.repo}`, ...words]);
  const expected = fs.readFileSync(path.join(reference, LOG), 'utf8');
  expect(expected).toContain('old post: 1 2\n');
  expect(expected).toContain('old preun: 1 1\n');
  expect(runProgram('ostree', ['cat', `--repo=${system.repo}`, commit, `/${LOG}`]).split('\n')).toEqual(
    expected.split('\n'),
  );
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

test('scripts in Lua do what they do in rpm', () => {
  const reference = rpmReference(system, { install: ['lua-1.0'] });
  yumOstreeOk(system, ['install', 'lua']);
  for (const file of ['lua-said', 'lua-triggered', 'grown', 'lua-files', 'opened', 'lua-posix'].map(
    (name) => `usr/share/${name}`,
  ))
    expect(ours(file).split('\n')).toEqual(fs.readFileSync(path.join(reference, file), 'utf8').split('\n'));
  expect(ours('usr/share/lua-triggered')).toContain('/usr/share/d/lua\n');
  fsckClean(system);
  const said = ours('usr/share/lua-said');
  yumOstreeOk(system, ['uninstall', 'lua']);
  // The single executable has the program inside.
  const [, ...words] = clientArguments(system, ['install', 'lua']);
  runProgram(path.join(builtPrograms('x86-64'), 'yum-ostree'), words);
  expect(ours('usr/share/lua-said')).toBe(said);
  yumOstreeOk(system, ['uninstall', 'lua']);
});

test('a package that may be relocated tells its scripts where it lies', () => {
  const reference = rpmReference(system, { install: ['relocatable'] });
  yumOstreeOk(system, ['install', 'relocatable']);
  for (const file of ['usr/share/prefixes', 'usr/share/prefixes-in-lua'])
    expect(ours(file)).toBe(fs.readFileSync(path.join(reference, file), 'utf8'));
  yumOstreeOk(system, ['uninstall', 'relocatable']);
});

/** rpm 4.18 spoils its own memory with these two, so it is no peer for them. */
test('temporary files and putenv in Lua', () => {
  const script = path.join(system.directory, 'script.lua');
  fs.writeFileSync(
    script,
    `local file, name = posix.mkstemp("${system.directory}/XXXXXX")
     print(file:write("x") == file, file:close(), posix.stat(name, "mode"), posix.stat(name, "size"), os.remove(name))
     print((posix.mkstemp("/nowhere/XXXXXX")))
     posix.putenv("PUT=here")
     collectgarbage()
     print(posix.getenv("PUT"))`,
  );
  const said = runProgram(path.resolve('native/build/Release/rpm-lua'), [script]);
  expect(said).toBe('true\ttrue\trw-------\t1.0\ttrue\nnil\nhere\n');
});

/** rpm has it since 4.20. */
test('programs that rpm.spawn starts', () => {
  const script = path.join(system.directory, 'spawn.lua');
  const file = path.join(system.directory, 'spawned');
  fs.writeFileSync(
    script,
    `print(rpm.spawn({"sh", "-c", "cat; echo $0", "word"}, {stdin="${script}.in", stdout="${file}"}))
     print(rpm.spawn({"sh", "-c", "echo more >&2"}, {stderr="${file}"}))
     print(rpm.spawn({"sh", "-c", "exit 3"}))
     print(rpm.spawn({"sh", "-c", "kill -9 $$"}))
     print(rpm.spawn({"/nowhere/program"}))
     print(rpm.spawn({"true"}, {stdin="/nowhere/file"}))
     print(pcall(rpm.spawn, {}))
     print(pcall(rpm.spawn, {"true"}, {fd3="x"}))`,
  );
  fs.writeFileSync(`${script}.in`, 'read\n');
  const said = runProgram(path.resolve('native/build/Release/rpm-lua'), [script]);
  expect(said.split('\n')).toEqual([
    '0.0',
    '0.0',
    'nil\texit code: No such process\t3.0',
    'nil\texit signal: Bad file descriptor\t9.0',
    'nil\tNo such file or directory\t2.0',
    'nil\tNo such file or directory\t2.0',
    'false\tcommand not supplied',
    'false\tinvalid spawn directive: fd3',
    '',
  ]);
  expect(fs.readFileSync(file, 'utf8')).toBe('read\nword\nmore\n');
});

test('a script in Lua that fails ends the command with its words', () => {
  const { status, stderr } = yumOstree(system, ['install', '-q', 'lua-fails']);
  expect(stderr).toMatch(/package lua-fails: %post failed \(exit code 1\)[^]*before[^]*on purpose/);
  expect(status).toBe(1);
});

test('a query format that is not known refuses its package by name', () => {
  const { status, stderr } = yumOstree(system, ['install', 'lists']);
  expect(stderr).toContain("package lists: %post has the query format '[', which is not supported");
  expect(status).toBe(1);
});
