/** SELinux labels of what a deployment writes outside of its tree, on a machine where no SELinux gives any. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitTree, makeScratch, ourAdmin, removeScratch, run } from './sysroot-fixture.ts';

const POLICY = '/etc/selinux/default/contexts/files/file_contexts';
const BOOT = 'system_u:object_r:boot_t:s0';
const KINDS = { file: 'file', directory: 'dir', link: 'lnk_file' } as const;

let scratch: string;
beforeAll(() => {
  scratch = makeScratch();
});
afterAll(() => {
  removeScratch(scratch);
});

function setLabel(file: string, label: string): void {
  run('setfattr', ['-h', '-n', 'security.selinux', '-v', `${label}\\000`, file]);
}

/** '' where it has none. */
function labelOf(file: string): string {
  const words = ['-h', '--only-values', '-n', 'security.selinux', file];
  return spawnSync('getfattr', words, { encoding: 'utf8' }).stdout.replace('\0', '');
}

/** What the policy gives to a path, as libselinux's own program says. */
function expected(place: string, kind: keyof typeof KINDS): string {
  return run('matchpathcon', ['-n', '-m', KINDS[kind], '-f', POLICY, place]).trim();
}

function below(directory: string): string[] {
  return run('find', [directory, '-mindepth', '1', '-printf', '%P\n']).trim().split('\n').sort();
}

function kindOf(file: string): keyof typeof KINDS {
  const stat = fs.lstatSync(file);
  return stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'directory' : 'file';
}

/** A sysroot, labelled /boot, with a commit `labelled`, which has the policy and its labels. */
async function makeLabelled(name: string, prepare: (root: string) => void): Promise<string> {
  const root = path.join(scratch, name);
  fs.mkdirSync(root);
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
  prepare(root);
  setLabel(path.join(root, 'boot'), BOOT);
  const repo = path.join(root, 'ostree/repo');
  commitTree(repo, 'plain', {
    files: {
      'usr/etc/selinux/config': 'SELINUX=enforcing\nSELINUXTYPE=default\n',
      'usr/etc/selinux/default/contexts/files/file_contexts': fs.readFileSync(POLICY, 'utf8'),
    },
  });
  const tree = path.join(root, 'tree');
  run('ostree', [`--repo=${repo}`, 'checkout', '--force-copy', 'plain', tree]);
  setLabel(path.join(tree, 'usr/etc'), expected('/etc', 'directory'));
  run('ostree', [`--repo=${repo}`, 'commit', '-b', 'labelled', `--tree=dir=${tree}`, '--consume']);
  return root;
}

const deploy = (root: string): Promise<string> =>
  ourAdmin(root, ['deploy', '--os=testos', '--retain', '--karg=root=x', 'labelled']);

test('files in /boot have its label, and an origin that of /etc', async () => {
  const mounted: string[] = [];
  try {
    const root = await makeLabelled('own-boot', (made) => {
      // Of another file system: kernels are copied.
      const boot = path.join(made, 'boot');
      run('mount', ['-t', 'tmpfs', 'boot', boot]);
      mounted.push(boot);
      fs.symlinkSync('loader.0', path.join(boot, 'loader'));
      fs.mkdirSync(path.join(boot, 'loader.0'));
    });
    for (const written of ['first', 'second']) {
      await deploy(root);
      const boot = path.join(root, 'boot');
      const files = below(boot);
      expect(
        files.filter((file) => path.basename(file).startsWith('vmlinuz')),
        written,
      ).toHaveLength(1);
      expect(files.filter((file) => labelOf(path.join(boot, file)) !== BOOT)).toEqual([]);
    }
    const deployments = path.join(root, 'ostree/deploy/testos/deploy');
    const origins = fs.readdirSync(deployments).filter((file) => file.endsWith('.origin'));
    expect(origins).toHaveLength(2);
    for (const origin of origins)
      expect(labelOf(path.join(deployments, origin))).toBe(expected('/etc/a', 'file'));
  } finally {
    for (const place of mounted) spawnSync('umount', [place]);
  }
});

test('objects of the repository that /boot has as hardlinks stay as they are', async () => {
  const root = await makeLabelled('one-file-system', () => undefined);
  await deploy(root);
  const kernel = below(path.join(root, 'boot')).find((file) => path.basename(file).startsWith('vmlinuz'));
  const file = path.join(root, 'boot', kernel ?? 'none');
  expect(fs.statSync(file).nlink).toBeGreaterThan(1);
  expect(labelOf(file)).toBe('');
  expect(labelOf(path.join(root, 'boot/loader/entries'))).toBe(BOOT);
  run('ostree', [`--repo=${path.join(root, 'ostree/repo')}`, 'fsck', '-q']);
});

test('/var is labelled by the policy, once', async () => {
  const foreign = 'system_u:object_r:tmp_t:s0';
  let state = '';
  const root = await makeLabelled('var', (made) => {
    state = path.join(made, 'ostree/deploy/testos/var');
    fs.mkdirSync(path.join(state, 'lib/dhcp'), { recursive: true });
    fs.writeFileSync(path.join(state, 'lib/own'), 'x');
    setLabel(path.join(state, 'lib/own'), foreign);
  });
  await deploy(root);
  const files = ['', ...below(state)];
  expect(files).toContain('.ostree-selabeled');
  for (const file of files.filter((name) => name !== 'lib/own')) {
    const place = path.join('/var', file);
    expect(labelOf(path.join(state, file)), place).toBe(expected(place, kindOf(path.join(state, file))));
  }
  expect(expected('/var/lib/dhcp', 'directory')).not.toBe(expected('/var/lib', 'directory'));
  expect(labelOf(path.join(state, 'lib/own'))).toBe(foreign);
  fs.writeFileSync(path.join(state, 'lib/later'), 'x');
  await deploy(root);
  expect(labelOf(path.join(state, 'lib/later'))).toBe('');
});
