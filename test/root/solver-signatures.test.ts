import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readKeyring } from '#layering/keyring.ts';
import { type OpenPgpKey, parseKeys, verifyDetached } from '#layering/openpgp.ts';
import { readRpmFile } from '#layering/rpm-file.ts';
import { verifyPackage } from '#layering/verify-package.ts';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import { gpg, newKey, removeKeys, rpmsign, signed, type SigningKey } from '#test/root/signing-keys.ts';
import { nevrasOf, weResolve } from '#test/root/solver-repository.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-signed-'));
const repository = path.join(scratch, 'repository');
const repomd = path.join(repository, 'repodata/repomd.xml');
let serial = 0;

beforeAll(() => {
  buildRpm(repository, { name: 'thing', files: [] });
  createRepository(repository);
});

afterAll(() => {
  removeKeys();
  fs.rmSync(scratch, { recursive: true, force: true });
});

describe('detached signatures as gpg makes them', () => {
  test.each(['rsa3072', 'ed25519'])('%s, armoured and binary', async (algorithm) => {
    const key = newKey(algorithm);
    const file = fileWith('what is signed');
    const [public_] = await parseKeys(key.armoured(), 'test');
    for (const armour of [['--armor'], []]) {
      const signature = signed(key, file, armour);
      const signer = await verifyDetached(fs.readFileSync(file), signature, { keys: known(public_) });
      expect(signer).toEqual({ keyFingerprint: key.fingerprint, userId: 'Test <test@example.invalid>' });
    }
  });

  test('other content, another key, a damaged and an absent signature are refused', async () => {
    const key = newKey('ed25519');
    const [mine] = await parseKeys(key.armoured(), 'test');
    const [other] = await parseKeys(newKey('ed25519').armoured(), 'test');
    const file = fileWith('what is signed');
    const data = fs.readFileSync(file);
    const signature = signed(key, file, []);
    const damaged = Buffer.from(signature);
    damaged[damaged.length - 5] = (damaged[damaged.length - 5] ?? 0) ^ 1;
    const keys = { keys: known(mine) };
    await expect(verifyDetached(Buffer.from('other'), signature, keys)).rejects.toMatchObject({
      code: 'BAD_SIGNATURE',
    });
    await expect(verifyDetached(data, damaged, keys)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
    const twice = { keys: [...known(mine), ...known(mine)] };
    const once = new RegExp(`^its signature by ${key.fingerprint} \\([^)]*\\) is not good`);
    await expect(verifyDetached(data, damaged, twice)).rejects.toThrow(once);
    await expect(verifyDetached(data, new Uint8Array(0), keys)).rejects.toMatchObject({
      code: 'BAD_SIGNATURE',
    });
    await expect(verifyDetached(data, signature.subarray(0, 20), keys)).rejects.toMatchObject({
      code: 'BAD_SIGNATURE',
    });
    await expect(verifyDetached(data, signature, { keys: known(other) })).rejects.toMatchObject({
      code: 'UNKNOWN_KEY',
    });
  });

  test('SHA-1 and DSA are refused with the reason', async () => {
    const rsa = newKey('rsa3072');
    const file = fileWith('x');
    const sha1 = signed(rsa, file, ['--digest-algo', 'SHA1', '--weak-digest', 'MD5']);
    const [key] = await parseKeys(rsa.armoured(), 'test');
    await expect(verifyDetached(fs.readFileSync(file), sha1, { keys: known(key) })).rejects.toThrow(/SHA-1/);
    const dsa = newKey('dsa2048');
    await expect(verifyDetached(fs.readFileSync(file), signed(dsa, file, []), { keys: [] })).rejects.toThrow(
      /DSA/,
    );
  });
});

describe('packages as rpmsign signs them', () => {
  test.each(['rsa3072', 'ed25519'])('%s: good, unknown and absent', async (algorithm) => {
    const key = newKey(algorithm);
    const [mine] = await parseKeys(key.armoured(), 'test');
    const file = buildRpm(fs.mkdtempSync(path.join(scratch, 'rpm-')), { name: 'signed', files: [] });
    await expect(verifyPackage(readRpmFile(file), { keys: known(mine) })).rejects.toMatchObject({
      code: 'UNSIGNED',
    });
    rpmsign(key, file);
    await verifyPackage(readRpmFile(file), { keys: known(mine) });
    await expect(verifyPackage(readRpmFile(file), { keys: [] })).rejects.toMatchObject({
      code: 'UNKNOWN_KEY',
    });
  });

  test.each(['the header', 'header and payload'])('over %s: what was read is judged', async (covered) => {
    const key = newKey('ed25519');
    const keys = { keys: known((await parseKeys(key.armoured(), 'test'))[0]) };
    const directory = fs.mkdtempSync(path.join(scratch, 'rpm-'));
    const build = (name: string) => buildRpm(directory, { name, files: [{ path: '/usr/x', content: name }] });
    const [signedFile, other] = [build('signed'), build('other')];
    const plain = readRpmFile(signedFile);
    const end = covered === 'the header' ? plain.headerRange.end : plain.payloadRange.end;
    const covers = { start: plain.headerRange.start, end };
    const part = fileWith('');
    fs.writeFileSync(part, fs.readFileSync(signedFile).subarray(covers.start, covers.end));
    const signatures = [{ tag: 0, bytes: signed(key, part, []), covers }];
    await verifyPackage({ ...plain, signatures }, keys);
    // At the path lies the signed package, in memory is another: as if the file had been replaced in between.
    const swapped = { ...readRpmFile(other), path: signedFile, signatures };
    await expect(verifyPackage(swapped, keys)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });
});

describe('repo_gpgcheck', () => {
  test('a signed repository is used, with a key file on disk', async () => {
    const key = newKey('rsa3072');
    sign(key);
    const file = path.join(scratch, 'key.asc');
    fs.writeFileSync(file, key.armoured());
    expect(await resolve(`gpgkey=file://${file}`, '/')).toEqual(['thing-1.0-1.noarch']);
  });

  test("the tree's own keys count, and its paths are meant inside it", async () => {
    const key = newKey('ed25519');
    sign(key);
    const root = path.join(scratch, 'tree');
    fs.mkdirSync(path.join(root, 'etc/pki/rpm-gpg'), { recursive: true });
    fs.mkdirSync(path.join(root, 'usr/share'), { recursive: true });
    fs.writeFileSync(path.join(root, 'usr/share/inside.asc'), key.armoured());
    expect(await resolve('gpgkey=file:///usr/share/inside.asc', root)).toEqual(['thing-1.0-1.noarch']);
    fs.writeFileSync(path.join(root, 'etc/pki/rpm-gpg/RPM-GPG-KEY-test'), key.armoured());
    fs.writeFileSync(path.join(root, 'etc/pki/rpm-gpg/RPM-GPG-KEY-of-a-kind-unknown'), 'not a key');
    expect(await resolve('', root)).toEqual(['thing-1.0-1.noarch']);
  });

  test('unsigned, signed by a stranger, and changed after signing are refused', async () => {
    fs.rmSync(`${repomd}.asc`, { force: true });
    await expect(resolve('')).rejects.toThrow(
      /repository t: repo_gpgcheck is on, but its metadata is not signed/,
    );
    const key = newKey('rsa3072');
    sign(key);
    await expect(resolve('')).rejects.toMatchObject({ code: 'UNKNOWN_KEY' });
    const file = path.join(scratch, 'known.asc');
    fs.writeFileSync(file, key.armoured());
    fs.appendFileSync(repomd, '<!-- more -->\n');
    await expect(resolve(`gpgkey=file://${file}`, '/')).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });

  test('a key from the network counts only once it is accepted, and is then kept', async () => {
    const key = newKey('rsa3072');
    sign(key);
    const server = http
      .createServer((_request, response) => response.end(key.armoured()))
      .listen(0, '127.0.0.1');
    await new Promise((ready) => server.once('listening', ready));
    const gpgkey = `gpgkey=http://127.0.0.1:${(server.address() as AddressInfo).port}/key`;
    const root = path.join(scratch, 'accepting');
    try {
      await expect(resolve(gpgkey, root)).rejects.toThrow(`--accept-key ${key.fingerprint}`.slice(13));
      await expect(resolve(gpgkey, root, ['0'.repeat(40)])).rejects.toMatchObject({ code: 'UNTRUSTED_KEY' });
      expect(await resolve(gpgkey, root, [key.fingerprint.toLowerCase()])).toEqual(['thing-1.0-1.noarch']);
    } finally {
      server.close();
    }
    expect(fs.readdirSync(path.join(root, 'etc/pki/yum-ostree'))).toEqual([`${key.fingerprint}.asc`]);
    expect(await resolve('', root)).toEqual(['thing-1.0-1.noarch']);
  });

  test('after a first key is accepted, and after keys change, the cache alone is enough', async () => {
    const key = newKey('ed25519');
    sign(key);
    let asked = 0;
    const server = http
      .createServer((_request, response) => response.end(asked++ === 0 ? key.armoured() : ''))
      .listen(0, '127.0.0.1');
    await new Promise((ready) => server.once('listening', ready));
    const gpgkey = `gpgkey=http://127.0.0.1:${(server.address() as AddressInfo).port}/key`;
    const root = path.join(scratch, 'cached');
    const cache = fs.mkdtempSync(path.join(scratch, 'cache-'));
    const offline = () => resolve(gpgkey, root, [], { cache, cacheOnly: true });
    try {
      await resolve(gpgkey, root, [key.fingerprint], { cache });
      fs.renameSync(repomd, `${repomd}.away`);
      expect(await offline()).toEqual(['thing-1.0-1.noarch']);
      fs.mkdirSync(path.join(root, 'etc/pki/rpm-gpg'), { recursive: true });
      fs.writeFileSync(path.join(root, 'etc/pki/rpm-gpg/ANOTHER'), newKey('ed25519').armoured());
      expect(await offline()).toEqual(['thing-1.0-1.noarch']);
      fs.rmSync(path.join(root, 'etc/pki/yum-ostree'), { recursive: true });
      await expect(offline()).rejects.toMatchObject({ code: 'NOT_CACHED' });
    } finally {
      server.close();
      fs.renameSync(`${repomd}.away`, repomd);
    }
    expect(asked).toBe(1);
  });
});

describe('a key that was renewed', () => {
  test('is looked for where the kept form had expired, asked about anew, and takes its place', async () => {
    const key = newKey('ed25519', { madeAt: '20200101T000000' });
    gpg(key.home, ['--faked-system-time', '20200102T000000', '--quick-set-expire', key.fingerprint, '1d']);
    const root = fs.mkdtempSync(path.join(scratch, 'renewed-'));
    const kept = path.join(root, 'etc/pki/yum-ostree', `${key.fingerprint}.asc`);
    fs.mkdirSync(path.dirname(kept), { recursive: true });
    fs.writeFileSync(kept, key.armoured());
    const url = 'https://keys.example/key';
    const ring = (acceptKeys: string[]) =>
      readKeyring([url], { root, acceptKeys }, () => Promise.resolve(new Uint8Array(key.armoured())));
    const old = key.armoured();
    gpg(key.home, ['--faked-system-time', '20200102T010000', '--quick-set-expire', key.fingerprint, '0']);
    const file = fileWith('what is signed');
    const signature = signed(key, file);
    const verify = async (acceptKeys: string[]) =>
      verifyDetached(fs.readFileSync(file), signature, await ring(acceptKeys));
    await expect(verify([])).rejects.toMatchObject({ code: 'UNTRUSTED_KEY' });
    expect(fs.readFileSync(kept)).toEqual(old);
    expect(await verify([key.fingerprint])).toMatchObject({ keyFingerprint: key.fingerprint });
    expect(fs.readFileSync(kept)).not.toEqual(old);
    // And now by itself.
    expect(await verify([])).toMatchObject({ keyFingerprint: key.fingerprint });
  });

  test('only the keys of a file that made the signature are asked about', async () => {
    const [key, other] = [newKey('ed25519'), newKey('ed25519')];
    const root = fs.mkdtempSync(path.join(scratch, 'several-'));
    const asked: string[] = [];
    const confirmKey = ({ fingerprint }: OpenPgpKey) => Promise.resolve(asked.push(fingerprint) > 0);
    const both = Buffer.concat([other.armoured(), key.armoured()]);
    const ring = await readKeyring(['https://keys.example/both'], { root, acceptKeys: [], confirmKey }, () =>
      Promise.resolve(new Uint8Array(both)),
    );
    const file = fileWith('x');
    await verifyDetached(fs.readFileSync(file), signed(key, file), ring);
    expect(asked).toEqual([key.fingerprint]);
  });
});

function sign(key: SigningKey): void {
  fs.writeFileSync(`${repomd}.asc`, signed(key, repomd, ['--armor']));
}

function fileWith(text: string): string {
  const file = path.join(scratch, `file-${serial++}`);
  fs.writeFileSync(file, text);
  return file;
}

function known(key: OpenPgpKey | undefined): OpenPgpKey[] {
  if (key === undefined) throw new Error('gpg exported no key');
  return [key];
}

async function resolve(
  gpgkey: string,
  root = path.join(scratch, 'no-root'),
  acceptKeys: string[] = [],
  more: { readonly cache?: string; readonly cacheOnly?: boolean } = {},
) {
  const repositoryFiles = fs.mkdtempSync(path.join(scratch, 'repos-'));
  const text = `[t]\nbaseurl=file://${repository}\ngpgcheck=1\nrepo_gpgcheck=1\n${gpgkey}\n`;
  fs.writeFileSync(path.join(repositoryFiles, 't.repo'), text);
  const cache = more.cache ?? fs.mkdtempSync(path.join(scratch, 'cache-'));
  const metadata = { trust: { root, acceptKeys }, cacheOnly: more.cacheOnly === true };
  return nevrasOf(await weResolve({ from: {}, cache, repositoryFiles, metadata, install: ['thing'] }));
}
