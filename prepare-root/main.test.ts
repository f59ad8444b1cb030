import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import { main } from '#prepare-root/main.ts';
import { DEPLOYMENT, makeSyntheticSysroot, OSTREE_ARGUMENT } from '#test/root/synthetic-sysroot.ts';

interface Printed {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Prints the plan only: nothing is changed, and it needs no root. */
function printPlan(...argv: readonly string[]): Printed {
  const printed = { 1: '', 2: '' };
  const sys = Object.assign(Object.create(loadSyscalls()) as ReturnType<typeof loadSyscalls>, {
    write: (fd: 1 | 2, text: string) => void (printed[fd] += text),
  });
  return { status: main(['--print-plan', ...argv], sys), stdout: printed[1], stderr: printed[2] };
}

let sysroot = '';
beforeEach(() => (sysroot = makeSyntheticSysroot({ legacyReadonly: true })));
afterEach(() => fs.rmSync(sysroot, { recursive: true }));

describe('--print-plan', () => {
  test('of a sysroot that is mounted anywhere', () => {
    const { status, stdout } = printPlan(sysroot, OSTREE_ARGUMENT);
    expect(status).toBe(0);
    expect(stdout).toContain(`bind ${sysroot}${DEPLOYMENT} on /sysroot.tmp\n`);
    expect(stdout).toContain(`remount ${sysroot}/sysroot read-only\n`);
  });

  test('with another configuration', () => {
    const config = `${sysroot}/prepare-root.conf`;
    fs.writeFileSync(config, '[yum-ostree]\nmount-var=true\n');
    expect(printPlan(sysroot, OSTREE_ARGUMENT, '--config', config).stdout).toContain(
      '/sysroot.tmp/var shared\n',
    );
    expect(printPlan(sysroot, OSTREE_ARGUMENT, '--config', '/nonexistent')).toMatchObject({
      status: 1,
      stderr: 'ostree-prepare-root: Failed to parse config: /nonexistent: No such file or directory\n',
    });
  });
});

const BOOTCSUM = 'b'.repeat(64);

/** A second deployment with its link, for the same kernel. */
function addDeployment(serial: number, bootcsum = 'bbbb'): string {
  const deployment = `/ostree/deploy/os/deploy/cccc.${serial}`;
  for (const name of ['usr/etc', 'etc', 'sysroot', 'var'])
    fs.mkdirSync(`${sysroot}${deployment}/${name}`, { recursive: true });
  fs.mkdirSync(`${sysroot}/ostree/boot.1.1/os/${bootcsum}`, { recursive: true });
  fs.symlinkSync(
    `../../../deploy/os/deploy/cccc.${serial}`,
    `${sysroot}/ostree/boot.1.1/os/${bootcsum}/${serial}`,
  );
  return deployment;
}

const LINK = (): string => `${sysroot}/ostree/boot.1.1/os/bbbb/0`;

/** Makes the link lead elsewhere. */
function relink(target: string): void {
  fs.unlinkSync(LINK());
  fs.symlinkSync(target, LINK());
}

describe('what cannot be booted is told with what to do', () => {
  const told = (argument: string): string =>
    printPlan(sysroot, argument).stderr.replaceAll(sysroot, '/sysroot');

  test('another link', () => {
    addDeployment(1, BOOTCSUM);
    expect(told('root=LABEL=x ostree=/ostree/boot.0/os/bbbb/0')).toMatchInlineSnapshot(`
      "ostree-prepare-root: Couldn't find specified OSTree root '/sysroot//ostree/boot.0/os/bbbb/0': No such file or directory
      asked  ostree=/ostree/boot.0/os/bbbb/0
             root=LABEL=x
      there  /sysroot has an /ostree
             2 boot links:
               boot.1/os/bbbb/0 -> os aaaa.0
               boot.1/os/bbbbbbbbbbbb../1 -> os cccc.1
      cause  stale boot link: this kernel is there, but under another name. The boot
             entry is older or newer than the root.
      try    another entry of the boot menu; or add to the kernel command line
               ostree.prepare-root.fallback=1
             or, in place of the ostree= word that is there:
      ostree=/ostree/boot.1/os/bbbb/0
      "
    `);
  });

  test('no links at all, no ostree at all', () => {
    fs.unlinkSync(`${sysroot}/ostree/boot.1`);
    expect(told(OSTREE_ARGUMENT)).toMatchInlineSnapshot(`
      "ostree-prepare-root: Couldn't find specified OSTree root '/sysroot//ostree/boot.1/os/bbbb/0': No such file or directory
      asked  ostree=/ostree/boot.1/os/bbbb/0
             no root= word
      there  /sysroot has an /ostree
             no boot links (/ostree/boot.0, /ostree/boot.1)
             1 deployment without boot link:
               os aaaa.0
      cause  the boot links are gone: the last update of the boot entries was cut
             short, or they were removed.
      try    another entry of the boot menu, or a rescue system to deploy again.
      "
    `);
    fs.rmSync(`${sysroot}/ostree`, { recursive: true });
    expect(told(OSTREE_ARGUMENT)).toContain('nothing is mounted at');
  });

  test('a link to what is gone', () => {
    fs.rmSync(sysroot + DEPLOYMENT, { recursive: true });
    expect(told(OSTREE_ARGUMENT)).toContain(
      'the deployment it leads to was removed: the boot\n       entry is stale.',
    );
  });

  test('a link to a file, to the sysroot, to itself', () => {
    relink('../../../repo/config');
    expect(told(OSTREE_ARGUMENT)).toContain('OSTree target does not lead to a directory: ');
    relink('../../../../../../../..');
    expect(told(OSTREE_ARGUMENT)).toContain('OSTree target leads to the physical root itself: ');
    relink('0');
    expect(told(OSTREE_ARGUMENT)).toContain(
      'realpath(/sysroot//ostree/boot.1/os/bbbb/0) failed: Too many levels of symbolic links\n',
    );
  });

  test('no ostree= word, and one that leads out', () => {
    expect(told('root=x')).toContain('the boot entry that was started is not of ostree.');
    expect(told('ostree=/../../etc/mtab')).toContain(
      "Couldn't find specified OSTree root '/sysroot//../../etc/mtab': No such file",
    );
  });

  test('the console stays one line of bounded length, whatever the command line holds', () => {
    expect(told('ostree=\u001b[2Jx\u0007')).toContain("OSTree root '/sysroot/?[2Jx?'");
    for (const line of told(`ostree=/${'x/'.repeat(3000)} root=\u001b]0;`).split('\n'))
      expect(line.length).toBeLessThan(420);
  });

  test('sixty deployments fit a console', () => {
    for (let serial = 1; serial < 60; serial++) addDeployment(serial, BOOTCSUM);
    const lines = told(`ostree=/ostree/boot.0/os/${BOOTCSUM}/0`).split('\n').slice(1);
    expect(lines.length).toBeLessThan(25);
    expect(lines.filter((line) => line.length > 79)).toEqual([
      expect.stringContaining(`ostree=/ostree/boot.1/os/${BOOTCSUM}/`),
    ]);
    expect(lines).toContain('         and 55 more');
  });

  test('no SYSROOT, an option that is none, and a place that is none', () => {
    expect(printPlan()).toMatchObject({ status: 1, stderr: expect.stringContaining('usage: ') as string });
    expect(printPlan('--dry-run', sysroot).stderr).toContain("unknown option '--dry-run'; usage: ");
    expect(printPlan('/nonexistent', OSTREE_ARGUMENT).stderr).toContain(
      'realpath("/nonexistent"): No such file or directory',
    );
  });
});

describe('a link stays inside the sysroot', () => {
  test.for([`../../../../../../../../../../../..${DEPLOYMENT}`, DEPLOYMENT])('%s', (target) => {
    relink(target);
    expect(printPlan(sysroot, OSTREE_ARGUMENT).stdout).toContain(
      `bind ${sysroot}${DEPLOYMENT} on /sysroot.tmp\n`,
    );
  });
});

describe('a deployment with a link where a mount belongs is refused', () => {
  test.for(['usr', 'etc', 'sysroot'])('%s', (name) => {
    fs.rmSync(`${sysroot}${DEPLOYMENT}/${name}`, { recursive: true });
    fs.symlinkSync('/tmp', `${sysroot}${DEPLOYMENT}/${name}`);
    expect(printPlan(sysroot, OSTREE_ARGUMENT)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`is broken: its /${name} is a symbolic link\n`) as string,
    });
  });

