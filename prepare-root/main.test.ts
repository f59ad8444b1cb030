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

describe('what cannot be booted is told with what to do', () => {
  const told = (argument: string): string => printPlan(sysroot, argument).stderr;

  test('another link', () => {
    expect(told('ostree=/ostree/boot.0/os/x/0')).toBe(
      `ostree-prepare-root: Couldn't find specified OSTree root '${sysroot}//ostree/boot.0/os/x/0': No such file or directory\n` +
        'hint: there are: /ostree/boot.1/os/bbbb/0\n',
    );
  });

  test('no links at all, no ostree at all', () => {
    fs.unlinkSync(`${sysroot}/ostree/boot.1`);
    expect(told(OSTREE_ARGUMENT)).toContain('holds no boot links: no deployment was ever finished there');
    fs.rmSync(`${sysroot}/ostree`, { recursive: true });
    expect(told(OSTREE_ARGUMENT)).toContain(
      "has no /ostree: it is another file system, or not mounted yet (see 'root=')",
    );
  });

  test('a link to what is gone', () => {
    fs.rmSync(sysroot + DEPLOYMENT, { recursive: true });
    expect(told(OSTREE_ARGUMENT)).toMatch(
      /realpath\(.*\/0\) failed: No such file or directory\nhint: the link reads '\.\.\//,
    );
  });

  test('a link that leads out of the sysroot, or to a file', () => {
    const link = `${sysroot}/ostree/boot.1.1/os/bbbb/0`;
    fs.unlinkSync(link);
    fs.symlinkSync('/usr', link);
    expect(told(OSTREE_ARGUMENT)).toContain(`leads out of ${sysroot}, to /usr\n`);
    fs.unlinkSync(link);
    fs.symlinkSync('../../../repo/config', link);
    expect(told(OSTREE_ARGUMENT)).toContain('does not lead to a directory');
  });

  test('the console stays one line, whatever the command line holds', () => {
    expect(told('ostree=\u001b[2Jx\u0007')).toContain("OSTree root '" + sysroot + "/?[2Jx?'");
  });

  test('no SYSROOT, and the machine itself', () => {
    expect(printPlan()).toMatchObject({ status: 1, stderr: expect.stringContaining('usage: ') as string });
    expect(printPlan('/nonexistent', OSTREE_ARGUMENT).stderr).toContain(
      'realpath("/nonexistent"): No such file or directory',
    );
  });
});
