/** `yum-ostree-boot` on sysroots that the C ostree made, beside the C ostree, and for other machines under qemu-user. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ARCHITECTURES,
  board as runBoard,
  copyOf,
  everything,
  listed,
  makePattern,
  type Pattern,
} from './board-program.ts';
import { makeScratch, ourAdmin, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

let scratch: string;
let pattern: Pattern;
beforeAll(() => {
  scratch = makeScratch();
  pattern = makePattern(scratch);
});
afterAll(() => {
  removeScratch(scratch);
});

describe.for(ARCHITECTURES)('%s', (architecture) => {
  const board = (sysroot: string, args: readonly string[]) => runBoard(architecture, sysroot, args);
  const copyOfPattern = (name: string): string => copyOf(pattern.sysroot, name);

  function done(sysroot: string, args: readonly string[]): string {
    const { status, stdout, stderr } = board(sysroot, args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  }

  test('status is that of ostree, as text and as JSON', async () => {
    expect(done(pattern.sysroot, ['status'])).toBe(theirAdmin(pattern.sysroot, ['status']));
    const json = done(pattern.sysroot, ['status', '--json']);
    expect(json).toBe(await ourAdmin(pattern.sysroot, ['status', '--json']));
    const { deployments } = JSON.parse(json) as { deployments: readonly object[] };
    // Nothing of it runs: nothing is what was booted before.
    const common = {
      pending: false,
      rollback: false,
      'finalization-locked': false,
      'soft-reboot-target': false,
    };
    expect(deployments).toMatchObject([
      { checksum: pattern.commits[1], version: '2', refspec: 'os/2', ...common },
      { checksum: pattern.commits[0], version: '1', refspec: 'os/1', ...common },
    ]);
  });

  test('the counter in an entry changes no word of that', async () => {
    const sysroot = copyOfPattern(`counter-${architecture}`);
    const entries = `${sysroot}/boot/loader/entries`;
    const [entry = ''] = fs.readdirSync(entries).sort().reverse();
    fs.renameSync(`${entries}/${entry}`, `${entries}/${entry.replace('.conf', '+3.conf')}`);
    const text = done(sysroot, ['status']);
    expect(text).toContain(pattern.commits[1]);
    expect(text).toBe(await ourAdmin(sysroot, ['status']));
    expect(done(sysroot, ['status', '--json'])).toBe(await ourAdmin(sysroot, ['status', '--json']));
  });

  test('set-default and rollback change what boots next', () => {
    const sysroot = copyOfPattern(`order-${architecture}`);
    const [first, second] = pattern.commits;
    expect(listed(sysroot)).toEqual([second, first]);
    done(sysroot, ['set-default', '1']);
    expect(listed(sysroot)).toEqual([first, second]);
    expect(done(sysroot, ['rollback'])).toContain(`${second}.0 boots next\n`);
    expect(listed(sysroot)).toEqual([second, first]);
    expect(run('/usr/bin/ostree', ['fsck', `--repo=${sysroot}/ostree/repo`])).toContain('no errors found');
    const entries = fs.readdirSync(`${sysroot}/boot/loader/entries`);
    expect(entries).toEqual(fs.readdirSync(`${pattern.sysroot}/boot/loader/entries`));
  });

  test('an entry of somebody else is taken along with each list', () => {
    const sysroot = copyOfPattern(`foreign-${architecture}`);
    const file = `${sysroot}/boot/loader/entries/other-system.conf`;
    const text = 'title Other\nlinux /other\n# by hand\n';
    fs.writeFileSync(file, text, { mode: 0o600 });
    done(sysroot, ['set-default', '1']);
    done(sysroot, ['kargs', '--append=a']);
    expect(fs.readFileSync(file, 'utf8')).toBe(text);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(listed(sysroot)).toHaveLength(2);
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

  test('a quote without its other half, which ostree takes, is read as ostree reads it', () => {
    const sysroot = copyOfPattern(`quote-${architecture}`);
    theirAdmin(sysroot, ['deploy', '--os=testos', '--karg=x=a"b', 'os/2']);
    expect(done(sysroot, ['fsck-boot'])).toBe('');
    expect(done(sysroot, ['kargs'])).toBe('root=LABEL=x x=a"b\n');
    done(sysroot, ['kargs', '--append=quiet']);
    expect(theirAdmin(sysroot, ['status'])).toBe(done(sysroot, ['status']).replace(' (rollback)', ''));
    done(sysroot, ['kargs', '--delete=x=a"b']);
    expect(done(sysroot, ['kargs'])).toBe('root=LABEL=x quiet\n');
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
    expect(said).toContain(`removed deployment ostree/deploy/testos/deploy/${pattern.commits[0]}.0\n`);
    expect(listed(ours)).toEqual([pattern.commits[1]]);
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
    for (const [edit, told] of [
      ['--replace=root=a"b', `the kernel argument 'root=a"b' has a double quote without its other half`],
      ['--append=a\nb', 'has a line end in it'],
      ['--append=x="a ostree=/b"', "has the word 'ostree=' in it"],
      ['--append=ostree=/foo', "the kernel argument 'ostree=/foo' is not to be changed"],
      ['--replace=ostree=/foo', "the kernel argument 'ostree=/foo' is not to be changed"],
      ['--delete=ostree', "the kernel argument 'ostree' is not to be changed"],
      ['--append=', 'a kernel argument is empty'],
    ] as const) {
      const { status, stderr } = board(sysroot, ['kargs', edit]);
      expect(status, edit).toBeGreaterThan(0);
      expect(stderr).toContain(told);
    }
    expect(board(sysroot, ['frobnicate']).status).toBe(2);
    expect(everything(sysroot)).toEqual(before);
    expect(board('/nonexistent', ['status'])).toMatchObject({ status: 1, stdout: '' });
  });
});
