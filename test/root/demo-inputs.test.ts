import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INPUTS_DIRECTORY, prepareInputs, type DemoInputs } from '#test/fixtures/demo-inputs.ts';
import { repositoryFile } from '#test/fixtures/own-packages.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-inputs-'));
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: scratch },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

let inputs: DemoInputs;
beforeAll(async () => {
  inputs = await prepareInputs({ directory: INPUTS_DIRECTORY, report: () => undefined });
});
afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

describe('the repository', () => {
  it('has packages that rpm verifies with the key, and not without it', () => {
    const key = path.join(scratch, 'key.asc');
    fs.writeFileSync(key, inputs.repository.key.armoured);
    const packages = path.join(inputs.repository.path, 'Packages');
    const files = fs.readdirSync(packages).map((name) => path.join(packages, name));
    const check = (dbpath: string) => spawnSync('rpmkeys', [`--dbpath=${dbpath}`, '--checksig', ...files]);
    run('rpmkeys', `--dbpath=${scratch}/trusting`, '--import', key);
    const trusted = check(`${scratch}/trusting`);
    expect(trusted.stdout.toString().trim().split('\n')).toHaveLength(files.length);
    expect(trusted.status).toBe(0);
    expect(check(`${scratch}/empty`).status).not.toBe(0);
  });

  it('has metadata that gpg verifies', () => {
    const repomd = path.join(inputs.repository.path, 'repodata/repomd.xml');
    run('gpg', '--homedir', inputs.repository.key.home, '--verify', `${repomd}.asc`, repomd);
  });

  it('has a group that dnf installs on the base with all it needs, without optional members', () => {
    const root = path.join(scratch, 'root');
    const rpmdb = path.join(root, 'usr/share/rpm');
    fs.mkdirSync(rpmdb, { recursive: true });
    fs.copyFileSync(path.join(inputs.base.path, 'usr/share/rpm/rpmdb.sqlite'), `${rpmdb}/rpmdb.sqlite`);
    fs.writeFileSync(path.join(scratch, '.rpmmacros'), '%_dbpath /usr/share/rpm\n');
    const key = `file://${scratch}/key.asc`;
    fs.writeFileSync(
      `${scratch}/dnf.conf`,
      `[main]\nreposdir=\n${repositoryFile(inputs.repository.baseUrl, key)}`,
    );
    const flags = [`--config=${scratch}/dnf.conf`, `--installroot=${root}`, '--releasever=20'];
    const more = [`--setopt=cachedir=${scratch}/cache`, '--forcearch=x86_64', '-y', '--assumeno'];
    const done = spawnSync('dnf', [...flags, ...more, 'install', '@tracing'], {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin', LC_ALL: 'C.UTF-8', HOME: scratch },
    });
    const names = [...done.stdout.matchAll(/^ (\S+) +(?:x86_64|noarch) /gm)].map((match) => match[1]);
    expect(names.sort()).toMatchInlineSnapshot(`
      [
        "libelf1",
        "libpcap0.8",
        "libunwind8",
        "ltrace",
        "strace",
        "tcpdump",
      ]
    `);
  });
});

describe('the base tree', () => {
  it('is laid out as OSTree wants it, and the C tool commits and deploys it', () => {
    const sysroot = path.join(scratch, 'sysroot');
    const repo = `--repo=${sysroot}/ostree/repo`;
    fs.mkdirSync(sysroot);
    try {
      run('ostree', 'admin', 'init-fs', '--modern', sysroot);
      run('ostree', 'admin', `--sysroot=${sysroot}`, 'os-init', 'test');
      run('ostree', 'config', repo, 'set', 'sysroot.bootloader', 'none');
      run('ostree', 'commit', repo, '--branch=base', `--tree=dir=${inputs.base.path}`);
      run('ostree', 'admin', `--sysroot=${sysroot}`, 'deploy', '--os=test', 'base');
      expect(run('ostree', 'admin', `--sysroot=${sysroot}`, 'status')).toContain('origin refspec: base');
    } finally {
      spawnSync('chattr', ['-i', ...fs.globSync(`${sysroot}/ostree/deploy/test/deploy/*.0`)]);
    }
  });

  it('has a database that knows the owner of its files, and a kernel whose modules are listed', () => {
    const copy = path.join(scratch, 'rpmdb');
    fs.mkdirSync(copy);
    fs.copyFileSync(path.join(inputs.base.path, 'usr/share/rpm/rpmdb.sqlite'), `${copy}/rpmdb.sqlite`);
    expect(run('rpm', `--dbpath=${copy}`, '-qf', '--qf', '%{NAME}', '/usr/bin/bash')).toBe('bash');
    const modules = path.join(inputs.base.path, 'usr/lib/modules', inputs.base.kernelVersion);
    expect(fs.readFileSync(path.join(modules, 'modules.dep'), 'utf8')).toMatch(/^kernel\/\S+\.ko:/m);
    expect(fs.existsSync(path.join(modules, 'initramfs.img'))).toBe(true);
  });
});
