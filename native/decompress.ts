import { bunzip } from '#native/bunzip.ts';
import { loadAddon } from '#native/load.ts';

export type CompressionFormat = 'gzip' | 'xz' | 'lzma' | 'zstd' | 'bzip2';

/** Gives the next bytes; an empty array at the end. */
export type ReadBytes = () => Uint8Array;

/** A decompressor of the addon; several streams in a row are read as one. All methods throw Error on bad data. */
interface Decompressor {
  feed(bytes: Uint8Array): void;
  /** At most `maximum` bytes; empty where more input is needed. */
  read(maximum: number): Uint8Array;
  /** Throws where the data ended within a stream. */
  finish(): void;
  close(): void;
}

interface DecompressCalls {
  decompressor(format: Exclude<CompressionFormat, 'bzip2'>): Decompressor;
}

const OUTPUT_CHUNK = 1 << 20;

/**
 * The decompressed bytes of `source`, in pieces of about 1 MiB, with bounded memory.
 * @throws Error with a short reason where the data is corrupted or ends too early
 */
export function* decompress(format: CompressionFormat, source: ReadBytes): Generator<Uint8Array, void> {
  if (format === 'bzip2') {
    yield* bunzip(source);
    return;
  }
  const decompressor = (loadAddon('syscalls.node') as DecompressCalls).decompressor(format);
  try {
    for (let input = source(); input.length > 0; input = source()) {
      decompressor.feed(input);
      for (let output = decompressor.read(OUTPUT_CHUNK); output.length > 0;) {
        yield output;
        output = decompressor.read(OUTPUT_CHUNK);
      }
    }
    decompressor.finish();
  } finally {
    decompressor.close();
  }
}
