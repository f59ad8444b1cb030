import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { nevraOf, readRpmFile } from '#layering/rpm-file.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { forgeRpm, type ForgedRpm } from '#test/root/rpm-forge.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-rpm-file-'));
const file = path.join(scratch, 'x.rpm');
afterAll(() => fs.rmSync(scratch, { recursive: true }));

test.each<[string, Partial<ForgedRpm>]>([
  ['a name that climbs', { name: '../../x' }],
  ['a name of two lines', { name: 'a\n[overrides]\nremove=bash' }],
  ['a name that moves the cursor', { name: 'a\u001b[2J' }],
  ['a version with a slash', { version: '1/../2' }],
  ['an architecture with a slash', { arch: '../noarch' }],
])('%s is refused in one printable line that names the file', (_, forged) => {
  forgeRpm(file, { files: [], ...forged });
  const error = failureOf();
  expect(codeOf(error)).toBe('BAD_NAME');
  expect(messageOf(error)).toMatch(/^[ -~]+$/);
  expect(messageOf(error)).toContain(file);
});

test('what starts a header must be right in all its bytes, of both headers', () => {
  const whole = fs.readFileSync(forgeRpm(file, { files: [] }));
  const { headerRange, nevra, header } = readRpmFile(file);
  expect(nevraOf(header)).toEqual(nevra);
  for (const start of [96, headerRange.start])
    for (let at = start; at < start + 8; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x20;
      fs.writeFileSync(file, changed);
      expect([at, messageOf(failureOf())]).toEqual([
        at,
        expect.stringContaining('does not start as a header'),
      ]);
    }
});

test('a directory is called one, and a fifo is not waited for', () => {
  expect(messageOf(failureOf(scratch))).toBe(`${scratch} is a directory, not an RPM package`);
  const fifo = path.join(scratch, 'fifo');
  execFileSync('mkfifo', [fifo]);
  expect(messageOf(failureOf(fifo))).toBe(`${fifo} is a special file, not an RPM package`);
});

function failureOf(read = file): unknown {
  try {
    readRpmFile(read);
  } catch (error) {
    return error;
  }
  throw new Error('it was taken');
}
