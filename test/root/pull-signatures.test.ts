/** Signed commits: what a remote asks for is checked in pull, and in the client's switch and upgrade. */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { serialize } from '#ostree/format/gvariant.ts';
import { loadMetadataBytes, writeDetachedMetadata } from '#ostree/repo/objects.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';
import {
  BASE_REF,
  deploymentsOf,
  firstDeployment,
  makeTestSystem,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from './layering-sysroot.ts';
import { makeScratch, ok, ours, removeScratch, sys, theirs } from './repo-fixture.ts';
import { newKey, removeKeys, type SigningKey } from './signing-keys.ts';

let scratch = '';
let upstream = '';
let serial = 0;

beforeAll(async () => {
  scratch = makeScratch();
  upstream = path.join(scratch, 'upstream');
  fs.mkdirSync(path.join(scratch, 'tree/usr'), { recursive: true });
  fs.writeFileSync(path.join(scratch, 'tree/usr/x'), 'x');
  await ok(theirs(['init', `--repo=${upstream}`, '--mode=archive']));
});
afterAll(() => {
  removeKeys();
  removeScratch(scratch);
});

async function commit(...options: string[]): Promise<string> {
  const words = [`--repo=${upstream}`, '-b', 'os', `--tree=dir=${scratch}/tree`, '-s', `${serial++}`];
  const checksum = await ok(theirs(['commit', ...words, ...options]));
  await ok(theirs(['summary', '-u', `--repo=${upstream}`]));
  return checksum.trim();
}

/** A repository with one remote, `up`. */
async function downstream(...options: string[]): Promise<string> {
  const repo = path.join(scratch, `down-${serial++}`);
  await ok(ours(['init', `--repo=${repo}`, '--mode=bare']));
  await ok(ours(['remote', 'add', `--repo=${repo}`, ...options, 'up', `file://${upstream}`]));
  return repo;
}

async function pulled(repo: string): Promise<string> {
  const { text, exitCode } = await ours(['pull', `--repo=${repo}`, 'up', 'os']);
  const { exitCode: hasRef } = theirs(['rev-parse', `--repo=${repo}`, 'up:os']);
  expect(hasRef === 0).toBe(exitCode === 0);
  return exitCode === 0 ? 'pulled' : text;
}

interface Ed25519Key {
  readonly secret: KeyObject;
  /** Base64 of the 32 bytes, as ostree writes it. */
  readonly text: string;
}

function ed25519Key(): Ed25519Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return { secret: privateKey, text: Buffer.from(x, 'base64url').toString('base64') };
}

/** What `ostree sign` writes, in the builds that have it: a detached `ostree.sign.ed25519` over the commit's bytes. */
function signCommit(
  repoPath: string,
  checksum: string,
  keys: readonly Ed25519Key[],
  data?: Uint8Array,
): void {
  const repo: Repo = openRepo(sys, repoPath);
  try {
    const bytes = data ?? loadMetadataBytes(repo, parseChecksum(checksum), 'commit');
    const value = keys.map(({ secret }) => new Uint8Array(sign(null, bytes, secret)));
    writeDetachedMetadata(repo, parseChecksum(checksum), [['ostree.sign.ed25519', { type: 'aay', value }]]);
  } finally {
    closeRepo(repo);
  }
}

