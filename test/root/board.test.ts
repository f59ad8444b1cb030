/** `yum-ostree-boot` on sysroots that the C ostree made, beside the C ostree, and for other machines under qemu-user. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compactProgram, type Architecture } from '#test/fixtures/compact-program.ts';
import {
  commitTree,
  makeScratch,
  removeScratch,
  run,
  snapshot,
  theirAdmin,
  type Output,
} from './sysroot-fixture.ts';

/** ostree 2022.7 knows only these file names of boot entries. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', OSTREE_SYSROOT_OPTS: 'bootloader-naming-1' };
const EMULATORS: Readonly<Record<Architecture, readonly string[]>> = {
  'x86-64': [],
  aarch64: ['/usr/bin/qemu-aarch64'],
  armv7: ['/usr/bin/qemu-arm'],
};

let scratch: string;
let commits: readonly string[];
/** With two deployments: what is copied for each test. */
let pattern: string;

beforeAll(() => {
  scratch = makeScratch();
  pattern = path.join(scratch, 'pattern');
  fs.mkdirSync(pattern);
  theirAdmin(pattern, ['init-fs', '--modern', pattern]);
  theirAdmin(pattern, ['os-init', 'testos']);
  const repo = `${pattern}/ostree/repo`;
  const commit = (ref: string, kernel: string): string =>
    commitTree(repo, ref, { version: ref.slice(-1), kernel, files: { 'usr/bin/tool': ref } });
  commits = [commit('os/1', 'kernel'), commit('os/2', 'another kernel')];
  theirAdmin(pattern, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'os/1']);
  theirAdmin(pattern, ['deploy', '--os=testos', '--retain', 'os/2']);
});
afterAll(() => {
  removeScratch(scratch);
});

function copyOfPattern(name: string): string {
  const copy = path.join(scratch, name);
  run('cp', ['-a', pattern, copy]);
  return copy;
}

/** `ostree admin status` of the C implementation: the commits in the order of the menu. */
function listed(sysroot: string): string[] {
  return [...theirAdmin(sysroot, ['status']).matchAll(/ testos ([0-9a-f]{64})\.\d/g)].map(
    ([, checksum]) => checksum ?? '',
  );
}

function everything(sysroot: string): string[] {
  const folders = ['boot', 'ostree/deploy', 'ostree/repo/objects', 'ostree/repo/refs'];
  const links = ['0', '0.0', '0.1', '1', '1.0', '1.1'].map((name) => `ostree/boot.${name}`);
  // The stamp of the C program's labelling, and empty parents of the other boot version's refs.
  const parents = ['0', '1', '0/0', '0/1', '1/0', '1/1'].map((name) => `refs/heads/ostree/${name} `);
  return snapshot(sysroot, [...folders, ...links], ['.ostree-selabeled', ...parents]);
}

