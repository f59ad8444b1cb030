/** What the roots that other tests run programs in have of this machine: not the configuration of its ostree-prepare-root. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { runOnMachine } from './machine-overlay.ts';
import { runInScratch } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

const PROGRAM = '/lib/ostree/ostree-prepare-root';
const READONLY = '[sysroot]\nreadonly = true\n';

const usr = fs.mkdtempSync(path.join(os.tmpdir(), 'scratch-usr-'));
const sysroot = makeSyntheticSysroot();
afterAll(() => {
  for (const folder of [usr, sysroot]) fs.rmSync(folder, { recursive: true, force: true });
});

/** Of a boot where `/usr` of the machine has a configuration. */
function planned(files: Readonly<Record<string, string>>): string {
  fs.mkdirSync(path.dirname(usr + PROGRAM), { recursive: true });
  fs.copyFileSync(compactPrepareRoot(), usr + PROGRAM);
  fs.writeFileSync(`${usr}/lib/ostree/prepare-root.conf`, READONLY);
  const runs = [[`/usr${PROGRAM}`, '--print-plan', '/sysroot']];
  const {
    runs: [run],
  } = runInScratch({ usr, sysroot, cmdline: OSTREE_ARGUMENT, files, runs });
  return run?.stdout ?? '';
}

test('a scratch initramfs has the prepare-root.conf that a test gives it, and no other', () => {
  const line = '\nremount /sysroot/sysroot read-only\n';
  expect(planned({})).toContain('\nmove /sysroot.tmp to /sysroot\n');
  expect(planned({})).not.toContain(line);
  expect(planned({ '/usr/lib/ostree/prepare-root.conf': READONLY })).toContain(line);
  expect(fs.readFileSync(`${usr}/lib/ostree/prepare-root.conf`, 'utf8')).toBe(READONLY);
});

test('nor has the machine on which images are made', () => {
  const machine = fs.mkdtempSync(path.join(os.tmpdir(), 'machine-'));
  try {
    for (const name of ['usr', 'bin', 'lib', 'lib64', 'proc', 'dev', 'sys', 'run', 'tmp', 'etc/ostree'])
      fs.mkdirSync(path.join(machine, name), { recursive: true });
    fs.writeFileSync(path.join(machine, 'etc/ostree/prepare-root.conf'), READONLY);
    fs.mkdirSync(path.join(machine, 'usr/lib/ostree'), { recursive: true });
    fs.writeFileSync(path.join(machine, 'usr/lib/ostree/prepare-root.conf'), READONLY);
    const binds = { '/bin': '/usr/bin', '/lib': '/usr/lib', '/lib64': '/usr/lib64' };
    const script =
      'cd /; for file in usr/lib/ostree etc/ostree; do ls $file/prepare-root.conf || echo none; done';
    const { stdout } = runOnMachine({ machine, trees: [], binds, script });
    expect(stdout).toBe('none\nnone\n');
  } finally {
    fs.rmSync(machine, { recursive: true });
  }
});
