/** A small system for tests of layering: a base tree of a shell, a few programs and an rpmdb, deployed in a folder. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildRpm, createRepository, type RpmTestPackage } from '#test/fixtures/rpm-build.ts';

export const BASE_REF = 'test/x86_64/base';
export const STATEROOT = 'test';

/** Programs of this machine that scripts in the tests use. */
const PROGRAMS =
  '/bin/bash /bin/cat /bin/ls /bin/mkdir /bin/rm /bin/mv /bin/cp /bin/ln /bin/chmod /bin/chown /bin/touch /bin/sleep /bin/true /bin/sed /usr/bin/id /usr/bin/env /usr/sbin/groupadd /usr/sbin/useradd /sbin/ldconfig'.split(
    ' ',
  );

export const BASE_PACKAGES: readonly RpmTestPackage[] = [
  {
    name: 'base-files',
    provides: ['/bin/sh', '/usr/bin/bash', '/usr/bin/sed', 'base = 1'],
    files: [
      { path: '/usr/share/base/readme', content: 'the base\n' },
      { path: '/etc/base.conf', content: 'a=1\n', role: 'noreplace' },
      { path: '/usr/bin/shared-tool', content: 'base tool\n', mode: 0o755 },
    ],
  },
  {
    name: 'nano',
    files: [
      { path: '/usr/bin/nano', content: 'nano\n', mode: 0o755 },
      { path: '/usr/share/nano', kind: 'directory' },
      { path: '/usr/share/nano/c.nanorc', content: 'syntax c\n' },
      { path: '/usr/share/common/kept', content: 'shared by two\n' },
    ],
  },
  {
    name: 'icons',
    extraSections:
      '%transfiletriggerin -- /usr/share/icons\n' +
      'while read path; do echo "$path"; done >> /usr/share/icon-cache\n',
  },
  { name: 'pico', files: [{ path: '/usr/share/common/kept', content: 'shared by two\n' }] },
];

export interface TestSystem {
  readonly directory: string;
  readonly sysroot: string;
  readonly repo: string;
  /** An RPM repository, made with `createRepository` after packages were put there. */
  readonly packages: string;
  /** The base's commit. */
  readonly base: string;
  remove(): void;
}

/** Makes the system anew in a new folder; takes about two seconds. */
export function makeTestSystem(
  parent = '/var/tmp',
  options: {
    /** The system's users are in usr/lib, as nss-altfiles has it. */ readonly usersInUsrLib?: boolean;
    /** Packages of the base beside the usual ones. */
    readonly base?: readonly RpmTestPackage[];
    /** The base has rpm itself. */
    readonly withRpm?: boolean;
    /** The base has this machine's SELinux policy, and C ostree labels it. */
    readonly policy?: boolean;
    /** Programs of this machine that the base has beside the usual ones. */
    readonly programs?: readonly string[];
    /** The base has what a machine that boots it mounts on: /boot, /dev, /proc, /run, /tmp. */
    readonly mountPoints?: boolean;
  } = {},
): TestSystem {
  const directory = fs.mkdtempSync(path.join(parent, 'yum-ostree-layering-'));
  const sysroot = path.join(directory, 'sysroot');
  const packages = path.join(directory, 'packages');
  fs.mkdirSync(sysroot);
  fs.mkdirSync(packages);
  const tree = makeBaseTree(directory, options.base ?? []);
  if (options.usersInUsrLib === true) moveUsers(tree);
  for (const program of options.programs ?? []) copyProgram(tree, program);
  if (options.withRpm === true) addRpm(tree);
  if (options.mountPoints === true)
    for (const name of ['boot', 'dev', 'proc', 'run', 'tmp']) fs.mkdirSync(path.join(tree, name));
  if (options.policy === true)
    fs.cpSync('/etc/selinux', path.join(tree, 'usr/etc/selinux'), { recursive: true });
  runProgram('ostree', ['admin', 'init-fs', '--modern', sysroot]);
  runProgram('ostree', ['admin', 'os-init', `--sysroot=${sysroot}`, STATEROOT]);
  const repo = path.join(sysroot, 'ostree/repo');
  const commit = ['commit', `--repo=${repo}`, '-b', BASE_REF, '-s', 'base', '--no-bindings'];
  const metadata = ['--add-metadata-string=version=1', '--timestamp=@1700000000'];
  const labels = options.policy === true ? [`--selinux-policy=${tree}`] : [];
  runProgram('ostree', [...commit, ...metadata, ...labels, `--tree=dir=${tree}`]);
  const base = runProgram('ostree', ['rev-parse', `--repo=${repo}`, BASE_REF]).trim();
  runProgram('ostree', ['admin', 'deploy', `--sysroot=${sysroot}`, `--os=${STATEROOT}`, BASE_REF]);
  fs.rmSync(tree, { recursive: true });
  const remove = (): void => {
    // Symbolic links make it fail at its end.
    spawnSync('chattr', ['-R', '-f', '-i', path.join(sysroot, 'ostree/deploy')]);
    fs.rmSync(directory, { recursive: true, force: true });
  };
  return { directory, sysroot, repo, packages, base, remove: () => ignoringFailure(remove, directory) };
}

