/** `ostree sign` with Ed25519 keys made by openssl, and the dummy kind beside the C program. */
import { execFileSync } from 'node:child_process';
import { verify, createPublicKey } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeRepo, openRepo } from '#ostree/repo/repo.ts';
import { loadMetadataBytes, readDetachedMetadata } from '#ostree/repo/objects.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { makeScratch, ok, ours, removeScratch, sys, theirs } from './repo-fixture.ts';

let scratch = '';
const at = (name: string): string => path.join(scratch, name);
const repo = (): string => `--repo=${at('repo')}`;

interface Key {
  readonly secret: string;
  readonly public: string;
  readonly der: Buffer;
}

function newKey(): Key {
  const pem = execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519']);
  const seed = execFileSync('openssl', ['pkey', '-outform', 'DER'], { input: pem }).subarray(-32);
  const der = execFileSync('openssl', ['pkey', '-outform', 'DER', '-pubout'], { input: pem });
  const key = der.subarray(-32);
  return { secret: Buffer.concat([seed, key]).toString('base64'), public: key.toString('base64'), der };
}

const key = newKey();
const wrong = newKey();

beforeAll(async () => {
  scratch = makeScratch();
  fs.mkdirSync(at('tree'));
  await ok(theirs(['init', repo(), '--mode=archive']));
});
afterAll(() => removeScratch(scratch));

const commit = (...more: string[]): Promise<string> =>
  ok(ours(['commit', repo(), '-b', 'x', `--tree=dir=${at('tree')}`, ...more]));
const check = (...more: string[]) => ours(['sign', repo(), '--verify', 'x', ...more]);

test('a signature is what RFC 8032 says, and is known by its key alone', async () => {
  await commit();
  expect((await check(key.public)).text).toContain('no signatures found');
  await ok(ours(['sign', repo(), 'x', key.secret]));
  const opened = openRepo(sys, at('repo'));
  const checksum = resolveRev(opened, 'x');
  const detached = readDetachedMetadata(opened, checksum) ?? [];
  const [signature] = detached.find(([name]) => name === 'ostree.sign.ed25519')?.[1].value as Uint8Array[];
  const publicKey = createPublicKey({ key: key.der, format: 'der', type: 'spki' });
  expect(
    verify(null, loadMetadataBytes(opened, checksum, 'commit'), publicKey, signature ?? Buffer.of()),
  ).toBe(true);
  closeRepo(opened);
  const hex = Buffer.from(key.public, 'base64').toString('hex');
  expect(await ok(check(wrong.public, key.public))).toBe(
    `ed25519: Signature verified successfully with key '${hex}'`,
  );
  const failed = await check(wrong.public);
  expect(failed.exitCode).toBe(1);
  expect(failed.text).toBe(
    `error: No valid signatures found: ed25519: Signature couldn't be verified with: key '${Buffer.from(wrong.public, 'base64').toString('hex')}'\n`,
  );
});

test('keys of files and directories; revoked ones do not count', async () => {
  fs.writeFileSync(at('secret'), `${key.secret}\n`);
  fs.writeFileSync(at('public'), `${wrong.public}\n${key.public}\n`);
  await commit('-s', 'again');
  await ok(ours(['sign', repo(), 'x', `--keys-file=${at('secret')}`]));
  await ok(check(`--keys-file=${at('public')}`));
  fs.mkdirSync(at('trusted.ed25519.d'));
  fs.writeFileSync(at('trusted.ed25519.d/good'), key.public);
  await ok(check(`--keys-dir=${scratch}`));
  fs.writeFileSync(at('revoked.ed25519'), key.public);
  expect((await check(`--keys-dir=${scratch}`)).exitCode).toBe(1);
  expect((await check(`--keys-file=${at('nothing')}`)).text).toContain('No such file');
  expect((await ours(['sign', repo(), 'x', 'c2hvcnQ='])).text).toBe('error: Incorrect Ed25519 secret key\n');
});

test('commit and summary are signed in one go, and pulled where that key is trusted', async () => {
  await commit('-s', 'signed', `--sign=${key.secret}`);
  await ok(ours(['summary', '-u', repo(), `--sign=${key.secret}`]));
  await ok(check(key.public));
  for (const [name, trusted, exitCode] of [
    ['good', key, 0],
    ['bad', wrong, 1],
  ] as const) {
    const down = `--repo=${at(name)}`;
    await ok(ours(['init', down, '--mode=bare-user']));
    const verified = [`--sign-verify=ed25519=inline:${trusted.public}`, '--set=sign-verify-summary=true'];
    await ok(ours(['remote', 'add', down, '--no-gpg-verify', ...verified, 'up', `file://${at('repo')}`]));
    expect((await ours(['pull', down, 'up', 'x'])).exitCode).toBe(exitCode);
  }
});

test('other kinds', async () => {
  expect((await ours(['sign', repo(), '-s', 'nope', 'x', 'y'])).text).toBe(
    'error: Requested signature type is not implemented\n',
  );
  expect((await ours(['sign', repo(), '-s', 'dummy', '--verify', 'x', 'y'])).text).toContain(
    'only for ostree testing',
  );
  expect((await ours(['sign', repo(), 'x'])).text).toBe('error: Need at least one KEY-ID to sign with\n');
});
