/** Digests of payloads that came in another compression than they were signed in, beside rpm's verdict. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readRpmFile } from '#layering/rpm-file.ts';
import { readPayload } from '#layering/rpm-payload.ts';
import { digest } from '#native/hash.ts';
import { messageOf } from '#ostree/format/errors.ts';
import { archive, forgeRpm, type ForgedRpm } from '#test/root/rpm-forge.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-payload-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const RPM: ForgedRpm = { files: [{ path: '/usr/bin/one', mode: 0o100755, content: 'one' }] };
const RIGHT = digest('sha256', archive(RPM));
const WRONG = '0'.repeat(64);

/** With this digest of the payload before its compression (PAYLOADDIGESTALT). */
function alternative(hex: string, more: Partial<ForgedRpm> = {}): ForgedRpm {
  return { ...RPM, ...more, tags: [[5097, 'array', [hex]]] };
}

const plain = (compressor: string): Partial<ForgedRpm> => ({
  ...{ compressor, uncompressed: true, payloadDigest: WRONG },
});

test.each([
  ['both fit', alternative(RIGHT), true],
  ['compressed, and only its own fits', alternative(WRONG), true],
  ['compressed, and only that of before fits', alternative(RIGHT, { payloadDigest: WRONG }), false],
  ['neither fits', alternative(WRONG, { payloadDigest: WRONG }), false],
  ...['gzip', 'zstd', 'xz'].flatMap((compressor): [string, ForgedRpm, boolean][] => [
    [`no longer ${compressor}`, alternative(RIGHT, plain(compressor)), true],
    [`no longer ${compressor}, and another`, alternative(WRONG, plain(compressor)), false],
  ]),
] satisfies [string, ForgedRpm, boolean][])('%s', (_, content, isRight) => {
  const file = forgeRpm(path.join(scratch, 'forged.rpm'), content);
  const { status } = spawnSync('rpmkeys', ['--dbpath', path.join(scratch, 'keys'), '-K', file]);
  expect(status === 0).toBe(isRight);
  expect(verdict(file)).toBe(
    isRight ? 'one' : `${file} has a damaged payload: it does not match its sha256 digest`,
  );
});

function verdict(rpm: string): string {
  try {
    const pieces: Uint8Array[] = [];
    for (const file of readPayload(readRpmFile(rpm))) pieces.push(...file.content());
    return Buffer.concat(pieces).toString();
  } catch (error) {
    return messageOf(error);
  }
}
