import fs from 'node:fs';

/** Bytes. */
const PIECE = 1 << 20;

/**
 * A file's content in pieces, each of which is its own. Neither streams nor promises of Node's: loading their code takes
 * longer than reading most of the files that are read this way.
 */
export async function* filePieces(file: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const fd = fs.openSync(file, 'r');
  try {
    for (;;) {
      signal?.throwIfAborted();
      const piece = await nextPiece(fd);
      if (piece.length === 0) return;
      yield piece;
    }
  } finally {
    fs.closeSync(fd);
  }
}

function nextPiece(fd: number): Promise<Uint8Array> {
  const piece = new Uint8Array(PIECE);
  return new Promise((resolve, reject) =>
    fs.read(fd, piece, 0, PIECE, null, (error, length) => {
      if (error === null) resolve(piece.subarray(0, length));
      else reject(error);
    }),
  );
}
