/** The same steps by the C ostree and by us leave the same files, and each goes on where the other stopped. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  commitTree,
  makeScratch,
  ourAdmin,
  removeScratch,
  run,
  snapshot,
  theirAdmin,
  writeFile,
} from './sysroot-fixture.ts';

/** ostree 2022.7 knows only these file names of boot entries. */
const OLD_NAMES = { OSTREE_SYSROOT_OPTS: 'bootloader-naming-1' };
const FOLDERS = [
  'boot',
  'ostree/deploy',
  'ostree/boot.0',
  'ostree/boot.0.0',
  'ostree/boot.0.1',
  'ostree/boot.1',
];
const ALL = [...FOLDERS, 'ostree/boot.1.0', 'ostree/boot.1.1', 'ostree/repo/refs/heads'];
/**
 * What differs, and why: the stamp of the first SELinux labelling (there is no policy here), and empty parents of the
 * other boot version's refs.
 */
const DIFFERENT = ['.ostree-selabeled', 'refs/heads/ostree/0 ', 'refs/heads/ostree/1 ', ...emptyRefParents()];

function emptyRefParents(): string[] {
  return ['0/0', '0/1', '1/0', '1/1'].map((name) => `refs/heads/ostree/${name} `);
}

interface Pair {
  readonly ours: string;
  readonly theirs: string;
}

let scratch: string;
beforeAll(() => {
  scratch = makeScratch();
});
afterAll(() => {
  removeScratch(scratch);
});

async function makePair(name: string): Promise<Pair> {
  const ours = path.join(scratch, `${name}-ours`);
  const theirs = path.join(scratch, `${name}-theirs`);
  fs.mkdirSync(ours);
  fs.mkdirSync(theirs);
  await ourAdmin(ours, ['init-fs', '--modern', ours]);
  theirAdmin(theirs, ['init-fs', '--modern', theirs]);
  await ourAdmin(ours, ['stateroot-init', 'testos']);
  theirAdmin(theirs, ['os-init', 'testos']);
  return { ours, theirs };
}

function commitBoth(pair: Pair, ref: string, options: Parameters<typeof commitTree>[2] = {}): void {
  const [a, b] = [pair.ours, pair.theirs].map((root) => commitTree(`${root}/ostree/repo`, ref, options));
  expect(a).toBe(b);
}

/** Runs the same verb with both and compares what they print and leave. */
async function both(pair: Pair, args: readonly string[], env = {}): Promise<void> {
  const theirs = theirAdmin(pair.theirs, args, env);
  const ours = await ourAdmin(pair.ours, args, { ...OLD_NAMES, ...env });
  expect.soft(withoutLabelling(ours), `output of ${args.join(' ')}`).toBe(withoutLabelling(theirs));
  expect(snapshot(pair.ours, ALL, DIFFERENT)).toEqual(snapshot(pair.theirs, ALL, DIFFERENT));
}

function withoutLabelling(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('Relabeling /var'))
    .join('\n');
}

function changeEtc(root: string, change: (etc: string) => void): void {
  const deployments = path.join(root, 'ostree/deploy/testos/deploy');
  const target = run('/usr/bin/ostree', ['admin', `--sysroot=${root}`, '--print-current-dir']).trim();
  expect(path.dirname(target)).toBe(fs.realpathSync(deployments));
  change(path.join(target, 'etc'));
}