  test('the stateroot’s /var', () => {
    fs.rmdirSync(`${sysroot}/ostree/deploy/os/var`);
    fs.symlinkSync('/tmp', `${sysroot}/ostree/deploy/os/var`);
    expect(printPlan(sysroot, OSTREE_ARGUMENT).stderr).toContain(
      '/ostree/deploy/os/var is a symbolic link\n',
    );
  });
});

describe('fallback', () => {
  const FALLBACK = `${OSTREE_ARGUMENT} ostree.prepare-root.fallback=1`;

  test('is loud, and leaves a record', () => {
    const other = addDeployment(1);
    fs.rmSync(sysroot + DEPLOYMENT, { recursive: true });
    const { status, stdout, stderr } = printPlan(sysroot, FALLBACK);
    expect(status).toBe(0);
    expect(stdout).toContain(`bind ${sysroot}${other} on /sysroot.tmp\n`);
    expect(stdout).toContain('write /run/ostree/fallback (');
    expect(stderr.replaceAll(sysroot, '/sysroot')).toMatchInlineSnapshot(`
      "*******************************************************************************
      FALLBACK: the deployment that was asked for cannot be booted.
      asked:   ostree=/ostree/boot.1/os/bbbb/0
      reason:  realpath(/sysroot//ostree/boot.1/os/bbbb/0) failed: No such file or directory
      booting: ostree=/ostree/boot.1/os/bbbb/1
               (the same kernel)
      *******************************************************************************
      "
    `);
  });

  test('is not taken unasked, nor where the asked one can be booted', () => {
    addDeployment(1);
    expect(printPlan(sysroot, FALLBACK)).toMatchObject({ status: 0, stderr: '' });
    fs.rmSync(sysroot + DEPLOYMENT, { recursive: true });
    expect(printPlan(sysroot, OSTREE_ARGUMENT)).toMatchObject({ status: 1, stdout: '' });
  });

  test('prefers the same kernel, and passes over what is broken too', () => {
    addDeployment(0, 'aaaa');
    const broken = addDeployment(1);
    const sound = addDeployment(2);
    fs.rmSync(`${sysroot}${broken}/usr`, { recursive: true });
    fs.rmSync(`${sysroot}${DEPLOYMENT}/usr`, { recursive: true });
    expect(printPlan(sysroot, FALLBACK).stdout).toContain(`bind ${sysroot}${sound} on /sysroot.tmp\n`);
  });

  test('of nothing that can be booted tells what was asked for', () => {
    fs.rmSync(`${sysroot}${DEPLOYMENT}/usr`, { recursive: true });
    expect(printPlan(sysroot, FALLBACK).stderr).toContain('is broken: its /usr is missing\n');
  });
});
