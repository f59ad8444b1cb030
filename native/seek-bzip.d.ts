/** The part of seek-bzip that is used; the package has no types of its own. */
declare module 'seek-bzip' {
  const seekBzip: {
    /** Decompresses a whole bzip2 stream. @throws on damaged input */
    decode(input: Uint8Array): Buffer;
  };
  export default seekBzip;
}