test('a sysroot goes through the same states', async () => {
  const pair = await makePair('states');
  commitBoth(pair, 'os/one', { version: '1.0' });
  commitBoth(pair, 'os/two', { version: '2.0', kernel: 'another kernel' });
  await both(pair, [
    'deploy',
    '--os=testos',
    '--karg=root=LABEL=x',
    '--karg=quiet',
    '--karg-append=console=a',
    'os/one',
  ]);
  await both(pair, ['deploy', '--os=testos', 'os/one']);
  await both(pair, ['deploy', '--os=testos', '--karg-append=console=b', 'os/two']);
  await both(pair, ['deploy', '--os=testos', '--retain', '--karg-delete=console=a', 'os/one']);
  await both(pair, ['deploy', '--os=testos', '--not-as-default', '--retain', 'os/two']);
  await both(pair, ['status']);
  await both(pair, ['pin', '1']);
  await both(pair, ['instutil', 'set-kargs', '--merge', '--replace=quiet', '--append=x="a b"', 'y']);
  await both(pair, ['kargs', 'edit-in-place', '--append-if-missing=quiet', '--append-if-missing=z=1']);
  await both(pair, ['undeploy', '0']);
  await both(pair, ['deploy', '--os=testos', '--no-merge', '--karg-none', 'os/two']);
  await both(pair, ['status']);
  await both(pair, ['cleanup']);
  await both(pair, ['set-origin', '--index=0', 'origin', 'http://example.com/repo', 'other/branch']);
  expect(run('/usr/bin/ostree', ['fsck', `--repo=${pair.ours}/ostree/repo`])).toContain('object fsck');
});

test('local changes of /etc end up the same', async () => {
  const pair = await makePair('etc');
  commitBoth(pair, 'os/one');
  commitBoth(pair, 'os/two', {
    files: {
      'usr/etc/b.conf': 'new default',
      'usr/etc/dir/c.conf': 'new default',
      'usr/etc/dir/new.conf': 'n',
    },
  });
  await both(pair, ['deploy', '--os=testos', 'os/one']);
  for (const root of [pair.ours, pair.theirs])
    changeEtc(root, (etc) => {
      writeFile(`${etc}/a.conf`, 'local');
      fs.chmodSync(`${etc}/b.conf`, 0o600);
      writeFile(`${etc}/added/deep/file`, 'mine');
      fs.chmodSync(`${etc}/added/deep`, 0o700);
      writeFile(`${etc}/dir/mine`, 'mine');
      fs.chmodSync(`${etc}/dir`, 0o750);
      fs.chownSync(`${etc}/dir/mine`, 1234, 4321);
      fs.rmSync(`${etc}/dir/d.conf`);
      writeFile(`${etc}/link`, 'now a file');
      run('setfattr', ['-n', 'user.test', '-v', 'value', `${etc}/a.conf`]);
      run('mkfifo', [`${etc}/pipe`]);
    });
  const sorted = (text: string): string[] => text.split('\n').sort();
  const ours = await ourAdmin(pair.ours, ['config-diff', '--os=testos']);
  expect(sorted(ours)).toEqual(sorted(theirAdmin(pair.theirs, ['config-diff', '--os=testos'])));
  await both(pair, ['deploy', '--os=testos', 'os/two']);
  for (const root of [pair.ours, pair.theirs])
    changeEtc(root, (etc) => {
      expect(run('getfattr', ['--only-values', '-n', 'user.test', `${etc}/a.conf`])).toBe('value');
    });
});

test('a local file where a directory is the new default stops both, and nothing is left', async () => {
  const pair = await makePair('conflict');
  commitBoth(pair, 'os/one');
  commitBoth(pair, 'os/two', { files: { 'usr/etc/a.conf': null, 'usr/etc/a.conf/file': 'x' } });
  await both(pair, ['deploy', '--os=testos', 'os/one']);
  for (const root of [pair.ours, pair.theirs]) changeEtc(root, (etc) => writeFile(`${etc}/a.conf`, 'local'));
  const before = snapshot(pair.ours, ALL);
  const message =
    "During /etc merge: Modified config file newly defaults to directory 'a.conf', cannot merge";
  expect(() => theirAdmin(pair.theirs, ['deploy', '--os=testos', 'os/two'])).toThrow(message);
  await expect(ourAdmin(pair.ours, ['deploy', '--os=testos', 'os/two'])).rejects.toThrow(message);
  expect(snapshot(pair.ours, ALL)).toEqual(before);
});

