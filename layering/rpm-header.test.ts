import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import {
  getBinary,
  getNumber,
  getNumbers,
  getString,
  getStringKeys,
  getStrings,
  parseHeader,
} from '#layering/rpm-header.ts';
import { nevraOf, readRpmFile } from '#layering/rpm-file.ts';
import { readFileList } from '#layering/rpm-file-list.ts';
import { readDependencies } from '#layering/rpm-dependencies.ts';
import { readScripts, readTriggers } from '#layering/rpm-scripts.ts';
import { TAG } from '#layering/rpm-tags.ts';
import { INDEX_TABLES, indexRows } from '#layering/rpmdb-index.ts';
import { UserError } from '#ostree/format/errors.ts';
import { forgeRpm } from '#test/root/rpm-forge.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-header-'));
afterAll(() => fs.rmSync(scratch, { recursive: true }));

const { header } = readRpmFile(
  forgeRpm(path.join(scratch, 'x.rpm'), {
    files: [
      { path: '/usr/bin/one', mode: 0o100755, content: 'one' },
      { path: '/usr/share/two', mode: 0o100644, content: 'two' },
    ],
  }),
);

test('values come by tag', () => {
  expect(getString(header, TAG.NAME)).toBe('forged');
  expect(getStrings(header, TAG.BASENAMES)).toEqual(['one', 'two']);
  expect(getNumbers(header, TAG.FILEMODES)).toEqual([0o100755, 0o100644]);
  expect(getNumber(header, TAG.BUILDTIME)).toBe(1700000000);
  expect(getBinary(header, TAG.SIGMD5)).toBeNull();
  expect(getString(header, TAG.URL)).toBeNull();
  expect(() => getNumbers(header, TAG.NAME)).toThrow(/tag 1000 has an unexpected type/);
  expect(() => getStrings(header, TAG.BUILDTIME)).toThrow(/tag 1006 has an unexpected type/);
});

test('a text that is not UTF-8 reads as Latin-1 and keeps its bytes as a key', () => {
  const bytes = Uint8Array.from(header.bytes);
  const at = Buffer.from(bytes).indexOf('two\0');
  bytes[at] = 0xe9;
  const damaged = parseHeader(bytes, 'x');
  expect(getStrings(damaged, TAG.BASENAMES)).toEqual(['one', 'éwo']);
  expect(getStringKeys(damaged, TAG.BASENAMES)).toEqual(['one', Uint8Array.of(0xe9, 0x77, 0x6f)]);
});

test('whatever the bytes, reading ends in values or in one line', () => {
  const change = fc.record({ at: fc.nat(header.bytes.length - 1), value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      const bytes = Uint8Array.from(header.bytes);
      for (const { at, value } of changes) bytes[at] = value;
      try {
        readAll(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        expect((error as Error).message).not.toContain('\n');
      }
    }),
    { numRuns: 3000 },
  );
});

test('random bytes are no header', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(() => readAll(bytes)).toThrow(UserError);
    }),
  );
});

test.each([
  ['entries', 0, 0x7fffffff, /claims 2147483647 entries/],
  ['data', 4, 0x7fffffff, /claims 2147483647 bytes of data/],
  ['the first value outside', 8 + 16 + 8, 0x7ffffff0, /tag 1000 does not lie within the data/],
  ['a type that is none', 8 + 16 + 4, 99, /tag 1000 has the unknown type 99/],
  ['a region outside', 8 + 8, 0x7ffffff0, /its region ends outside/],
])('%s', (_, at, value, message) => {
  const bytes = Buffer.from(header.bytes);
  bytes.writeInt32BE(value, at);
  expect(() => parseHeader(bytes, 'x.rpm')).toThrow(message);
  expect(() => parseHeader(bytes, 'x.rpm')).toThrow(/^x\.rpm has a damaged header: /);
});

function readAll(bytes: Uint8Array): void {
  const read = parseHeader(bytes, 'x');
  nevraOf(read);
  readFileList(read);
  readScripts(read);
  readTriggers(read);
  readDependencies(read, 'requires');
  for (const table of INDEX_TABLES) indexRows(table, read);
}