describe.for(Object.keys(EMULATORS) as Architecture[])('%s', (architecture) => {
  const program = compactProgram('yum-ostree-boot', architecture);

  function board(sysroot: string, args: readonly string[]): Output {
    const [file = '', ...words] = [...EMULATORS[architecture], program, ...args];
    const env = { ...ENVIRONMENT, OSTREE_SYSROOT: sysroot };
    const { status, stdout, stderr } = spawnSync(file, words, { encoding: 'utf8', env });
    return { status: status ?? -1, stdout, stderr };
  }

  function done(sysroot: string, args: readonly string[]): string {
    const { status, stdout, stderr } = board(sysroot, args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  }

  test('status is that of ostree', () => {
    const marked = done(pattern, ['status']);
    expect(marked.replace(' (rollback)', '')).toBe(theirAdmin(pattern, ['status']));
    const { deployments } = JSON.parse(done(pattern, ['status', '--json'])) as {
      deployments: readonly Readonly<Record<string, unknown>>[];
    };
    expect(deployments).toMatchObject([
      { checksum: commits[1], version: '2', refspec: 'os/2', rollback: false },
      { checksum: commits[0], version: '1', refspec: 'os/1', rollback: true },
    ]);
  });

  test('set-default and rollback change what boots next', () => {
    const sysroot = copyOfPattern(`order-${architecture}`);
    const [first = '', second = ''] = commits;
    expect(listed(sysroot)).toEqual([second, first]);
    done(sysroot, ['set-default', '1']);
    expect(listed(sysroot)).toEqual([first, second]);
    expect(done(sysroot, ['rollback'])).toContain(`${second}.0 boots next\n`);
    expect(listed(sysroot)).toEqual([second, first]);
    expect(run('/usr/bin/ostree', ['fsck', `--repo=${sysroot}/ostree/repo`])).toContain('no errors found');
    const entries = fs.readdirSync(`${sysroot}/boot/loader/entries`);
    expect(entries).toEqual(fs.readdirSync(`${pattern}/boot/loader/entries`));
  });

  test('kargs leaves what instutil set-kargs of ostree leaves', () => {
    const [ours, theirs] = [`kargs-${architecture}`, `kargs-theirs-${architecture}`].map(copyOfPattern);
    if (ours === undefined || theirs === undefined) return;
    const edits = ['--replace=root=LABEL=y', '--append=console=a', '--append=quiet'];
    done(ours, ['kargs', ...edits]);
    theirAdmin(theirs, ['instutil', 'set-kargs', '--merge', ...edits]);
    expect(everything(ours)).toEqual(everything(theirs));
    expect(done(ours, ['kargs'])).toBe('root=LABEL=y console=a quiet\n');
    done(ours, [
      'kargs',
      '--delete=console=a',
      '--delete-if-present',
      'nothing',
      '--append-if-missing=quiet',
    ]);
    expect(done(ours, ['kargs'])).toBe('root=LABEL=y quiet\n');
    expect(done(ours, ['kargs', '--deployment', '1'])).toBe('root=LABEL=x\n');
  });

  test('cleanup leaves what that of ostree leaves', () => {
    const [ours, theirs] = [`cleanup-${architecture}`, `cleanup-theirs-${architecture}`].map(copyOfPattern);
    if (ours === undefined || theirs === undefined) return;
    for (const sysroot of [ours, theirs]) {
      // As if a run had been broken off: a deployment that no boot entry names, and refs that are gone.
      fs.rmSync(`${sysroot}/boot/loader/entries/ostree-1-testos.conf`);
      for (const ref of ['os/1', 'ostree/0/1/1'])
        run('/usr/bin/ostree', ['refs', `--repo=${sysroot}/ostree/repo`, '--delete', ref]);
    }
    const said = done(ours, ['cleanup']);
    theirAdmin(theirs, ['cleanup']);
    expect(said).toContain(`removed deployment ostree/deploy/testos/deploy/${commits[0] ?? ''}.0\n`);
    expect(listed(ours)).toEqual([commits[1]]);
    expect(everything(ours)).toEqual(everything(theirs));
    expect(done(ours, ['cleanup'])).toBe('');
  });

  test('what cannot be done is one error, and changes nothing', () => {
    const sysroot = copyOfPattern(`errors-${architecture}`);
    const before = everything(sysroot);
    expect(board(sysroot, ['set-default', '7'])).toMatchObject({
      status: 2,
      stderr: `error: there is no deployment 7\nhint: they are numbered from 0 to 1; 'yum-ostree-boot status' lists them\n`,
    });
    expect(board(sysroot, ['kargs', '--delete=nothing'])).toMatchObject({
      status: 1,
      stderr: "error: No key 'nothing' found\n",
    });
    expect(board(sysroot, ['frobnicate']).status).toBe(2);
    expect(everything(sysroot)).toEqual(before);
    expect(board('/nonexistent', ['status'])).toMatchObject({ status: 1, stdout: '' });
  });
});
