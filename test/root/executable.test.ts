/** dist/yum-ostree where there is little else: what a rescue system, an initramfs or a hardened server has. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtPrograms } from '#test/fixtures/built-programs.ts';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import { runInRoot, type RootOptions } from './executable-root.ts';
import { SAMPLE } from './rpm-samples.ts';

const PROJECT = path.join(import.meta.dirname, '../..');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-test-executable-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

let dist: string;
let executable: string;
let rpm: string;
let files: Record<string, string>;
beforeAll(() => {
  dist = builtPrograms('x86-64');
  executable = path.join(dist, 'yum-ostree');
  rpm = buildRpm(scratch, SAMPLE);
  files = {
    '/data/sample.rpm': rpm,
    '/data/case.t': path.join(PROJECT, 'test/solver/weak.t'),
    '/data/rpmdb/rpmdb.sqlite': rpmdbOf(rpm),
  };
});

/** Each needs another addon. */
const COMMANDS = {
  'system calls': ['debug', 'rpm-dump', '/data/sample.rpm'],
  solver: ['debug', 'solve-case', '/data/case.t'],
  SQLite: ['debug', 'rpmdb-list', '/data/rpmdb'],
};

const MACHINES: Readonly<Record<string, RootOptions>> = {
  'only /run writable': { writable: { '/run': 'mode=755' } },
  '/run mounted noexec, /dev/shm writable': { writable: { '/run': 'noexec', '/dev/shm': 'mode=1777' } },
  '/run and /dev/shm mounted noexec, /tmp writable': {
    writable: { '/run': 'noexec', '/dev/shm': 'noexec', '/tmp': 'mode=1777' },
  },
  'only /dev/shm writable': { writable: { '/dev/shm': 'mode=1777' } },
  'only /tmp writable': { writable: { '/tmp': 'mode=1777' } },
  'all usual places noexec, TMPDIR writable': {
    writable: { '/run': 'noexec', '/dev/shm': 'noexec', '/tmp': 'noexec', '/root': 'mode=700' },
    environment: ['TMPDIR=/root'],
  },
  '/run full, /tmp writable': { writable: { '/run': 'size=64k', '/tmp': 'mode=1777' } },
  'no /proc': { proc: false, writable: { '/run': 'mode=755' } },
  'no /proc, /run mounted noexec': { proc: false, writable: { '/run': 'noexec', '/tmp': 'mode=1777' } },
};

describe.each(Object.keys(MACHINES))('on a read-only root with %s', (name) => {
  test.each(Object.keys(COMMANDS) as (keyof typeof COMMANDS)[])('%s work and leave nothing', (addon) => {
    const run = runInRoot(executable, ['/bin/yum-ostree', ...COMMANDS[addon]], { ...MACHINES[name], files });
    expect(run).toEqual({ status: 0, stdout: answers()[addon], stderr: '', left: [] });
  });
});

/** What the peers say to the same. */
function answers(): Record<keyof typeof COMMANDS, string> {
  const database = path.dirname(files['/data/rpmdb/rpmdb.sqlite'] ?? '');
  return {
    'system calls': output('rpm', ['--nosignature', '-qp', '--dump', rpm]),
    solver: output('testsolv', [files['/data/case.t'] ?? '']),
    SQLite: output('rpm', ['--dbpath', database, '-qa']),
  };
}

describe('with no place for its addons', () => {
  test('it says where it tried, in one line, and what to do', () => {
    const writable = { '/run': 'noexec', '/dev/shm': 'size=64k' };
    const run = runInRoot(executable, ['/bin/yum-ostree', 'status'], { writable });
    expect(run).toMatchObject({ status: 1, stdout: '', left: [] });
    const [error, hint, ...rest] = run.stderr.split('\n');
    expect(error).toMatch(
      /^error: syscalls\.node cannot be loaded from anywhere: \/run forbids execution, \/dev\/shm is full, \/tmp is read-only, .*\/ is read-only$/,
    );
    expect([hint, rest]).toEqual([
      expect.stringMatching(/^hint: mount a tmpfs on \/run, or .* TMPDIR$/),
      [''],
    ]);
  });
});

describe('the name it is called by', () => {
  const version = (command: string, args: readonly string[] = []) =>
    spawnSync(command, [...args, '--version'], { encoding: 'utf8', env: {} }).stdout.split('\n')[0];

  test('is its own', () => expect(version(executable)).toMatch(/^yum-ostree \d/));

  test.each(['symbolic link', 'hard link', 'exec -a'])('is that of a %s', (kind) => {
    const called = path.join(fs.mkdtempSync(path.join(dist, '.names-')), 'ostree-prepare-root');
    try {
      if (kind === 'symbolic link') fs.symlinkSync(executable, called);
      if (kind === 'hard link') fs.linkSync(executable, called);
      const run =
        kind === 'exec -a'
          ? spawnSync('/bin/bash', ['-c', 'exec -a "$0" "$1"', 'ostree-prepare-root', executable], {
              env: {},
            })
          : spawnSync(called, [], { env: {} });
      expect(run.stderr.toString()).toContain('usage: ostree-prepare-root SYSROOT');
    } finally {
      fs.rmSync(path.dirname(called), { recursive: true });
    }
  });
});

describe('its surroundings', () => {
  test('NODE_OPTIONS does not reach it', () => {
    const run = spawnSync(executable, ['--version'], { env: { NODE_OPTIONS: '--require=/none' } });
    expect([run.status, run.stderr.toString()]).toEqual([0, '']);
  });

  test('closed standard streams do no harm', () => {
    const closed = spawnSync('/bin/sh', ['-c', '"$0" --version <&- >&- 2>&-', executable]);
    expect([0, 1]).toContain(closed.status);
    const open = spawnSync('/bin/sh', ['-c', '"$0" --version <&- 2>&-', executable], { encoding: 'utf8' });
    expect(open.stdout).toMatch(/^yum-ostree \d/);
  });
});

test('the bundle beside it runs under an installed Node, moved elsewhere', () => {
  const moved = path.join(scratch, 'moved');
  fs.mkdirSync(moved);
  const parts = fs.readdirSync(dist).filter((name) => /\.(cjs|node)$/.test(name));
  parts.forEach((name) => fs.copyFileSync(path.join(dist, name), path.join(moved, name)));
  const bundle = path.join(moved, 'yum-ostree.cjs');
  for (const [addon, args] of Object.entries(COMMANDS)) {
    const local = args.map((arg) =>
      arg === '/data/rpmdb' ? path.dirname(files[`${arg}/rpmdb.sqlite`] ?? '') : (files[arg] ?? arg),
    );
    expect(output(process.execPath, [bundle, ...local])).toBe(answers()[addon as keyof typeof COMMANDS]);
  }
});

function rpmdbOf(file: string): string {
  const directory = path.join(scratch, 'rpmdb');
  const quiet = ['--force-debian', '--justdb', '--nodeps', '--noscripts', '--notriggers', '--nosignature'];
  execFileSync('rpm', ['--dbpath', directory, ...quiet, '--ignorearch', '-i', file], { stdio: 'ignore' });
  return path.join(directory, 'rpmdb.sqlite');
}

function output(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
