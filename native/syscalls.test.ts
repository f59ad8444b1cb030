import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD, S, type Fd } from '#native/syscalls.ts';

const sys = loadSyscalls();
let folder = '';
let dir: Fd = -1;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'syscalls-'));
  dir = sys.open(AT_FDCWD, folder, ['read', 'directory']);
});
afterEach(() => {
  sys.close(dir);
  sys.removeTree(AT_FDCWD, folder);
});

function create(name: string, content: string): void {
  fs.writeFileSync(path.join(folder, name), content);
}

test('a failing call throws the errno, the call and the path', () => {
  expect(() => sys.readFile(dir, 'nothing')).toThrow(
    expect.objectContaining({
      code: 'ENOENT',
      syscall: 'open',
      path: 'nothing',
      message: 'nothing: No such file or directory',
    }),
  );
});

test('a NUL in a path is refused instead of cutting the path there', () => {
  create('short', '');
  expect(() => sys.lstat(dir, 'short\0/and more')).toThrow(TypeError);
});

test('lookups of what is not there give null', () => {
  create('file', '');
  expect([
    sys.stat(dir, 'no'),
    sys.lstat(dir, 'file/below'),
    sys.readText(dir, 'no'),
    sys.readlink(dir, 'no'),
  ]).toEqual([null, null, null, null]);
});

test('lstat agrees with Node', () => {
  create('file', 'twelve bytes');
  const expected = fs.lstatSync(path.join(folder, 'file'));
  expect(sys.lstat(dir, 'file')).toMatchObject({
    mode: expected.mode,
    size: 12,
    ino: expected.ino,
    dev: expected.dev,
    nlink: 1,
    mtime: Math.floor(expected.mtimeMs / 1000),
  });
});

test('a fifo where a file is expected ends in an error instead of waiting for a writer', () => {
  spawnSync('mkfifo', [path.join(folder, 'fifo')]);
  expect(() => sys.readText(dir, 'fifo')).toThrow(expect.objectContaining({ code: 'EINVAL', path: 'fifo' }));
});

test('writing waits for a slow reader, also where the descriptor is non-blocking', () => {
  const script = `
    import { loadSyscalls } from '#native/load.ts';
    process.stdout;
    loadSyscalls().write(1, 'x'.repeat(1_000_000));`;
  const pipe = spawnSync(
    'sh',
    ['-c', '"$0" --input-type=module -e "$1" | (sleep 0.3; wc -c)', process.execPath, script],
    {
      cwd: path.join(import.meta.dirname, '..'),
      encoding: 'utf8',
    },
  );
  expect([pipe.stdout.trim(), pipe.stderr]).toEqual(['1000000', '']);
});

test('readdir is sorted bytewise and tells kinds', () => {
  create('b', '');
  fs.mkdirSync(path.join(folder, 'a'));
  fs.symlinkSync('b', path.join(folder, 'ä'));
  expect(sys.readdir(dir, '.')).toEqual([
    { name: 'a', kind: 'directory' },
    { name: 'b', kind: 'file' },
    { name: 'ä', kind: 'symlink' },
  ]);
});

test('an unnamed file gets its name only when it is linked', () => {
  const fd = sys.open(dir, '.', ['tmpfile', 'read-write'], 0o600);
  sys.write(fd, 'whole');
  expect(sys.readdir(dir, '.')).toEqual([]);
  sys.linkFd(fd, dir, 'named');
  sys.close(fd);
  expect(sys.readText(dir, 'named')).toBe('whole');
});

test('an exclusive lock keeps others out and its holder can be told', async () => {
  const fd = sys.open(dir, 'lock', ['read-write', 'create']);
  expect(sys.lock(fd, 'exclusive', false)).toBe(true);
  const again = sys.open(dir, 'lock', ['read-write']);
  expect(sys.lock(again, 'shared', false)).toBe(false);
  sys.close(fd);
  expect(sys.lock(again, 'shared', false)).toBe(true);
  sys.close(again);
  await Promise.resolve();
});

