/** Repositories that were made to exhaust or deceive: a clear error, in bounded time and memory, and nothing left behind. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadRepositories } from '#layering/metadata.ts';
import { readRepositories } from '#layering/repository-config.ts';
import { loadSolver } from '#native/solver.ts';
import { bomb, makeRepository, primary } from './hostile-repository.ts';
import { VARIABLES } from './solver-repository.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-hostile-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

interface Outcome {
  readonly text: string;
  /** Of the processor. */
  readonly seconds: number;
  readonly megabytes: number;
}

function repository(name: string, files: Readonly<Record<string, string | Buffer>>): string {
  return makeRepository(path.join(scratch, name), files);
}

function resolved(directory: string, spec: string): Outcome {
  const cache = fs.mkdtempSync(path.join(scratch, 'cache-'));
  const child = path.join(import.meta.dirname, 'hostile-repository-child.ts');
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [child, directory, cache, spec], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect(`${stderr}${status} ${signal}`).toBe('0 null');
  // Nothing half made that a later run would take.
  const files = fs.readdirSync(cache, { recursive: true }) as string[];
  expect(files.filter((file) => /\.(tmp|new|part)$/.test(file))).toEqual([]);
  return JSON.parse(stdout) as Outcome;
}

describe('what unpacks to far more than it is', () => {
  const [start = '', end = ''] = primary([{ name: 'a' }]).split('<summary>x');
  test.each([
    ['one text', bomb(`${start}<summary>`, 100, 'x', end), /has a text of more than 8388608 bytes/],
    [
      'a comment',
      bomb(`${start}<!--`, 100, 'x', `--><summary>${end}`),
      /has a text of more than 8388608 bytes/,
    ],
    [
      'many elements',
      bomb(start, 100, '<summary/>', `<summary>${end}`),
      /unpacks to more than 67108864 bytes, a hundred times its size/,
    ],
  ])('primary metadata of %s', (name, bytes, message) => {
    expect(bytes.length).toBeLessThan(1 << 20);
    const { text, seconds, megabytes } = resolved(
      repository(`bomb ${name}`, { 'primary.xml.gz': bytes }),
      'a',
    );
    expect(text).toMatch(/^BAD_METADATA: repository h: reading its metadata: /);
    expect(text).toMatch(message);
    expect(seconds).toBeLessThan(10);
    expect(megabytes).toBeLessThan(300);
  });

  // The other formats of compression, as the programs make them.
  test.each([
    ['xz', 'xz'],
    ['zst', 'zstd'],
    ['bz2', 'bzip2'],
  ])('primary metadata, .%s', (ending, program) => {
    // bzip2 takes minutes for what is not one letter; it is unpacked before it is parsed.
    const filling = ending === 'bz2' ? 'x' : '<summary/>';
    const text = `${start}<summary>${filling.repeat(80_000_000 / filling.length)}${end}`;
    const bytes = execFileSync(program, ['-c'], { input: text, maxBuffer: 1 << 28 });
    expect(bytes.length).toBeLessThan(1 << 20);
    const {
      text: told,
      seconds,
      megabytes,
    } = resolved(repository(`bomb ${ending}`, { [`primary.xml.${ending}`]: bytes }), 'a');
    expect(told).toMatch(/^BAD_METADATA: repository h: .*more than 67108864 bytes, a hundred times its size/);
    expect(seconds).toBeLessThan(20);
    expect(megabytes).toBeLessThan(400);
  });

  test.each([
    ['file lists', 'filelists.xml.gz', '/usr/bin/x', /has elements nested more than 100 deep/],
    ['module metadata', 'modules.yaml.gz', 'a', /longer than 268435456 bytes/],
  ])('%s', (_, file, spec, message) => {
    const bytes = bomb('<filelists>', 300, '<package>', '</filelists>');
    const files = { 'primary.xml': primary([{ name: 'a' }]), [file]: bytes };
    const { text, megabytes } = resolved(repository(`bomb ${file}`, files), spec);
    expect(text).toMatch(/^BAD_METADATA: repository h: /);
    expect(text).toMatch(message);
    expect(megabytes).toBeLessThan(700);
  });

  test('a groups file', () => {
    const comps = bomb('<comps><group><id>', 100, 'x', '</id></group></comps>');
    const files = { 'primary.xml': primary([{ name: 'a' }]), 'comps.xml.gz': comps };
    const { text, megabytes } = resolved(repository('bomb comps', files), '@g');
    expect(text).toMatch(/^BAD_METADATA: repository h: .* longer than 67108864 bytes/);
    expect(megabytes).toBeLessThan(400);
  });
});

