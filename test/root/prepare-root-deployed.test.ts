/** A sysroot that the C ostree deployed, entered through our prepare-root: the C ostree inside finds itself booted. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { enterDeployment } from './enter-deployment.ts';
import { copyWithLibraries } from './synthetic-sysroot.ts';

const PROGRAMS = ['/bin/sh', '/usr/bin/ostree', '/usr/bin/touch'];
const REF = 'test/x86_64/tree';

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'deployed-'));
  deploy(path.join(folder, 'sysroot'), makeTree(path.join(folder, 'tree')));
});
// Deployments are immutable.
afterAll(() => loadSyscalls().removeTree(AT_FDCWD, folder));

test('it is the booted one, with /usr read-only and /var of the stateroot', () => {
  const sysroot = path.join(folder, 'sysroot');
  const options = bootOptions(sysroot);
  const status = enterDeployment(sysroot, options, ['/usr/bin/ostree', 'admin', 'status']);
  expect(status).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\* os [0-9a-f]{64}\.0\n/) as string,
  });
  expect(enterDeployment(sysroot, options, ['/usr/bin/touch', '/usr/x']).stderr).toContain(
    'Read-only file system',
  );
  expect(enterDeployment(sysroot, options, ['/bin/sh', '-c', 'echo kept > /var/kept'])).toMatchObject({
    status: 0,
  });
  expect(fs.readFileSync(`${sysroot}/ostree/deploy/os/var/kept`, 'utf8')).toBe('kept\n');
  expect(ostree('fsck', `--repo=${sysroot}/ostree/repo`)).toContain('object fsck of 1 commits');
});

/** A merged /usr with a kernel, a few programs and nothing else. */
function makeTree(tree: string): string {
  for (const name of ['usr/bin', 'usr/lib/modules/6.1.0', 'usr/lib64', 'usr/etc', 'var', 'sysroot', 'boot'])
    fs.mkdirSync(`${tree}/${name}`, { recursive: true });
  for (const name of ['proc', 'dev', 'run', 'tmp']) fs.mkdirSync(`${tree}/${name}`);
  for (const name of ['bin', 'lib', 'lib64']) fs.symlinkSync(`usr/${name}`, `${tree}/${name}`);
  fs.symlinkSync('sysroot/ostree', `${tree}/ostree`);
  fs.writeFileSync(`${tree}/usr/lib/os-release`, 'NAME=test\nID=test\nVERSION_ID=1\n');
  for (const name of ['vmlinuz', 'initramfs.img'])
    fs.writeFileSync(`${tree}/usr/lib/modules/6.1.0/${name}`, name);
  PROGRAMS.forEach((program) => copyWithLibraries(program, tree));
  return tree;
}

function deploy(sysroot: string, tree: string): void {
  fs.mkdirSync(sysroot);
  ostree('admin', 'init-fs', '--modern', sysroot);
  ostree('admin', 'os-init', `--sysroot=${sysroot}`, 'os');
  ostree('commit', `--repo=${sysroot}/ostree/repo`, `--branch=${REF}`, `--tree=dir=${tree}`);
  ostree('admin', 'deploy', `--sysroot=${sysroot}`, '--os=os', '--karg=quiet', REF);
}

function bootOptions(sysroot: string): string {
  const entries = `${sysroot}/boot/loader/entries`;
  const entry = fs.readFileSync(`${entries}/${fs.readdirSync(entries)[0]}`, 'utf8');
  return /^options (.*)$/m.exec(entry)?.[1] ?? '';
}

function ostree(...args: string[]): string {
  return execFileSync('/usr/bin/ostree', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
