import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { downloadPackages } from '#layering/download.ts';
import { loadRepositories, type LoadedRepositories, type MetadataOptions } from '#layering/metadata.ts';
import { readRepositories } from '#layering/repository-config.ts';
import { solve, type SolvedPackage } from '#layering/solve.ts';
import { loadSolver } from '#native/solver.ts';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import { forgeRpm } from '#test/root/rpm-forge.ts';
import { VARIABLES } from '#test/root/solver-repository.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-repositories-'));
const repository = path.join(scratch, 'repository');
const addon = loadSolver();
const requests: string[] = [];
const server = http.createServer((request, response) => {
  requests.push(request.url ?? '');
  const file = path.join(scratch, decodeURIComponent(request.url ?? ''));
  if (fs.existsSync(file)) fs.createReadStream(file).pipe(response);
  else response.writeHead(404).end();
});
let origin = '';

beforeAll(async () => {
  buildRpm(repository, {
    name: 'odd+name',
    version: '1~rc1',
    files: [{ path: '/usr/share/odd/file', content: 'x' }],
  });
  buildRpm(repository, { name: 'other', requires: ['odd+name'], files: [] });
  createRepository(repository, {
    comps:
      '<comps><group><id>g</id><name>G</name><packagelist><packagereq type="mandatory">other</packagereq></packagelist></group></comps>',
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
  fs.rmSync(scratch, { recursive: true, force: true });
});

test('a package that no package may be called is not chosen, and does not keep others from it', async () => {
  const copy = path.join(scratch, 'misnamed');
  fs.cpSync(repository, copy, { recursive: true });
  forgeRpm(path.join(copy, 'evil.rpm'), { name: 'evil/../../x', files: [] });
  createRepository(copy, {});
  const loaded = await load(`baseurl=file://${copy}`);
  expect(await install(loaded, ['other'])).toHaveLength(2);
  await expect(install(loaded, ['evil/../../x'])).rejects.toMatchObject({
    code: 'BAD_METADATA',
    message:
      'repository t has a package that is refused: its name "evil/../../x" holds characters that none may have',
  });
});

test.each(['baseurl', 'mirrorlist', 'metalink'])(
  'an address of ftp in %s is refused, and where it stands',
  async (key) => {
    await expect(load(`${key}=ftp://mirror.invalid/x`)).rejects.toMatchObject({
      message: expect.stringMatching(
        /^repository t: its metadata cannot be had: ftp:\/\/mirror.invalid\/x\S*: addresses of ftp are not supported/,
      ) as string,
      hint: expect.stringMatching(/in \/\S*\/t.repo:1, or leave it out with --disablerepo t$/) as string,
    });
  },
);

describe('metadata in every compression', () => {
  test.each(['gz', 'xz', 'bz2'])('%s: primary, file lists and groups', async (compression) => {
    const copy = path.join(scratch, `in-${compression}`);
    fs.cpSync(repository, copy, { recursive: true });
    fs.rmSync(path.join(copy, 'repodata'), { recursive: true });
    const options = ['--quiet', '--no-database', '--general-compress-type', compression];
    execFileSync('createrepo_c', [...options, '-g', path.join(copy, 'comps.xml'), copy]);
    const loaded = await load(`baseurl=file://${copy}`);
    expect(await install(loaded, ['/usr/share/odd/file', '@g'])).toHaveLength(2);
  });
});

test('metadata compressed with zstd, which not every createrepo_c writes', async () => {
  const copy = path.join(scratch, 'in-zst');
  fs.cpSync(repository, copy, { recursive: true });
  execFileSync('createrepo_c', ['--quiet', '--no-database', '-g', path.join(copy, 'comps.xml'), copy]);
  withZstd(path.join(copy, 'repodata/repomd.xml'), copy);
  const loaded = await load(`baseurl=file://${copy}`);
  expect(await install(loaded, ['/usr/share/odd/file', '@g'])).toHaveLength(2);
});

describe('from a server', () => {
  test('through a mirror list whose first mirror is gone, and packages too', async () => {
    fs.writeFileSync(path.join(scratch, 'mirrors'), `${origin}/gone\n${origin}/repository/\n`);
    const cache = newDirectory();
    const loaded = await load(`mirrorlist=${origin}/mirrors`, { cache });
    const packages = await install(loaded, ['other']);
    const paths = await downloadPackages(packages, loaded.repositories, cache);
    for (const one of packages) {
      const file = paths.get(keyOf(one)) ?? '';
      expect(file.startsWith(cache)).toBe(true);
      expect(sha256(fs.readFileSync(file))).toBe(one.checksum.hex);
    }
    requests.length = 0;
    await downloadPackages(packages, loaded.repositories, cache);
    expect(requests).toEqual([]);
  });

  test('a metalink accepts only the repomd.xml that it describes', async () => {
    const repomd = fs.readFileSync(path.join(repository, 'repodata/repomd.xml'));
    const digest = sha256(repomd);
    const link = (hash: string) =>
      `<metalink><files><file name="repomd.xml"><verification><hash type="sha256">${hash}</hash></verification><resources><url preference="1">${origin}/repository/repodata/repomd.xml</url></resources></file></files></metalink>`;
    fs.writeFileSync(path.join(scratch, 'metalink'), link(digest));
    expect(await install(await load(`metalink=${origin}/metalink`), ['other'])).toHaveLength(2);
    fs.writeFileSync(path.join(scratch, 'metalink'), link('0'.repeat(64)));
    await expect(load(`metalink=${origin}/metalink`)).rejects.toThrow(
      'not the file that the metalink describes',
    );
  });

  test('young metadata is not asked for again; -C never asks; --refresh does', async () => {
    const cache = newDirectory();
    const text = `baseurl=${origin}/repository\nmetadata_expire=1h`;
    await install(await load(text, { cache }), ['@g']);
    requests.length = 0;
    await install(await load(text, { cache }), ['@g']);
    await install(await load(text, { cache, cacheOnly: true }), ['@g']);
    expect(requests).toEqual([]);
    await load(text, { cache, refresh: true });
    await load(text, { cache, now: Date.now() / 1000 + 7200 });
    expect(requests).toEqual(['/repository/repodata/repomd.xml', '/repository/repodata/repomd.xml']);
  });

  test('a damaged cache is mended', async () => {
    const cache = newDirectory();
    const text = `baseurl=${origin}/repository`;
    await install(await load(text, { cache }), ['other']);
    for (const name of fs.readdirSync(cache, { recursive: true }) as string[])
      if (fs.statSync(path.join(cache, name)).isFile()) fs.truncateSync(path.join(cache, name), 10);
    expect(await install(await load(text, { cache }), ['other', '@g'])).toHaveLength(2);
  });
});

describe('what cannot be used is refused by name', () => {
  test('a repository that is not there', async () => {
    await expect(load(`baseurl=${origin}/missing`)).rejects.toThrow(
      `repository t: its metadata cannot be had: ${origin}/missing/repodata/repomd.xml: the server answers 404`,
    );
    const { repositories, skipped } = await load(`baseurl=${origin}/missing\nskip_if_unavailable=1`);
    expect([repositories.length, skipped.map(({ id }) => id)]).toEqual([0, ['t']]);
  });

  test('metadata that is not what repomd.xml says', async () => {
    const copy = path.join(scratch, 'changed');
    fs.cpSync(repository, copy, { recursive: true });
    const primary =
      fs.readdirSync(path.join(copy, 'repodata')).find((name) => name.includes('primary.xml')) ?? '';
    const file = path.join(copy, 'repodata', primary);
    const bytes = fs.readFileSync(file);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    fs.writeFileSync(file, bytes);
    await expect(load(`baseurl=file://${copy}`)).rejects.toThrow(
      new RegExp(`repository t: .*${primary}: its sha256`),
    );
  });

  test('a package that is not what the metadata says, or is missing', async () => {
    const copy = path.join(scratch, 'replaced');
    fs.cpSync(repository, copy, { recursive: true });
    const loaded = await load(`baseurl=file://${copy}`);
    const packages = await install(loaded, ['other']);
    const file = path.join(copy, packages[1]?.location ?? '');
    fs.appendFileSync(file, 'x');
    const download = () => downloadPackages(packages, loaded.repositories, newDirectory());
    await expect(download()).rejects.toThrow(
      /repository t: other-1\.0-1\.noarch: .* does not have the sha256/,
    );
    fs.rmSync(file);
    await expect(download()).rejects.toThrow(/repository t: other-1\.0-1\.noarch: there is no file/);
  });

  test('metadata that is not XML, though its checksum is right', async () => {
    const copy = path.join(scratch, 'nonsense');
    fs.mkdirSync(path.join(copy, 'repodata'), { recursive: true });
    const text = 'no xml at all';
    fs.writeFileSync(path.join(copy, 'repodata/primary.xml'), text);
    const digest = sha256(text);
    const data = `<data type="primary"><checksum type="sha256">${digest}</checksum><location href="repodata/primary.xml"/></data>`;
    fs.writeFileSync(path.join(copy, 'repodata/repomd.xml'), `<repomd>${data}</repomd>`);
    await expect(load(`baseurl=file://${copy}`)).rejects.toThrow(
      /^repository t: reading its metadata: .*primary\.xml/,
    );
  });

  test('weak checksums', async () => {
    const copy = path.join(scratch, 'weak');
    fs.cpSync(repository, copy, { recursive: true });
    execFileSync('createrepo_c', ['--quiet', '--checksum', 'sha1', copy]);
    await expect(load(`baseurl=file://${copy}`)).rejects.toMatchObject({ code: 'WEAK_CHECKSUM' });
  });
});

interface LoadOptions extends Partial<MetadataOptions> {
  readonly cache?: string;
}

async function load(text: string, options: LoadOptions = {}): Promise<LoadedRepositories> {
  const files = newDirectory();
  fs.writeFileSync(path.join(files, 't.repo'), `[t]\ngpgcheck=0\n${text}\n`);
  const configs = readRepositories(files, { variables: VARIABLES });
  return await loadRepositories(configs, options.cache ?? newDirectory(), {
    addon,
    arch: 'x86_64',
    cacheOnly: false,
    now: Date.now() / 1000,
    trust: { root: scratch, acceptKeys: [] },
    ...options,
  });
}

async function install(
  { repositories }: LoadedRepositories,
  specs: string[],
): Promise<readonly SolvedPackage[]> {
  const result = await solve(addon, {
    arch: 'x86_64',
    installed: [],
    repositories,
    localPackages: [],
    install: specs,
    removeBase: [],
    weakDependencies: true,
  });
  if (result.kind === 'problems') throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return result.install;
}

/** Compresses every file of the metadata anew, and says so in repomd.xml. */
function withZstd(repomd: string, directory: string): void {
  const text = fs.readFileSync(repomd, 'utf8').replace(/<data type="[^]*?<\/data>/g, (block) => {
    const location = /href="([^"]+\.gz)"/.exec(block)?.[1];
    if (location === undefined) return block;
    const compressed = zlib.zstdCompressSync(
      zlib.gunzipSync(fs.readFileSync(path.join(directory, location))),
    );
    fs.writeFileSync(path.join(directory, location.replace(/gz$/, 'zst')), compressed);
    fs.rmSync(path.join(directory, location));
    return block
      .replace(/<checksum [^]*?<\/checksum>/, `<checksum type="sha256">${sha256(compressed)}</checksum>`)
      .replace(/<size>\d+/, `<size>${compressed.length}`)
      .replace(location, location.replace(/gz$/, 'zst'))
      .replace('type="group_gz"', 'type="group_zst"');
  });
  // The plain form of the groups is dropped, so that only the compressed one is left.
  fs.writeFileSync(repomd, text.replace(/<data type="group">[^]*?<\/data>/, ''));
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function keyOf({ nevra: { name, version, release, arch } }: SolvedPackage): string {
  return `${name}-${version}-${release}.${arch}`;
}

function newDirectory(): string {
  return fs.mkdtempSync(path.join(scratch, 'd-'));
}