describe('boot loaders', () => {
  const loaders: readonly (readonly [name: string, prepare: (root: string) => void, file: string])[] = [
    [
      'syslinux',
      (root) => {
        fs.mkdirSync(`${root}/boot/loader.0`);
        fs.mkdirSync(`${root}/boot/syslinux`);
        fs.symlinkSync('loader.0', `${root}/boot/loader`);
        fs.symlinkSync('../loader/syslinux.cfg', `${root}/boot/syslinux/syslinux.cfg`);
        const own = 'LABEL memtest\n\tKERNEL /memtest\n\n\n';
        fs.writeFileSync(`${root}/boot/loader.0/syslinux.cfg`, `SAY hello\nTIMEOUT 20\n\n${own}`);
      },
      'syslinux.cfg',
    ],
    [
      'uboot',
      (root) => {
        fs.mkdirSync(`${root}/boot/loader.0`);
        fs.symlinkSync('loader.0', `${root}/boot/loader`);
        fs.writeFileSync(`${root}/boot/loader.0/uEnv.txt`, '');
      },
      'uEnv.txt',
    ],
  ];
  test.each(loaders)('%s', async (name, prepare, file) => {
    const pair = await makePair(name);
    for (const root of [pair.ours, pair.theirs]) prepare(root);
    commitBoth(pair, 'os/one', { version: '1', files: { 'usr/lib/ostree-boot/uEnv.txt': 'bootdelay=3\n' } });
    commitBoth(pair, 'os/two', { kernel: 'two', files: { 'usr/lib/modules/6.1.0/devicetree': 'one tree' } });
    await both(pair, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'os/one']);
    await both(pair, ['deploy', '--os=testos', 'os/two']);
    await both(pair, ['deploy', '--os=testos', '--retain', 'os/one']);
    const text = fs.readFileSync(`${pair.ours}/boot/loader/${file}`, 'utf8');
    expect(text).toBe(fs.readFileSync(`${pair.theirs}/boot/loader/${file}`, 'utf8'));
    expect(text).toContain('root=LABEL=x');
  });

  test('grub2-generate prints the same stanzas', async () => {
    const pair = await makePair('grub');
    commitBoth(pair, 'os/one', { version: '1' });
    await both(pair, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'os/one']);
    const env = { GRUB2_BOOT_DEVICE_ID: 'abc', GRUB2_PREPARE_ROOT_CACHE: "\tsearch --label 'x'" };
    await both(pair, ['instutil', 'grub2-generate'], env);
    await both(pair, ['instutil', 'grub2-generate', '1'], env);
  });
});

test('each goes on where the other stopped', async () => {
  const root = path.join(scratch, 'alternating');
  fs.mkdirSync(root);
  await ourAdmin(root, ['init-fs', root]);
  theirAdmin(root, ['os-init', 'testos']);
  const one = commitTree(`${root}/ostree/repo`, 'os/one', { version: '1' });
  const two = commitTree(`${root}/ostree/repo`, 'os/two', { version: '2', kernel: 'two' });
  const same = async (): Promise<string> => {
    const ours = await ourAdmin(root, ['status']);
    expect(ours).toBe(theirAdmin(root, ['status']));
    if (ours !== 'No deployments.\n')
      expect(await ourAdmin(root, ['--print-current-dir'])).toBe(theirAdmin(root, ['--print-current-dir']));
    return ours;
  };
  await ourAdmin(root, ['deploy', '--os=testos', '--karg=a=1', 'os/one']);
  expect(await same()).toContain(`testos ${one}.0`);
  theirAdmin(root, ['deploy', '--os=testos', 'os/two']);
  expect(await same()).toContain(`testos ${two}.0`);
  await ourAdmin(root, ['deploy', '--os=testos', 'os/two']);
  await same();
  theirAdmin(root, ['deploy', '--os=testos', 'os/one']);
  expect(await same()).toContain('Version: 1');
  await ourAdmin(root, ['set-default', '1']);
  expect(await same()).toContain('Version: 2');
  theirAdmin(root, ['undeploy', '0']);
  await ourAdmin(root, ['undeploy', '0']);
  expect(await same()).toBe('No deployments.\n');
  theirAdmin(root, ['cleanup']);
  await ourAdmin(root, ['cleanup']);
  run('/usr/bin/ostree', ['fsck', `--repo=${root}/ostree/repo`]);
});
