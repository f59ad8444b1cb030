/** Mirrors, and lists of them, that lie: what cannot be proved is not used, and an honest mirror among them is found. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { downloadPackages } from '#layering/download.ts';
import { loadRepositories } from '#layering/metadata.ts';
import { readRepositories } from '#layering/repository-config.ts';
import type { SolvedPackage } from '#layering/solve.ts';
import { loadSolver } from '#native/solver.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { makeRepository, primary } from './hostile-repository.ts';
import { newKey, removeKeys, signed } from './signing-keys.ts';
import { VARIABLES } from './solver-repository.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-mirrors-'));
const server = http.createServer((request, response) => answer(request.url ?? '', response));
let answer: (url: string, response: http.ServerResponse) => void = () => undefined;
let asked: string[] = [];
let origin = '';
let good = '';
let newer = '';

beforeAll(async () => {
  good = makeRepository(path.join(scratch, 'good'), { 'primary.xml': primary([{ name: 'a' }]) });
  newer = makeRepository(path.join(scratch, 'newer'), { 'primary.xml': primary([{ name: 'b' }]) });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  removeKeys();
  fs.rmSync(scratch, { recursive: true, force: true });
});

/** Serves what is there, by path; a function is asked anew each time. */
function serve(files: Readonly<Record<string, string | Buffer | (() => string | Buffer)>>): void {
  asked = [];
  answer = (url, response) => {
    asked.push(url);
    const found = files[url];
    if (found === undefined) return void response.writeHead(404).end();
    response.end(typeof found === 'function' ? found() : found);
  };
}

function fileOf(repository: string, name: string): Buffer {
  return fs.readFileSync(path.join(repository, 'repodata', name));
}

/** A mirror at `/NAME/` that has the files of a repository. */
function mirror(name: string, repository: string): Record<string, Buffer> {
  return Object.fromEntries(
    ['repomd.xml', 'primary.xml'].map((file) => [`/${name}/repodata/${file}`, fileOf(repository, file)]),
  );
}

async function load(lines: string, root = scratch) {
  const files = fs.mkdtempSync(path.join(scratch, 'files-'));
  fs.writeFileSync(path.join(files, 't.repo'), `[t]\ngpgcheck=0\ntimeout=2\n${lines}\n`);
  const configs = readRepositories(files, { variables: VARIABLES });
  const cache = fs.mkdtempSync(path.join(scratch, 'cache-'));
  const trust = { root, acceptKeys: [] };
  const options = { addon: loadSolver(), arch: 'x86_64', cacheOnly: false, now: Date.now() / 1000, trust };
  return { cache, ...(await loadRepositories(configs, cache, options)) };
}

/** The address that was used, or the refusal. */
async function outcome(lines: string, root?: string): Promise<string> {
  try {
    const { repositories } = await load(lines, root);
    return repositories[0]?.baseUrls[0] ?? 'none';
  } catch (error) {
    return `${codeOf(error) ?? ''}: ${messageOf(error)}`;
  }
}

function digestOf(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex');
}

function metalink(hashes: string, alternates = '', mirrors: readonly string[] = ['a', 'b']): string {
  const urls = mirrors.map(
    (name, at) =>
      `<url protocol="http" preference="${100 - at}">${name.includes(':') ? name : `${origin}/${name}`}/repodata/repomd.xml</url>`,
  );
  return `<metalink xmlns:mm0="http://fedorahosted.org/mirrormanager"><files><file name="repomd.xml"><verification>${hashes}</verification><mm0:alternates>${alternates}</mm0:alternates><resources>${urls.join('')}</resources></file></files></metalink>`;
}

function hash(type: string, hex: string): string {
  return `<hash type="${type}">${hex}</hash>`;
}

describe('a metalink', () => {
  const state = (repository: string, type: string): string =>
    hash(type, digestOf(type, fileOf(repository, 'repomd.xml')));
  const servesNewerFirst = (text: string): void =>
    serve({ '/list': text, ...mirror('a', newer), ...mirror('b', good) });

  test.each(['sha256', 'sha512'])('by %s: a mirror with another state is passed over', async (type) => {
    servesNewerFirst(metalink(state(good, type)));
    expect(await outcome(`metalink=${origin}/list`)).toBe(`${origin}/b/`);
  });

  test('the strongest checksum counts', async () => {
    servesNewerFirst(metalink(state(newer, 'sha256') + state(good, 'sha512')));
    expect(await outcome(`metalink=${origin}/list`)).toBe(`${origin}/b/`);
  });

  test('a mirror may have one of the alternates', async () => {
    const older = `<mm0:alternate><verification>${state(newer, 'sha256')}</verification></mm0:alternate>`;
    servesNewerFirst(metalink(state(good, 'sha512'), older));
    expect(await outcome(`metalink=${origin}/list`)).toBe(`${origin}/a/`);
  });

  test('none has the state: every mirror is named', async () => {
    serve({ '/list': metalink(hash('sha256', '0'.repeat(64))), ...mirror('a', good) });
    const told = await outcome(`metalink=${origin}/list`);
    expect(told).toMatch(
      /^REPOSITORY_UNAVAILABLE: repository t: .*\/a\/repodata\/repomd\.xml: not the file that/,
    );
    expect(told).toMatch(/\/b\/repodata\/repomd\.xml: the server answers 404/);
  });

  test.each([
    ['only MD5 and SHA-1', hash('md5', '0'.repeat(32)) + hash('sha1', '0'.repeat(40))],
    ['none', ''],
  ])('with %s proves nothing, unless a signature does', async (_, hashes) => {
    servesNewerFirst(metalink(hashes));
    const told = await outcome(`metalink=${origin}/list`);
    expect(told).toMatch(
      /^WEAK_CHECKSUM: repository t: .*\/list: it has no SHA-256 or SHA-512 of repomd\.xml/,
    );
    expect(asked).toEqual(['/list']);
  });

  test('of another file, with entities, or without mirrors', async () => {
    serve({ '/list': metalink(state(good, 'sha256')).replace('name="repomd.xml"', 'name="other"') });
    expect(await outcome(`metalink=${origin}/list`)).toMatch(/BAD_METADATA: .*the metalink names no mirror/);
    const entity = '<!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/passwd">]>';
    serve({ '/list': entity + metalink('&j;') });
    expect(await outcome(`metalink=${origin}/list`)).toMatch(/BAD_METADATA: .*not a metalink: .*entity/);
  });

  test.each(['metalink', 'mirrorlist'])(
    'a %s from a server cannot name files of this machine',
    async (kind) => {
      const local = `file://${good}`;
      serve({ '/list': kind === 'metalink' ? metalink(state(good, 'sha256'), '', [local]) : `${local}\n` });
      expect(await outcome(`${kind}=${origin}/list`)).toMatch(
        /BAD_METADATA: .*names only files of this machine/,
      );
    },
  );
});