describe('tricks of XML', () => {
  const laughs = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">${'bcdefghij'
    .split('')
    .map((name, at) => `<!ENTITY ${name} "${`&${'abcdefghij'.charAt(at)};`.repeat(10)}">`)
    .join('')}]>`;
  const outside = '<!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/passwd">]>';

  test.each([
    ['entities of entities', laughs],
    ['a file of the machine', outside],
  ])('%s, in every file', (name, doctype) => {
    const comps = `${doctype}<comps><group><id>&j;</id></group></comps>`;
    const good = { 'primary.xml': primary([{ name: 'a' }]) };
    const groups = resolved(repository(`${name} comps`, { ...good, 'comps.xml': comps }), '@g');
    expect(groups.text).toMatch(/^BAD_METADATA: repository h: .*not a comps file: .*entity/);
    const inPrimary = primary([{ name: 'a' }], doctype).replace('<summary>x', '<summary>&j;');
    const solved = resolved(repository(`${name} primary`, { 'primary.xml': inPrimary }), 'a');
    expect(solved.text).toMatch(/^BAD_METADATA: repository h: .*declares a document type or entities/);
    expect(solved.text).not.toContain('root:');
    for (const { seconds, megabytes } of [groups, solved]) {
      expect(seconds).toBeLessThan(10);
      expect(megabytes).toBeLessThan(300);
    }
  });

  test.each([
    ['quotes', (within: string) => `<summary a="/>">${within}</summary>`],
    ['comments', (within: string) => `<summary><!-- </summary> -->${within}</summary>`],
    ['CDATA', (within: string) => `<summary><![CDATA[</summary>]]>${within}</summary>`],
    ['instructions', (within: string) => `<summary><?a </summary>?>${within}</summary>`],
  ])('elements that seem to be closed in %s', (name, around) => {
    const said = (how: string, text: string): string => {
      const metadata = primary([{ name: 'a' }]).replace('<summary>x</summary>', text);
      return resolved(repository(`${name} ${how}`, { 'primary.xml': metadata }), 'a').text;
    };
    const deep = Array.from({ length: 150 }).reduce<string>(around, '');
    expect(said('within each other', deep)).toMatch(/nested more than 100 deep/);
    expect(said('beside each other', around('').repeat(150))).toBe('installs 1');
  });

  test.each([
    ['entities of entities', laughs],
    ['a file of the machine', outside],
  ])('%s, in repomd.xml', (name, doctype) => {
    const directory = repository(`${name} repomd`, { 'primary.xml': primary([{ name: 'a' }]) });
    const file = path.join(directory, 'repodata/repomd.xml');
    const good = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(
      file,
      `${doctype}${good.replace('<location href="', '<location>&j;</location><location href="')}`,
    );
    const { text, seconds } = resolved(directory, 'a');
    expect(text).toMatch(/^BAD_METADATA: repository h: repomd\.xml: not well-formed: .*entity/);
    expect(seconds).toBeLessThan(10);
  });

  test('elements within each other without end', () => {
    const deep = `<comps>${'<group>'.repeat(200_000)}${'</group>'.repeat(200_000)}</comps>`;
    const files = { 'primary.xml': primary([{ name: 'a' }]), 'comps.xml': deep };
    const { text, seconds } = resolved(repository('deep', files), '@g');
    expect(text).toMatch(/nested 32 deep$/);
    expect(seconds).toBeLessThan(10);
  });
});

describe('dependencies without end', () => {
  test('an environment of itself, and groups that name each other', () => {
    const comps =
      '<comps><environment><id>e</id><name>E</name><grouplist><groupid>e</groupid><groupid>g</groupid></grouplist></environment><group><id>g</id><name>G</name><packagelist><packagereq type="mandatory">a</packagereq><packagereq type="conditional" requires="a">a</packagereq></packagelist></group></comps>';
    const files = { 'primary.xml': primary([{ name: 'a' }]), 'comps.xml': comps };
    const { text } = resolved(repository('cycle', files), '@e');
    expect(JSON.parse(text)).toMatchObject({ id: 'e', mandatory: ['a'] });
  });

  test('2,000 packages in a ring', () => {
    const ring = Array.from({ length: 2000 }, (_, at) => ({
      name: `p${at}`,
      requires: [`p${(at + 1) % 2000}`],
    }));
    const { text, seconds } = resolved(repository('ring', { 'primary.xml.gz': primary(ring) }), 'p7');
    expect(text).toBe('installs 2000');
    expect(seconds).toBeLessThan(20);
  });

  test('100,000 provides, all required by another', () => {
    const names = Array.from({ length: 100_000 }, (_, at) => `cap-${at}`);
    const packages = [
      { name: 'many', provides: names },
      { name: 'wants', requires: names },
    ];
    const { text, seconds, megabytes } = resolved(
      repository('provides', { 'primary.xml.gz': primary(packages) }),
      'wants',
    );
    expect(text).toBe('installs 2');
    expect(seconds).toBeLessThan(20);
    expect(megabytes).toBeLessThan(400);
  });

  test.each(['(', '&#40;', '&#x28;'])('a rich dependency 100,000 deep, each level as %s', (opening) => {
    const depth = 100_000;
    const rich = `${'(a or '.repeat(depth)}a${')'.repeat(depth)}`;
    const requires = [rich.replaceAll('(', opening)];
    const files = { 'primary.xml.gz': primary([{ name: 'a' }, { name: 'deep', requires }]) };
    const { text, seconds } = resolved(repository(`rich-${opening.length}`, files), 'deep');
    expect(text).toMatch(/^BAD_METADATA: .*a dependency with more than 2000 parentheses at line \d+:\d+$/);
    expect(seconds).toBeLessThan(20);
  });
});

describe('servers', () => {
  let origin = '';
  let answer: (request: http.IncomingMessage, response: http.ServerResponse) => void = () => undefined;
  let good: string;
  const server = http.createServer((request, response) => answer(request, response));
  const timers: NodeJS.Timeout[] = [];
  beforeAll(async () => {
    good = repository('good', { 'primary.xml': primary([{ name: 'a' }]) });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    timers.forEach(clearInterval);
    server.close();
    server.closeAllConnections();
  });

  /** One second counts as gone. */
  async function load(): Promise<string> {
    const files = fs.mkdtempSync(path.join(scratch, 'files-'));
    fs.writeFileSync(path.join(files, 't.repo'), `[t]\ngpgcheck=0\ntimeout=1\nbaseurl=${origin}\n`);
    const [config] = readRepositories(files, { variables: VARIABLES });
    if (config === undefined) throw new Error('no repository');
    const cache = fs.mkdtempSync(path.join(scratch, 'cache-'));
    const trust = { root: scratch, acceptKeys: [] };
    const options = { addon: loadSolver(), arch: 'x86_64', cacheOnly: false, now: Date.now() / 1000, trust };
    try {
      await loadRepositories([config], cache, options);
      return 'loaded';
    } catch (error) {
      expect(
        fs.readdirSync(cache, { recursive: true }).filter((name) => /repomd\.xml$|solv$/.test(String(name))),
      ).toEqual([]);
      return (error as Error).message;
    }
  }

  const file = (name: string): Buffer => fs.readFileSync(path.join(good, 'repodata', name));
  const isRepomd = (request: http.IncomingMessage): boolean => request.url?.endsWith('repomd.xml') === true;

  test('one that does not answer', async () => {
    answer = () => undefined;
    expect(await load()).toMatch(/repomd\.xml: no answer for 1 seconds/);
  });

  test('one that begins and stops', async () => {
    answer = (_, response) => void response.writeHead(200, { 'content-length': '1000' }).write('<repomd>');
    expect(await load()).toMatch(/repomd\.xml: nothing more comes for 1 seconds/);
  });

  test('one that sends a byte now and then', async () => {
    answer = (_, response) => {
      response.writeHead(200);
      timers.push(setInterval(() => response.write(' '), 200));
    };
    expect(await load()).toMatch(/repomd\.xml: it sends less than 1000 bytes a second/);
  });

  test('one that sends without end', async () => {
    answer = (request, response) => {
      if (isRepomd(request)) return void response.end(file('repomd.xml'));
      response.writeHead(200);
      const block = Buffer.alloc(1 << 16);
      const more = (): void => {
        while (!response.destroyed && response.write(block));
      };
      response.on('drain', more);
      more();
    };
    expect(await load()).toMatch(/primary\.xml: it is longer than the [0-9]+ bytes that the metadata says/);
  });

  test('one that lies about the length, or ends early', async () => {
    answer = (request, response) => {
      const bytes = isRepomd(request) ? file('repomd.xml') : file('primary.xml');
      if (isRepomd(request)) return void response.end(bytes);
      response.writeHead(200, { 'content-length': bytes.length + 10 });
      response.write(bytes.subarray(0, 50));
      setTimeout(() => response.destroy(), 50);
    };
    expect(await load()).toMatch(/primary\.xml: /);
  });

  test('one whose repository changes between two requests', async () => {
    answer = (request, response) => {
      const bytes = file(isRepomd(request) ? 'repomd.xml' : 'primary.xml');
      response.end(isRepomd(request) ? bytes : Buffer.from(bytes.toString().replace('<name>a<', '<name>b<')));
    };
    expect(await load()).toMatch(/primary\.xml: its sha256 is not the [0-9a-f]{64} that the metadata says/);
  });

  test('one that redirects in a ring, or to a file', async () => {
    answer = (request, response) => void response.writeHead(302, { location: `${request.url ?? ''}` }).end();
    expect(await load()).toMatch(/more than 10 redirects/);
    answer = (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    expect(await load()).toMatch(/redirects to file:\/\/\/etc\/passwd, which is not a web address/);
  });

  test('metadata that is said to be larger than any', async () => {
    answer = (request, response) => {
      expect(isRepomd(request)).toBe(true);
      response.end(
        file('repomd.xml')
          .toString()
          .replace(/<size>\d+/, '<size>99999999999'),
      );
    };
    expect(await load()).toMatch(/primary metadata is said to have 99999999999 bytes/);
  });

  test('and an honest one', async () => {
    answer = (request, response) => void response.end(file(path.basename(request.url ?? '')));
    expect(await load()).toBe('loaded');
  });
});
