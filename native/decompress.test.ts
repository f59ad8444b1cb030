import { execFileSync } from 'node:child_process';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decompress, type CompressionFormat } from '#native/decompress.ts';

const PROGRAMS: readonly (readonly [CompressionFormat, string, readonly string[]])[] = [
  ['gzip', 'gzip', ['-9c']],
  ['xz', 'xz', ['-6c']],
  ['lzma', 'xz', ['--format=lzma', '-c']],
  ['zstd', 'node:zlib', []],
  ['bzip2', 'bzip2', ['-9c']],
];

/** Text that repeats, long runs (for bzip2's run-length code) and noise; more than two bzip2 blocks. */
const SAMPLE = Buffer.concat([
  Buffer.from('a line of text that comes again and again\n'.repeat(20_000)),
  Buffer.alloc(700_001, 0),
  Buffer.from(Uint8Array.from({ length: 900_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255)),
]);

test.each(PROGRAMS)('%s as %s writes it', (format, program, args) => {
  const packed = compressed(program, args, SAMPLE);
  for (const size of [1 << 16, 4099])
    expect(Buffer.concat([...decompress(format, chunks(packed, size))]).equals(SAMPLE)).toBe(true);
});

test.each(PROGRAMS)('%s: two streams in a row, and the empty file', (format, program, args) => {
  if (format === 'lzma')
    return expect(all(format, compressed(program, args, Buffer.alloc(0)))).toHaveLength(0);
  const parts = ['one', 'two'].map((text) => compressed(program, args, Buffer.from(text)));
  expect(all(format, Buffer.concat(parts)).toString()).toBe('onetwo');
  expect(all(format, compressed(program, args, Buffer.alloc(0)))).toHaveLength(0);
});

test.each(PROGRAMS)(
  '%s: data that is cut off or changed is refused and never gives other bytes',
  (format, program, args) => {
    const text = Buffer.from('some text, some text, some text\n'.repeat(50));
    const packed = compressed(program, args, text);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: packed.length - 1 }), (length) => {
        expect(() => all(format, packed.subarray(0, length))).toThrow();
      }),
      { numRuns: 60 },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: packed.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, change) => {
          const damaged = Buffer.from(packed);
          damaged[at] = (damaged[at] ?? 0) ^ change;
          try {
            const read = all(format, damaged);
            // lzma-alone carries no checksum of its content; the package's digests catch that.
            if (format !== 'lzma') expect(read.equals(text)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        },
      ),
      { numRuns: 300 },
    );
  },
);

test('a small file that would fill the memory comes in pieces', () => {
  const packed = compressed('xz', ['-9c'], Buffer.alloc(64 << 20));
  let largest = 0;
  for (const piece of decompress('xz', chunks(packed, 1 << 18))) largest = Math.max(largest, piece.length);
  expect(largest).toBeLessThanOrEqual(1 << 20);
});

function compressed(program: string, args: readonly string[], input: Buffer): Buffer {
  if (program === 'node:zlib')
    return zstdCompressSync(input, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  return execFileSync(program, args, { input, maxBuffer: 1 << 27, stdio: ['pipe', 'pipe', 'pipe'] });
}

function all(format: CompressionFormat, packed: Uint8Array): Buffer {
  return Buffer.concat([...decompress(format, chunks(packed, 1000))]);
}

function chunks(bytes: Uint8Array, size: number): () => Uint8Array {
  let at = 0;
  return () => {
    const chunk = bytes.subarray(at, at + size);
    at += chunk.length;
    return chunk;
  };
}