/** Adds packages to the system's repository, replacing what is there. */
export function publish(
  system: TestSystem,
  packages: readonly RpmTestPackage[],
  options: { readonly comps?: string } = {},
): void {
  fs.rmSync(system.packages, { recursive: true, force: true });
  for (const pkg of packages) buildRpm(system.packages, pkg);
  createRepository(system.packages, options);
}

/**
 * The base with packages of its repository put in and taken out by real rpm: what it leaves is what ours should.
 * @returns the root, which goes with the system
 */
export function rpmReference(
  system: TestSystem,
  change: {
    readonly install?: readonly string[];
    readonly upgrade?: readonly string[];
    readonly erase?: readonly string[];
    /** Further words for rpm. */
    readonly words?: readonly string[];
  },
): string {
  const root = fs.mkdtempSync(path.join(system.directory, 'reference-'));
  runProgram('ostree', ['checkout', `--repo=${system.repo}`, '--union', '--force-copy', BASE_REF, root]);
  fs.renameSync(path.join(root, 'usr/etc'), path.join(root, 'etc'));
  fs.mkdirSync(path.join(root, 'tmp'));
  const filesOf = (names: readonly string[] = []): string[] => names.map((name) => packageFile(system, name));
  const [files, newer] = [filesOf(change.install), filesOf(change.upgrade)];
  const place = ['--root', root, '--dbpath', '/usr/share/rpm', '--nodeps', '--force-debian'];
  const rpm = [...place, ...(change.words ?? [])];
  if (files.length > 0) runProgram('rpm', [...rpm, '--nosignature', '-i', ...files]);
  if (newer.length > 0) runProgram('rpm', [...rpm, '--nosignature', '-U', ...newer]);
  if (change.erase !== undefined) runProgram('rpm', [...rpm, '-e', ...change.erase]);
  return root;
}

/** The file in the system's repository whose name begins so; of one architecture where that is given. */
export function packageFile(system: TestSystem, name: string, arch = ''): string {
  const files = fs.readdirSync(system.packages).filter((file) => file.endsWith(`${arch}.rpm`));
  const found = files.find((file) => file.startsWith(arch === '' ? `${name}-` : `${name}.`));
  if (found === undefined) throw new Error(`no package file is called ${name}-…`);
  return path.join(system.packages, found);
}

