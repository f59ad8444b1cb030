import fs from 'node:fs';

/** Bytes. */
const PIECE = 1 << 20;

/**
 * A file's content in pieces, each of which is its own. Not a stream of Node's: loading those takes longer than reading
 * most of the files that are read this way.
 */
export async function* filePieces(file: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const handle = await fs.promises.open(file, 'r');
  try {
    for (;;) {
      signal?.throwIfAborted();
      const piece = new Uint8Array(PIECE);
      const { bytesRead } = await handle.read(piece, 0, PIECE, null);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
