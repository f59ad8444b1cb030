/**
 * Work on many files in one native call, several threads inside. The addon knows no OSTree format: headers, names
 * and attribute values are handed in as bytes.
 */
export interface BatchCalls {
  /** zlib raw deflate at `level`; of the whole buffer. */
  deflateRaw(bytes: Uint8Array, level: number): Uint8Array;
}