describe('a repository that changes while it is read', () => {
  test('is read anew once', async () => {
    let rounds = 0;
    serve({
      ...mirror('a', newer),
      '/a/repodata/repomd.xml': () => fileOf(rounds++ === 0 ? good : newer, 'repomd.xml'),
    });
    expect(await outcome(`baseurl=${origin}/a`)).toBe(`${origin}/a/`);
    expect(asked.filter((url) => url.endsWith('repomd.xml'))).toHaveLength(2);
  });

  test('its signature is looked for anew too, and a mirror without one is passed over', async () => {
    const key = newKey('ed25519');
    const root = fs.mkdtempSync(path.join(scratch, 'root-'));
    fs.mkdirSync(path.join(root, 'etc/pki/rpm-gpg'), { recursive: true });
    fs.writeFileSync(path.join(root, 'etc/pki/rpm-gpg/KEY'), key.armoured());
    const signature = signed(key, path.join(newer, 'repodata/repomd.xml'));
    let rounds = 0;
    serve({
      ...mirror('a', newer),
      ...mirror('b', newer),
      '/b/repodata/repomd.xml': () => fileOf(rounds++ === 0 ? good : newer, 'repomd.xml'),
      '/b/repodata/repomd.xml.asc': signature,
    });
    const lines = `repo_gpgcheck=1\nbaseurl=${origin}/a ${origin}/b`;
    expect(await outcome(lines, root)).toBe(`${origin}/b/`);
    serve({ ...mirror('a', good), '/a/repodata/repomd.xml.asc': signature });
    expect(await outcome(lines, root)).toMatch(/^UNSIGNED|^BAD_SIGNATURE: repository t: .*is not good/);
  });
});

describe('packages', () => {
  const content = Buffer.from('the package');
  function solved(more: Partial<SolvedPackage> = {}): SolvedPackage {
    return {
      nevra: { name: 'a', epoch: 0, version: '1', release: '1', arch: 'noarch' },
      repo: 't',
      location: 'a.rpm',
      checksum: { type: 'sha256', hex: digestOf('sha256', content) },
      packageSize: content.length,
      installedSize: 1,
      ...more,
    } as SolvedPackage;
  }

  async function download(one: SolvedPackage): Promise<string> {
    const { repositories, cache } = await load(`baseurl=${origin}/a ${origin}/b`);
    try {
      const paths = await downloadPackages([one], repositories, cache);
      return [...paths.values()].map((file) => fs.readFileSync(file, 'latin1')).join();
    } catch (error) {
      expect(fs.readdirSync(path.join(cache, 'packages'))).toEqual([]);
      return `${codeOf(error) ?? ''}: ${messageOf(error)}`;
    }
  }

  test('another content of the same length: the next mirror is asked', async () => {
    const wrong = Buffer.from(content).fill('x');
    serve({ ...mirror('a', good), '/a/a.rpm': wrong, '/b/a.rpm': content });
    expect(await download(solved())).toBe('the package');
    serve({ ...mirror('a', good), '/a/a.rpm': wrong });
    expect(await download(solved())).toMatch(
      /^DOWNLOAD_FAILED|^CHECKSUM_MISMATCH: downloading a-1-1\.noarch from t: /,
    );
  });

  test('one without end, whose size the metadata says', async () => {
    serve(mirror('a', good));
    const plain = answer;
    answer = (url, response) => {
      if (!url.endsWith('.rpm')) return plain(url, response);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 16)));
      };
      response.on('drain', more);
      more();
    };
    expect(await download(solved())).toMatch(/it is longer than the 11 bytes that the metadata says/);
  });

  test.each(['file:///dev', 'file:///etc', 'ftp://x', 'gopher:'])(
    'said to be at %s',
    async (locationBase) => {
      serve(mirror('a', good));
      const told = await download(solved({ locationBase, location: 'zero' }));
      expect(told).toMatch(/^BAD_METADATA: .*said to be at '.*', which is not a web address/);
    },
  );
});
