/** SELinux labels of what is layered: those that the policy of the tree gives, as matchpathcon says. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtPrograms } from '#test/fixtures/built-programs.ts';
import {
  BASE_REF,
  clientArguments,
  deploymentRoot,
  firstDeployment,
  fsckClean,
  makeTestSystem,
  publish,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

const CONTEXTS = '/etc/selinux/default/contexts/files';
const KINDS = { '-': 'file', d: 'dir', l: 'lnk_file' } as const;

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', { policy: true });
  publish(system, [
    {
      name: 'labels',
      pre: 'groupadd -r daemonish && useradd -r -g daemonish -d / -s /usr/sbin/nologin -M daemonish',
      post: [
        'echo x > /usr/share/made; mkdir /usr/lib/systemd; echo x > /usr/lib/systemd/made.so',
        'echo more >> /usr/share/base/readme; ln -s bash /usr/bin/rbash; sed -i s/a=1/a=2/ /etc/base.conf',
      ].join('\n'),
      files: [
        { path: '/usr/bin/zsh', content: 'shell', mode: 0o755 },
        { path: '/usr/bin/passwd', content: 'p', mode: 0o4755 },
        { path: '/usr/sbin/sshd', content: 'd', mode: 0o755, group: 'daemonish' },
        { path: '/usr/lib64/security/pam_labels.so', content: 'so' },
        { path: '/usr/lib/systemd/system/labels.service', content: '[Unit]\n' },
        { path: '/usr/share/labels', kind: 'directory' },
        { path: '/usr/share/labels/link', kind: 'symlink', target: '../base' },
        { path: '/usr/share/labels/ü x', content: 'x' },
        { path: '/etc/ssh', kind: 'directory' },
        { path: '/etc/ssh/ssh_host_rsa_key', content: 'key', mode: 0o600, role: 'noreplace' },
        { path: '/etc/cron.d/labels', content: '# none\n' },
      ],
    },
    {
      name: 'plain',
      files: [
        { path: '/usr/bin/sudo', content: 'x', mode: 0o755 },
        // The base has the very same.
        { path: '/usr/share/base/readme', content: 'the base\n' },
      ],
    },
    {
      name: 'policy',
      files: [
        {
          path: `${CONTEXTS}/file_contexts.local`,
          content: '/usr/share/(base|rpm)(/.*)? system_u:object_r:tmp_t:s0\n',
        },
      ],
    },
    {
      name: 'bad-policy',
      files: [{ path: `${CONTEXTS}/file_contexts.local`, content: '/usr/share(/.* -z system_u\n' }],
    },
  ]);
});

afterAll(() => system.remove());

interface Labelled {
  readonly kind: keyof typeof KINDS;
  readonly label: string;
  /** All that C ostree says of it. */
  readonly line: string;
}

/** Every file of a commit, by its path in the tree. */
function filesOf(rev: string): Map<string, Labelled> {
  const list = ['ls', '-R', '-C', '-X', `--repo=${system.repo}`, rev, '/'];
  return new Map(
    runProgram('ostree', list)
      .trim()
      .split('\n')
      .map((line) => {
        const [, kind = '-', xattrs = '', file = ''] =
          /^(.).*? \{ (.*) \} (\/.*?)(?: -> .*)?$/.exec(line) ?? [];
        const label = /b'security\.selinux', b'([^']*)'/.exec(xattrs)?.[1] ?? '<<none>>';
        return [file, { kind: kind as keyof typeof KINDS, label, line }];
      }),
  );
}

/** What matchpathcon says, by path in the tree: its `usr/etc` is /etc. */
function expectedLabels(files: ReadonlyMap<string, Labelled>, contexts: string): Map<string, string> {
  const expected = new Map<string, string>();
  for (const kind of ['-', 'd', 'l'] as const) {
    const paths = [...files].flatMap(([file, one]) => (one.kind === kind ? [file] : []));
    if (paths.length === 0) continue;
    const installed = paths.map((file) => file.replace(/^\/usr\/etc(?=\/|$)/, '/etc'));
    const words = ['-n', '-m', KINDS[kind], '-f', path.join(contexts, 'file_contexts'), ...installed];
    const answers = runProgram('matchpathcon', words).trimEnd().split('\n');
    expect(answers).toHaveLength(paths.length);
    paths.forEach((file, at) => expected.set(file, answers[at] ?? ''));
  }
  return expected;
}

function labels(files: ReadonlyMap<string, Labelled>): Map<string, string> {
  return new Map([...expectedOrder(files)].map(([file, { label }]) => [file, label]));
}

/** Files first, then directories, then links, as the expected ones come. */
function expectedOrder(files: ReadonlyMap<string, Labelled>): [string, Labelled][] {
  return (['-', 'd', 'l'] as const).flatMap((kind) => [...files].filter(([, one]) => one.kind === kind));
}

/** The ref under which the store keeps a package. */
function packageRefOf(name: string): string {
  const refs = runProgram('ostree', ['refs', `--repo=${system.repo}`]).split('\n');
  const found = refs.find((ref) => ref.startsWith(`yum-ostree/pkg/${name}-`));
  if (found === undefined) throw new Error(`the store has no package ${name}`);
  return found;
}

