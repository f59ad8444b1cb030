/** The client and signatures of packages: whose keys count, when it asks, and that nothing is used before. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRpmFile } from '#layering/rpm-file.ts';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';
import {
  deploymentRoot,
  deploymentsOf,
  firstDeployment,
  makeTestSystem,
  packageFile,
  type ProgramResult,
  type TestSystem,
} from './layering-sysroot.ts';
import { forgeRpm } from './rpm-forge.ts';
import { newKey, removeKeys, rpmsign, type SigningKey } from './signing-keys.ts';

const KEPT = 'etc/pki/yum-ostree';
let system: TestSystem;
let [first, second]: SigningKey[] = [];
let served: Buffer;
let asked = 0;
const server = http.createServer((request, response) => {
  if (request.url !== '/key') return void response.writeHead(404).end();
  asked += 1;
  response.end(served);
});

beforeAll(async () => {
  system = makeTestSystem();
  [first, second] = [newKey('rsa3072'), newKey('ed25519')];
  for (const [name, key] of [
    ['one', first],
    ['two', first],
    ['three', second],
  ] as const) {
    buildRpm(system.packages, { name, files: [{ path: `/usr/share/${name}`, content: name }] });
    rpmsign(keyOf(key), packageFile(system, name));
  }
  createRepository(system.packages, {});
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  served = keyOf(first).armoured();
  const { port } = server.address() as AddressInfo;
  const directory = path.join(deploymentRoot(system), 'etc/yum.repos.d');
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(
    path.join(directory, 't.repo'),
    `[t]\nbaseurl=file://${system.packages}\ngpgcheck=1\ngpgkey=http://127.0.0.1:${port}/key\n`,
  );
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  removeKeys();
  system.remove();
});

function keyOf(key: SigningKey | undefined): SigningKey {
  if (key === undefined) throw new Error('there is no key');
  return key;
}

function words(...given: string[]): string[] {
  return [path.resolve('cli/bin/yum-ostree'), `--sysroot=${system.sysroot}`, ...given];
}

/** As from a pipe. The server has to go on meanwhile. */
async function client(...given: string[]): Promise<ProgramResult> {
  const child = spawn(process.execPath, words(...given), { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
  const status = await new Promise<number | null>((done) => child.on('close', done));
  return { status, stdout, stderr };
}

async function refused(...given: string[]): Promise<string> {
  const before = deploymentsOf(system);
  const { status, stderr } = await client(...given);
  expect(status).toBe(1);
  expect(deploymentsOf(system)).toEqual(before);
  return stderr;
}

async function installed(...given: string[]): Promise<void> {
  expect(await client('install', ...given)).toMatchObject({ status: 0 });
}

function keptKeys(): string[] {
  const directory = path.join(deploymentRoot(system), KEPT);
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}

test('a key of the repository file is refused by its fingerprint until it is named; -y does not name it', async () => {
  const { fingerprint } = keyOf(first);
  for (const more of [[], ['-y']]) {
    const text = await refused('install', 'one', ...more);
    expect(text).toContain(`: the key ${fingerprint} (Test <test@example.invalid>) from http://127.0.0.1:`);
    expect(text).toContain(
      `has not been accepted\nhint: compare the fingerprint with its owner's, then use --accept-key ${fingerprint}`,
    );
  }
  expect(keptKeys()).toEqual([]);
});

test('on a terminal it asks, showing the fingerprint; no is no', async () => {
  const text = await onTerminal('n\n');
  expect(text).toContain(
    `Trust the key ${keyOf(first).fingerprint} (Test <test@example.invalid>) from http://`,
  );
  expect(text).toMatch(/has not been accepted/);
  expect(keptKeys()).toEqual([]);
  expect(firstDeployment(system).packages).toEqual([]);
});

/** `install one` with a terminal for its output and its questions. */
async function onTerminal(answer: string): Promise<string> {
  const command = [process.execPath, ...words('install', 'one')].join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => {
    const before = text;
    text += piece.toString();
    if (text.includes('[y/N]') && !before.includes('[y/N]')) child.stdin.write(answer);
  });
  await new Promise((done) => child.on('close', done));
  return text;
}

test('once accepted it is kept, in the next deployment too, and not asked for again', async () => {
  await installed('one', '--accept-key', keyOf(first).fingerprint);
  expect(keptKeys()).toEqual([`${keyOf(first).fingerprint}.asc`]);
  const before = asked;
  await installed('two');
  expect(asked).toBe(before);
  expect(keptKeys()).toEqual([`${keyOf(first).fingerprint}.asc`]);
});

test('another key at the same address is asked about anew', async () => {
  served = keyOf(second).armoured();
  const text = await refused('install', 'three');
  expect(text).toContain(`the key ${keyOf(second).fingerprint}`);
  await installed('three', '--accept-key', keyOf(second).fingerprint.toLowerCase());
  expect(keptKeys()).toEqual([first, second].map((key) => `${keyOf(key).fingerprint}.asc`).sort());
});

test('files of the command line: signed by a key of the tree, or explicitly not checked', async () => {
  const build = (name: string): string => buildRpm(path.join(system.directory, 'local'), { name, files: [] });
  const [unsigned, known, stranger] = [build('unsigned'), build('known'), build('stranger')];
  rpmsign(keyOf(first), known);
  rpmsign(newKey('ed25519'), stranger);
  const text = await refused('install', unsigned, stranger);
  expect(text).toMatch(/package unsigned-1\.0-1\.noarch \(.*\): it is not signed/);
  expect(text).toMatch(
    /package stranger-1\.0-1\.noarch \(.*\): it is signed with key [0-9A-F]{16}, which is not trusted here/,
  );
  expect(text).toMatch(/hint: .*--no-gpgchecks/);
  await installed(known);
  await installed(unsigned, '--no-gpgchecks');
});

test('no byte of a payload is read before the signature holds', () => {
  const file = path.join(system.directory, 'trap.rpm');
  // What opens it meets a broken archive.
  const trap = { path: '/usr/trap', mode: 0o100644, content: 'x' };
  forgeRpm(file, { name: 'trap', files: [trap], entries: [], compressor: 'xz' });
  const { start } = readRpmFile(file).payloadRange;
  const far = (more: string[]): { readonly text: string; readonly farthest: number } => {
    const log = path.join(system.directory, 'reads');
    const options = [
      '-f',
      '-qq',
      '-y',
      '-e',
      'trace=read,pread64,readv,preadv,mmap,sendfile,copy_file_range',
      '-o',
      log,
    ];
    const done = spawnSync('strace', [...options, process.execPath, ...words('install', file, ...more)], {
      encoding: 'utf8',
    });
    const reads = fs
      .readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`<${file}>`));
    expect(reads.length).toBeGreaterThan(2);
    return { text: done.stderr, farthest: Math.max(...reads.map(endOfRead)) };
  };
  const checked = far([]);
  expect(checked.text).toMatch(/it is not signed/);
  expect(checked.farthest).toBe(start);
  // Without the check the very same file is opened.
  const unchecked = far(['--no-gpgchecks']);
  expect(unchecked.text).toMatch(/trap\.rpm has a damaged payload/);
  expect(unchecked.farthest).toBeGreaterThan(start);
}, 120_000);

/** Of a line of strace. What does not say where it reads may read anything. */
function endOfRead(line: string): number {
  const [, offset, got] = /pread64\(.*, (\d+)\)\s+= (\d+)$/.exec(line) ?? [];
  return offset === undefined || got === undefined ? Infinity : Number(offset) + Number(got);
}