export interface ProgramResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs our client on the system, with its repository and without signature checks. */
export function yumOstree(system: TestSystem, words: readonly string[]): ProgramResult {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, clientArguments(system, words), {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** The same, expected to succeed. */
export function yumOstreeOk(system: TestSystem, words: readonly string[]): string {
  const { status, stdout, stderr } = yumOstree(system, words);
  if (status !== 0)
    throw new Error(`yum-ostree ${words.join(' ')} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}

/** The same, left running. */
export function startYumOstree(system: TestSystem, words: readonly string[]): ReturnType<typeof spawn> {
  return spawn(process.execPath, clientArguments(system, words), { stdio: ['ignore', 'pipe', 'pipe'] });
}

export function clientArguments(system: TestSystem, words: readonly string[]): string[] {
  const verbs = 'install uninstall upgrade override switch rebase deploy reset initramfs initramfs-etc'.split(
    ' ',
  );
  const changes = verbs.includes(words[0] ?? '');
  const repository = changes ? [`--repofrompath=test,${system.packages}`, '--no-gpgchecks'] : [];
  const client = path.resolve('cli/bin/yum-ostree');
  return [client, `--sysroot=${system.sysroot}`, '--debug', ...words, ...repository];
}

export interface StatusEntry {
  readonly checksum: string;
  readonly 'tree-name': string;
  readonly 'base-checksum': string;
  readonly packages: readonly string[];
  readonly groups: readonly string[];
  readonly removals: readonly string[];
  readonly layered: readonly string[];
  readonly 'requested-packages': readonly string[];
  readonly 'inactive-requests': readonly string[];
  readonly rollback: boolean;
  readonly serial: number;
}

/** `status --json`; the first deployment boots by default. */
export function deploymentsOf(system: TestSystem): StatusEntry[] {
  const { deployments } = JSON.parse(yumOstreeOk(system, ['status', '--json'])) as {
    deployments: StatusEntry[];
  };
  return deployments;
}

export function firstDeployment(system: TestSystem): StatusEntry {
  const [first] = deploymentsOf(system);
  if (first === undefined) throw new Error('nothing is deployed');
  return first;
}

/** The directory of the deployment that boots by default. */
export function deploymentRoot(system: TestSystem): string {
  const { checksum, serial } = firstDeployment(system);
  return path.join(system.sysroot, `ostree/deploy/${STATEROOT}/deploy/${checksum}.${serial}`);
}

export function originOf(system: TestSystem): string {
  return fs.readFileSync(`${deploymentRoot(system)}.origin`, 'utf8');
}

/** C ostree's own verdict. @throws where an object is damaged or missing */
export function fsckClean(system: TestSystem): void {
  runProgram('ostree', ['fsck', `--repo=${system.repo}`, '-q']);
}

/** The packages that real rpm sees in the deployment, sorted. */
export function rpmNames(system: TestSystem): string[] {
  return rpm(system, ['-qa', '--qf', '%{NAME}\n']).trim().split('\n').sort();
}

export function rpm(system: TestSystem, words: readonly string[]): string {
  // The database is copied: rpm would make files beside it.
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-rpm-'));
  try {
    fs.cpSync(path.join(deploymentRoot(system), 'usr/share/rpm'), copy, { recursive: true });
    return runProgram('rpm', ['--dbpath', copy, ...words]);
  } finally {
    fs.rmSync(copy, { recursive: true, force: true });
  }
}

export function runProgram(program: string, words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${program} is needed for this test: ${error.message}`);
  if (status !== 0)
    throw new Error(`${program} ${words.join(' ')} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}

/** OSTree's layout with programs of this machine; the packages put there by rpm itself. */
function makeBaseTree(directory: string, more: readonly RpmTestPackage[]): string {
  const tree = path.join(directory, 'tree');
  for (const name of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'usr/share/rpm',
    'etc',
    'var',
    'sysroot',
  ])
    fs.mkdirSync(path.join(tree, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) fs.symlinkSync(`usr/${name}`, path.join(tree, name));
  for (const [name, target] of [
    ['ostree', 'sysroot/ostree'],
    ['root', 'var/roothome'],
    ['home', 'var/home'],
  ] as const)
    fs.symlinkSync(target, path.join(tree, name));
  const rpms = [...BASE_PACKAGES, ...more].map((pkg) => buildRpm(path.join(directory, 'base-packages'), pkg));
  const install = ['--root', tree, '--dbpath', '/usr/share/rpm', '--nodeps', '--noscripts', '--nosignature'];
  runProgram('rpm', [...install, '--force-debian', '-i', ...rpms]);
  for (const name of fs.readdirSync(path.join(tree, 'usr/share/rpm')))
    if (name !== 'rpmdb.sqlite') fs.rmSync(path.join(tree, 'usr/share/rpm', name));
  for (const program of PROGRAMS) copyProgram(tree, program);
  fs.symlinkSync('bash', path.join(tree, 'usr/bin/sh'));
  addConfiguration(tree);
  const modules = path.join(tree, 'usr/lib/modules/6.1.0-test');
  fs.mkdirSync(modules, { recursive: true });
  fs.writeFileSync(path.join(modules, 'vmlinuz'), 'kernel');
  fs.writeFileSync(path.join(modules, 'initramfs.img'), 'initramfs');
  fs.renameSync(path.join(tree, 'etc'), path.join(tree, 'usr/etc'));
  fs.rmSync(path.join(tree, 'var'), { recursive: true });
  fs.mkdirSync(path.join(tree, 'var'));
  return tree;
}

function moveUsers(tree: string): void {
  for (const name of ['passwd', 'group']) {
    fs.renameSync(path.join(tree, 'usr/etc', name), path.join(tree, 'usr/lib', name));
    const root = name === 'passwd' ? 'root:x:0:0:root:/root:/bin/bash\n' : 'root:x:0:\n';
    fs.writeFileSync(path.join(tree, 'usr/etc', name), root);
  }
}

function addRpm(tree: string): void {
  copyProgram(tree, '/usr/bin/rpm');
  for (const name of ['macros', 'rpmrc', 'macros.d', 'platform'])
    fs.cpSync(`/usr/lib/rpm/${name}`, path.join(tree, 'usr/lib/rpm', name), { recursive: true });
}

function copyProgram(tree: string, program: string): void {
  const real = fs.realpathSync(program);
  const directory = program.includes('/sbin/') ? 'usr/sbin' : 'usr/bin';
  fs.copyFileSync(real, path.join(tree, directory, path.basename(program)));
  const { stdout } = spawnSync('ldd', [real], { encoding: 'utf8' });
  for (const [, library] of stdout.matchAll(/(\/[^\s]+\.so[^\s]*) \(0x/g)) {
    const target = path.join(tree, (library ?? '').replace(/^\/(usr\/)?/, 'usr/'));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(fs.realpathSync(library ?? ''), target);
  }
}

function addConfiguration(tree: string): void {
  const files = {
    passwd: 'root:x:0:0:root:/root:/bin/bash\nbin:x:2:2:bin:/bin:/usr/sbin/nologin\n',
    group: 'root:x:0:\nbin:x:2:\n',
    shadow: 'root:*:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\n',
    gshadow: 'root:*::\nbin:*::\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\n',
    'login.defs': 'SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n',
  };
  for (const [name, text] of Object.entries(files))
    fs.writeFileSync(path.join(tree, 'etc', name), text, { mode: name.includes('shadow') ? 0o600 : 0o644 });
  fs.writeFileSync(path.join(tree, 'usr/lib/os-release'), 'ID=test\nNAME=Test\nVERSION_ID=1\n');
  fs.symlinkSync('../usr/lib/os-release', path.join(tree, 'etc/os-release'));
}

/** A test's own failure matters more than that of its clearing up, which is told. */
function ignoringFailure(action: () => void, directory: string): void {
  try {
    action();
  } catch (error) {
    process.stderr.write(`${directory} was not removed: ${String(error)}\n`);
  }
}
