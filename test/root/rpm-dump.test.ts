import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { debugRpmDump } from '#cli/debug-rpm-dump.ts';
import { readRpmFile } from '#layering/rpm-file.ts';
import { readPayload } from '#layering/rpm-payload.ts';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import { MANY_FILES, NO_FILES, PAYLOADS, SAMPLE } from './rpm-samples.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-test-dump-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

describe.each(PAYLOADS)('a package with the payload %s', (payload) => {
  const rpm = buildRpm(path.join(scratch, payload), { ...SAMPLE, payload });

  test('prints as rpm -qp --dump', () => {
    expect(ours([rpm])).toBe(rpmDump(rpm));
  });

  test('has the files and contents that rpm unpacks', () => {
    const root = path.join(scratch, `${payload}-unpacked`);
    // rpm looks its users up inside the root.
    fs.mkdirSync(path.join(root, 'etc'), { recursive: true });
    for (const name of ['passwd', 'group']) fs.copyFileSync(`/etc/${name}`, path.join(root, 'etc', name));
    const quiet = ['--force-debian', '--nodeps', '--noscripts', '--notriggers', '--nosignature'];
    runRpm(['--root', root, '--dbpath', '/db', ...quiet, '-i', rpm]);
    let files = 0;
    for (const file of readPayload(readRpmFile(rpm))) {
      const bytes = Buffer.concat([...file.content()]);
      for (const { path: name, mode, linkto } of file.entries) {
        const there = fs.lstatSync(path.join(root, name));
        expect([name, there.mode]).toEqual([name, mode]);
        if (there.isFile())
          expect([name, fs.readFileSync(path.join(root, name)).equals(bytes)]).toEqual([name, true]);
        if (there.isSymbolicLink()) expect(fs.readlinkSync(path.join(root, name))).toBe(linkto);
        files += 1;
      }
    }
    expect(files).toBe(SAMPLE.files?.filter(({ kind }) => kind !== 'ghost').length);
  });
});

test.each([MANY_FILES, NO_FILES])('$name prints as rpm -qp --dump', (pkg) => {
  const rpm = buildRpm(scratch, pkg);
  expect(ours([rpm])).toBe(rpmDump(rpm));
});

test('several packages print one after the other', () => {
  const rpms = [buildRpm(scratch, NO_FILES), buildRpm(scratch, { ...SAMPLE, name: 'other' })];
  expect(ours(rpms)).toBe(rpms.map(rpmDump).join(''));
});

test.each([
  ['/nowhere/x.rpm', /^\/nowhere\/x\.rpm cannot be read: there is no such file$/],
  ['/etc', /^\/etc is a directory, not an RPM package$/],
  ['/etc/passwd', /^\/etc\/passwd is not an RPM package$/],
  ['/dev/null', /^\/dev\/null is a special file, not an RPM package$/],
])('%s is refused', (file, message) => {
  expect(() => ours([file])).toThrow(message);
});

function ours(files: readonly string[]): string {
  let text = '';
  debugRpmDump(files, { out: (line) => (text += line) });
  return text;
}

function rpmDump(file: string): string {
  return runRpm(['-qp', '--nosignature', '--dump', file]);
}

function runRpm(args: readonly string[]): string {
  return execFileSync('rpm', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