/** Those that the base has not, or has otherwise. */
function newFiles(): Map<string, Labelled> {
  const base = filesOf(BASE_REF);
  const tree = filesOf(firstDeployment(system).checksum);
  return new Map([...tree].filter(([file, { line }]) => base.get(file)?.line !== line));
}

test('what is layered, and what scripts write, has the labels of the policy', () => {
  yumOstreeOk(system, ['install', 'labels']);
  const files = newFiles();
  expect(labels(files)).toEqual(expectedLabels(files, CONTEXTS));
  const typeOf = (file: string): string | undefined => files.get(file)?.label.split(':')[2];
  expect(typeOf('/usr/bin/zsh')).toBe('shell_exec_t');
  expect(typeOf('/usr/sbin/sshd')).toBe('sshd_exec_t');
  expect(typeOf('/usr/etc/shadow')).toBe('shadow_t');
  expect(typeOf('/usr/etc/ssh/ssh_host_rsa_key')).toBe('sshd_key_t');
  expect(files.has('/usr/share/made')).toBe(true);
  fsckClean(system);
});

test('the deployment has them, in its /etc too', () => {
  const show =
    'import os,sys\nfor f in sys.argv[1:]: print(os.getxattr(f, "security.selinux", follow_symlinks=False))';
  const file = (name: string): string => path.join(deploymentRoot(system), name);
  const names = ['usr/bin/zsh', 'usr/lib/systemd/made.so', 'etc/ssh/ssh_host_rsa_key', 'etc/base.conf'];
  const shown = runProgram('python3', ['-c', show, ...names.map(file)]);
  const files = filesOf(firstDeployment(system).checksum);
  const expected = names.map((name) => files.get(`/${name.replace(/^etc/, 'usr/etc')}`)?.label);
  expect(shown).toBe(expected.map((label) => `b'${label ?? ''}\\x00'\n`).join(''));
});

test('a change without scripts is labelled too, and the same request is the same commit', () => {
  yumOstreeOk(system, ['uninstall', 'labels']);
  yumOstreeOk(system, ['install', 'plain']);
  const { checksum } = firstDeployment(system);
  const files = newFiles();
  expect(labels(files)).toEqual(expectedLabels(files, CONTEXTS));
  expect(files.get('/usr/bin/sudo')?.label).toContain(':sudo_exec_t:');
  // One object for the package in the store and for the tree.
  expect(filesOf(packageRefOf('plain')).get('/usr/bin/sudo')).toEqual(files.get('/usr/bin/sudo'));
  yumOstreeOk(system, ['uninstall', 'plain']);
  const memo = path.join(system.sysroot, 'ostree/deploy/test/var/cache/yum-ostree/labels.json');
  expect(fs.readFileSync(memo, 'utf8')).toContain('- usr/bin/sudo');
  yumOstreeOk(system, ['install', 'plain']);
  expect(firstDeployment(system).checksum).toBe(checksum);
  yumOstreeOk(system, ['uninstall', 'plain']);
  fs.writeFileSync(memo, '{"damaged');
  // The single executable has the program inside.
  const [, ...words] = clientArguments(system, ['install', 'plain']);
  runProgram(path.join(builtPrograms('x86-64'), 'yum-ostree'), words);
  expect(firstDeployment(system).checksum).toBe(checksum);
  yumOstreeOk(system, ['uninstall', 'plain']);
});

test('where a package changes the policy, the whole tree follows', () => {
  yumOstreeOk(system, ['install', 'policy']);
  const files = filesOf(firstDeployment(system).checksum);
  const contexts = path.join(deploymentRoot(system), CONTEXTS);
  for (const file of ['base/readme', 'rpm/rpmdb.sqlite'])
    expect(files.get(`/usr/share/${file}`)?.label).toBe('system_u:object_r:tmp_t:s0');
  const { size } = fs.statSync(path.join(contexts, 'file_contexts.local'));
  expect(size).toBeGreaterThan(0);
  expect(labels(files)).toEqual(expectedLabels(files, contexts));
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'policy']);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('a policy that cannot be read is an error, and nothing is deployed', () => {
  const { status, stderr } = yumOstree(system, ['install', '-q', 'bad-policy']);
  expect(stderr).toMatch(/error: .*the tree's SELinux policy gives no labels: .*file_contexts\.local/);
  expect(status).toBe(1);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('a tree without a policy gets no labels that the store has of a package', () => {
  const tree = path.join(system.directory, 'disabled');
  runProgram('ostree', ['checkout', '--union', '--force-copy', `--repo=${system.repo}`, BASE_REF, tree]);
  fs.writeFileSync(path.join(tree, 'usr/etc/selinux/config'), 'SELINUX=disabled\nSELINUXTYPE=default\n');
  const commit = ['commit', `--repo=${system.repo}`, '-b', BASE_REF, '--no-bindings', '--no-xattrs'];
  runProgram('ostree', [...commit, `--tree=dir=${tree}`]);
  yumOstreeOk(system, ['upgrade']);
  yumOstreeOk(system, ['install', 'plain']);
  const files = filesOf(firstDeployment(system).checksum);
  expect(files.has('/usr/bin/sudo')).toBe(true);
  expect([...files].filter(([, { label }]) => label !== '<<none>>')).toEqual([]);
});
