/** `yum-ostree-boot` in a deployment that our prepare-root made the root, with a read-only /sysroot. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compactProgram } from '#test/fixtures/compact-program.ts';
import { enterDeployment } from './enter-deployment.ts';
import type { ProgramResult } from './scratch-initramfs.ts';
import { makeScratch, removeScratch, run, theirAdmin, writeFile } from './sysroot-fixture.ts';
import { copyWithLibraries } from './synthetic-sysroot.ts';

const REF = 'test/x86_64/tree';
const PROGRAMS = ['/bin/sh', '/usr/bin/touch', '/usr/bin/env'];
/** What grub2-mkconfig would make; here what it was told. */
const MKCONFIG = `#!/bin/sh
echo "$1 version $_OSTREE_GRUB2_BOOTVERSION, $(env | grep -c ^PATH=) PATH" > "$2"
`;

let scratch: string;
let sysroot: string;
beforeAll(() => {
  scratch = makeScratch();
  sysroot = path.join(scratch, 'sysroot');
  const tree = makeTree(path.join(scratch, 'tree'));
  fs.mkdirSync(sysroot);
  theirAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  theirAdmin(sysroot, ['os-init', 'os']);
  const repo = `--repo=${sysroot}/ostree/repo`;
  run('/usr/bin/ostree', ['config', repo, 'set', 'sysroot.readonly', 'true']);
  run('/usr/bin/ostree', ['commit', repo, `--branch=${REF}`, `--tree=dir=${tree}`]);
  theirAdmin(sysroot, ['deploy', '--os=os', '--karg=quiet', REF]);
  writeFile(path.join(sysroot, 'boot/grub2/grub.cfg'), '');
});
afterAll(() => {
  removeScratch(scratch);
});

function makeTree(tree: string): string {
  for (const name of ['usr/lib64', 'usr/etc', 'proc', 'dev', 'run', 'tmp', 'var', 'sysroot', 'boot'])
    fs.mkdirSync(`${tree}/${name}`, { recursive: true });
  fs.mkdirSync(`${tree}/usr/bin`);
  fs.mkdirSync(`${tree}/usr/lib`);
  for (const name of ['bin', 'lib', 'lib64']) fs.symlinkSync(`usr/${name}`, `${tree}/${name}`);
  fs.symlinkSync('sysroot/ostree', `${tree}/ostree`);
  writeFile(`${tree}/usr/lib/os-release`, 'NAME=test\nID=test\nVERSION_ID=1\n');
  for (const name of ['vmlinuz', 'initramfs.img']) writeFile(`${tree}/usr/lib/modules/6.1.0/${name}`, name);
  PROGRAMS.forEach((program) => copyWithLibraries(program, tree));
  copyWithLibraries('/usr/bin/grep', tree);
  fs.copyFileSync(compactProgram('yum-ostree-boot'), `${tree}/usr/bin/yum-ostree-boot`);
  writeFile(`${tree}/usr/bin/grub2-mkconfig`, MKCONFIG);
  fs.chmodSync(`${tree}/usr/bin/grub2-mkconfig`, 0o755);
  return tree;
}

/** In the deployment that boots by default. */
function inside(script: string): ProgramResult {
  const [entry = ''] = fs.globSync(`${sysroot}/boot/loader/entries/*.conf`);
  const [, options = ''] = /^options (.*)$/m.exec(fs.readFileSync(entry, 'utf8')) ?? [];
  return enterDeployment(sysroot, options, ['/bin/sh', '-c', script]);
}

test('the running deployment is marked', () => {
  expect(inside('yum-ostree-boot status')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      /^\* os [0-9a-f]{64}\.0\n {4}origin refspec: test\/x86_64\/tree\n$/,
    ) as string,
    stderr: '',
  });
});

test('a read-only /sysroot is writable for the program alone, and GRUB has its own program', () => {
  expect(inside('touch /sysroot/x').stderr).toContain('Read-only file system');
  const done = inside('yum-ostree-boot kargs --append=console=a; echo $?; touch /sysroot/x');
  expect(done.stdout).toBe(
    'Transaction complete; bootconfig swap: yes; bootversion: boot.0.1, deployment count change: 0\n0\n',
  );
  expect(done.stderr).toContain('Read-only file system');
  expect(inside('yum-ostree-boot kargs').stdout).toBe('quiet console=a\n');
  expect(fs.readFileSync(`${sysroot}/boot/loader/grub.cfg`, 'utf8')).toBe('-o version 0, 1 PATH\n');
});

test('a grub2-mkconfig that fails leaves the old menu', () => {
  const done = inside('OSTREE_GRUB2_EXEC=touch yum-ostree-boot kargs --append=lost');
  expect(done).toMatchObject({ status: 1, stdout: '' });
  expect(done.stderr).toContain('touch -o /boot/loader.1/grub.cfg failed (exit code 1)');
  expect(inside('yum-ostree-boot kargs; yum-ostree-boot fsck-boot').stdout).toBe('quiet console=a\n');
});

test('there is nothing to roll back to', () => {
  expect(inside('yum-ostree-boot rollback')).toMatchObject({
    status: 1,
    stderr:
      "error: there is no previous deployment to go back to\nhint: 'yum-ostree-boot status' lists the deployments\n",
  });
});