test('extended attributes come back sorted, also through a directory fd, never through a symlink', () => {
  create('file', '');
  fs.symlinkSync('file', path.join(folder, 'link'));
  sys.setXattr(dir, 'file', 'user.b', Uint8Array.of(2));
  sys.setXattr(dir, 'file', 'user.a', Uint8Array.of());
  expect(sys.xattrs(dir, 'file').filter(({ name }) => name.startsWith('user.'))).toEqual([
    { name: 'user.a', value: Uint8Array.of() },
    { name: 'user.b', value: Uint8Array.of(2) },
  ]);
  expect(sys.xattrs(dir, 'link').filter(({ name }) => name.startsWith('user.'))).toEqual([]);
});

test('removeTree takes symlinks, not what they point to, and read-only folders', () => {
  const outside = fs.mkdtempSync(path.join(os.tmpdir(), 'syscalls-outside-'));
  fs.writeFileSync(path.join(outside, 'kept'), '');
  fs.mkdirSync(path.join(folder, 'tree/deep'), { recursive: true });
  fs.symlinkSync(outside, path.join(folder, 'tree/deep/link'));
  sys.removeTree(dir, 'tree');
  sys.removeTree(dir, 'tree');
  expect(fs.readdirSync(folder)).toEqual([]);
  expect(fs.readdirSync(outside)).toEqual(['kept']);
  fs.rmSync(outside, { recursive: true });
});

test('SHA-256 agrees with Node over pieces', () => {
  const bytes = new Uint8Array(100_003).map((_, index) => index % 251);
  const hash = sys.sha256();
  hash.update(bytes.subarray(0, 1));
  hash.update(bytes.subarray(1));
  expect(hash.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test('the modes in S are those of the kernel', () => {
  expect((sys.stat(AT_FDCWD, '/dev/null')?.mode ?? 0) & S.IFMT).toBe(S.IFCHR);
});

test('an Ed25519 signature is valid for its key and message alone (RFC 8032, test 2)', () => {
  const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
  const key = hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
  const signature = hex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
  expect(sys.verifyEd25519(key, hex('72'), signature)).toBe(true);
  expect(sys.verifyEd25519(key, hex('73'), signature)).toBe(false);
  expect(sys.verifyEd25519(signature.subarray(0, 32), hex('72'), signature)).toBe(false);
  expect(sys.verifyEd25519(key.subarray(1), hex('72'), signature)).toBe(false);
  expect(sys.verifyEd25519(key, hex('72'), signature.subarray(1))).toBe(false);
});

test('a file without fs-verity has no digest', () => {
  create('plain', 'x');
  const fd = sys.open(dir, 'plain', ['read']);
  expect(sys.measureVerity(fd)).toBe(null);
  sys.close(fd);
});

test('a file system in memory has no fs-verity', () => {
  const fd = sys.open(AT_FDCWD, '/proc/self/status', ['read']);
  expect(sys.enableVerity(fd)).toBe(false);
  sys.close(fd);
});

test('a datagram arrives whole, or nobody listens', () => {
  const socket = path.join(folder, 'socket');
  expect(sys.sendDatagram(socket, 'A=1\n')).toBe(false);
  const listener = spawn('python3', [
    '-c',
    `import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(${JSON.stringify(socket)}); print('ready', flush=True); print(s.recv(99))`,
  ]);
  return new Promise<void>((done, failed) => {
    listener.on('error', failed);
    let printed = '';
    listener.stdout.on('data', (text: Buffer) => {
      printed += text.toString();
      if (printed === 'ready\n') expect(sys.sendDatagram(socket, 'A=1\n')).toBe(true);
    });
    listener.on('close', () => {
      expect(printed).toBe("ready\nb'A=1\\n'\n");
      done();
    });
  });
});
