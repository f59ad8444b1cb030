/** What of packages does not come into a tree: documentation where the base has none, and signatures for IMA. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import { forgeRpm } from '#test/root/rpm-forge.ts';
import {
  deploymentRoot,
  fsckClean,
  makeTestSystem,
  rpm,
  rpmReference,
  runProgram,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

let system: TestSystem;

/** An IMA signature as rpmsign makes it: header, key, length, and here no true signature. */
const SIGNATURE = `030204b8f2bd970047${'ab'.repeat(71)}`;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', {
    base: [{ name: 'dnf-data', files: [{ path: '/etc/dnf/dnf.conf', content: '[main]\ntsflags=nodocs\n' }] }],
  });
  buildRpm(system.packages, {
    name: 'documented',
    files: [
      { path: '/usr/bin/documented', content: 'program\n', mode: 0o755 },
      { path: '/usr/share/doc/documented', kind: 'directory', role: 'doc' },
      { path: '/usr/share/doc/documented/README', content: 'read\n', role: 'doc' },
      { path: '/usr/share/doc/documented/more/deep', content: 'deep\n', role: 'doc' },
      { path: '/usr/share/marked', kind: 'directory', role: 'doc' },
      { path: '/usr/share/marked/data', content: 'used\n' },
      { path: '/usr/share/mixed/README', content: 'read\n', role: 'doc' },
      { path: '/usr/share/mixed/data', content: 'used\n' },
      { path: '/usr/share/emptied', kind: 'directory' },
      { path: '/usr/share/emptied/README', content: 'read\n', role: 'doc' },
      { path: '/usr/share/empty', kind: 'directory' },
      { path: '/usr/share/between', kind: 'directory' },
      { path: '/usr/share/between/not-listed/README', content: 'read\n', role: 'doc' },
      { path: '/usr/share/man/man1/documented.1', content: 'manual\n', role: 'doc' },
      { path: '/usr/share/licenses/documented/LICENSE', content: 'free\n', role: 'license' },
      // Without its documentation it conflicts with nothing.
      { path: '/usr/share/base/readme', content: 'another one\n', role: 'doc' },
    ],
  });
  forgeRpm(path.join(system.packages, 'signed-files.rpm'), {
    name: 'signed-files',
    files: [{ path: '/usr/bin/signed', mode: 0o100755, content: 'signed\n' }],
    signed: (header) => [
      [273, 'string', [createHash('sha256').update(header).digest('hex')]],
      [274, 'array', [SIGNATURE]],
      [275, 'int32', [SIGNATURE.length / 2]],
    ],
  });
  createRepository(system.packages);
});

afterAll(() => system.remove());

function names(root: string): string[] {
  const { stdout } = spawnSync(
    'find',
    ['usr/bin', 'usr/share', '-path', 'usr/share/rpm', '-prune', '-o', '-print'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  return stdout.trim().split('\n').sort();
}

test('where the base has no documentation, what is layered has none, as with rpm --excludedocs', () => {
  const reference = rpmReference(system, { install: ['documented'], words: ['--excludedocs'] });
  yumOstreeOk(system, ['install', 'documented']);
  const root = deploymentRoot(system);
  expect(names(root).filter((name) => !name.startsWith('usr/share/factory'))).toEqual(names(reference));
  expect(names(root)).toContain('usr/share/licenses/documented/LICENSE');
  expect(names(root)).not.toContain('usr/share/doc/documented');
  expect(fs.readFileSync(path.join(root, 'usr/share/base/readme'), 'utf8')).toBe('the base\n');
  const states = runProgram('rpm', ['--root', reference, '--dbpath', '/usr/share/rpm', '-qs', 'documented']);
  expect(rpm(system, ['-qs', 'documented'])).toBe(states);
  expect(states).toContain('not installed');
  const verified = spawnSync('rpm', [
    '--root',
    root,
    '--dbpath',
    '/usr/share/rpm',
    '-V',
    '--nomtime',
    'documented',
  ]);
  expect(verified.stdout.toString()).toBe('');
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'documented']);
});

test('signatures of files for IMA stay in the database', () => {
  yumOstreeOk(system, ['install', 'signed-files']);
  expect(rpm(system, ['-q', '--qf', '[%{FILESIGNATURES}]', 'signed-files'])).toBe(SIGNATURE);
  const program = path.join(deploymentRoot(system), 'usr/bin/signed');
  expect(runProgram('getfattr', ['--absolute-names', '-m', '-', program])).not.toContain('security.ima');
  fsckClean(system);
});