describe('Ed25519', () => {
  const [key, other] = [ed25519Key(), ed25519Key()];
  const plain = ['--no-gpg-verify'];
  let checksum = '';
  beforeEach(async () => {
    checksum = await commit();
  });

  test('a commit by the key that the remote names is pulled, any other is not', async () => {
    const repo = await downstream(...plain, `--sign-verify=ed25519=inline:${key.text}`);
    expect(await pulled(repo)).toMatch(
      /Commit [0-9a-f]{64}: sign-verify is on, but it has no Ed25519 signature/,
    );
    signCommit(upstream, checksum, [other]);
    expect(await pulled(repo)).toMatch(/ed25519: Signature couldn't be verified with: key '[0-9a-f]{64}'/);
    signCommit(upstream, checksum, [key], Buffer.from('another commit'));
    expect(await pulled(repo)).toMatch(/ed25519: Signature couldn't be verified/);
    signCommit(upstream, checksum, [other, key]);
    expect(await pulled(repo)).toBe('pulled');
  });

  test('keys of a file; a line that is none is named', async () => {
    signCommit(upstream, checksum, [key]);
    const file = path.join(scratch, 'keys');
    fs.writeFileSync(file, `${other.text}\n\n${key.text}\n`);
    const repo = await downstream(...plain, `--sign-verify=ed25519=file:${file}`);
    expect(await pulled(repo)).toBe('pulled');
    fs.appendFileSync(file, 'no key\n');
    const second = await downstream(...plain, `--sign-verify=ed25519=file:${file}`);
    expect(await pulled(second)).toMatch(/keys: 'no key' is not an Ed25519 public key/);
    fs.rmSync(file);
    expect(await pulled(second)).toMatch(/Loading keys \(.*keys\): No such file or directory/);
  });

  test('both kinds asked for, both needed; a kind that is not supported is refused', async () => {
    const gpgKey = newKey('ed25519');
    const repo = await downstream(`--sign-verify=ed25519=inline:${key.text}`);
    importKey(repo, gpgKey);
    signCommit(upstream, checksum, [key]);
    expect(await pulled(repo)).toMatch(/GPG verification enabled, but no signatures found/);
    await ok(gpgSign(checksum, gpgKey));
    expect(await pulled(repo)).toBe('pulled');
    const spki = await downstream(...plain, '--set=sign-verify=spki');
    expect(await pulled(spki)).toMatch(/sign-verify=spki: only ed25519 is supported/);
  });

  test('the summary', async () => {
    const repo = await downstream(
      ...plain,
      '--set=sign-verify-summary=ed25519',
      `--set=verification-ed25519-key=${key.text}`,
    );
    expect(await pulled(repo)).toMatch(/summary: sign-verify is on, but it has no Ed25519 signature/);
    const summary = fs.readFileSync(path.join(upstream, 'summary'));
    const signature = new Uint8Array(sign(null, summary, key.secret));
    const variant = [['ostree.sign.ed25519', { type: 'aay', value: [signature] }]];
    fs.writeFileSync(path.join(upstream, 'summary.sig'), serialize('a{sv}', variant));
    expect(await pulled(repo)).toBe('pulled');
  });
});

function importKey(repo: string, key: SigningKey): void {
  const file = path.join(scratch, 'key.asc');
  fs.writeFileSync(file, key.armoured());
  runProgram('ostree', ['remote', 'gpg-import', `--repo=${repo}`, '-k', file, 'up']);
}

function gpgSign(checksum: string, key: SigningKey, repo = upstream): ReturnType<typeof theirs> {
  return theirs(['gpg-sign', `--repo=${repo}`, `--gpg-homedir=${key.home}`, checksum, key.fingerprint]);
}

describe('the client', () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = makeTestSystem();
    runProgram('ostree', ['pull-local', `--repo=${upstream}`, system.repo, BASE_REF]);
    await ok(theirs(['summary', '-u', `--repo=${upstream}`]));
  });
  afterAll(() => system.remove());

  /** The next commit of the same tree. */
  function next(): string {
    const words = [`--repo=${upstream}`, '-b', BASE_REF, `--tree=ref=${BASE_REF}`, '-s', `${serial++}`];
    const checksum = runProgram('ostree', ['commit', ...words]).trim();
    runProgram('ostree', ['summary', '-u', `--repo=${upstream}`]);
    return checksum;
  }

  function remote(...options: string[]): void {
    const words = [`--repo=${system.repo}`, '--force', ...options, 'up', `file://${upstream}`];
    runProgram('ostree', ['remote', 'add', ...words]);
  }

  function refused(...words: string[]): string {
    const before = deploymentsOf(system);
    const { status, stderr } = yumOstree(system, words);
    expect(status).toBe(1);
    expect(deploymentsOf(system)).toEqual(before);
    return stderr;
  }

  test('switch and upgrade take what the GPG key of the remote signed, and nothing else', async () => {
    const [key, stranger] = [newKey('rsa3072'), newKey('ed25519')];
    remote();
    importKey(system.repo, key);
    const first = next();
    expect(refused('switch', `up:${BASE_REF}`)).toMatch(/no signatures found/);
    await ok(gpgSign(first, stranger));
    expect(refused('switch', `up:${BASE_REF}`)).toMatch(/public key not found/);
    await ok(gpgSign(first, key));
    yumOstreeOk(system, ['switch', `up:${BASE_REF}`]);
    expect(firstDeployment(system)).toMatchObject({ checksum: first });
    const second = next();
    expect(refused('upgrade')).toMatch(/no signatures found/);
    await ok(gpgSign(second, key));
    yumOstreeOk(system, ['upgrade']);
    expect(firstDeployment(system)).toMatchObject({ checksum: second });
  });

  test('upgrade with an Ed25519 key', () => {
    const key = ed25519Key();
    remote('--no-gpg-verify', '--set=sign-verify=true', `--set=verification-ed25519-key=${key.text}`);
    const checksum = next();
    expect(refused('upgrade')).toMatch(/it has no Ed25519 signature/);
    signCommit(upstream, checksum, [ed25519Key()]);
    expect(refused('upgrade')).toMatch(/couldn't be verified with: key/);
    signCommit(upstream, checksum, [key]);
    yumOstreeOk(system, ['upgrade']);
    expect(firstDeployment(system)).toMatchObject({ checksum });
  });
});
