/** Whether a package file is signed by somebody who is trusted; asked before anything of it is used. */
import fs from 'node:fs';
import { duringAsync, UserError } from '#ostree/format/errors.ts';
import { verifyOpenPgp, type Keyring } from '#layering/openpgp.ts';
import type { ByteRange, RpmFile } from '#layering/rpm-file.ts';
import { HEADER_MAGIC } from '#layering/rpm-header.ts';

/** Larger than this is not read into memory: a signature over the header alone is then needed. */
const MOST_SIGNED_BYTES = 256 * 1024 * 1024;

/**
 * One good signature is enough; those over the header alone (it holds the payload's digest) are tried first.
 * @throws UserError UNSIGNED, and those of `verifyOpenPgp`, naming the file
 */
export async function verifyPackage(rpm: RpmFile, keyring: Keyring): Promise<void> {
  await duringAsync(`package ${rpm.path}`, async () => {
    const [signature] = [...rpm.signatures].sort((a, b) => length(a.covers) - length(b.covers));
    if (signature === undefined)
      throw new UserError('UNSIGNED', 'it is not signed', {
        hint: 'use a signed package, or turn the check off with --no-gpgchecks (gpgcheck=0 of its repository)',
      });
    if (length(signature.covers) > MOST_SIGNED_BYTES)
      throw new UserError('UNSIGNED', 'only the package as a whole is signed, and it is too large to check');
    await verifyOpenPgp(signedBytes(rpm, signature.covers), signature.bytes, keyring);
  });
}

/**
 * What is used of the package is what was parsed, so that is what is checked: the file may be another by now. The
 * payload is checked against the header's digest once more when it is read.
 */
function signedBytes(rpm: RpmFile, covers: ByteRange): Uint8Array[] {
  const header = [HEADER_MAGIC, rpm.header.bytes];
  return covers.end > rpm.headerRange.end ? [...header, readRange(rpm.path, rpm.payloadRange)] : header;
}

function length({ start, end }: ByteRange): number {
  return end - start;
}

function readRange(path: string, range: ByteRange): Uint8Array {
  const bytes = Buffer.alloc(length(range));
  const fd = fs.openSync(path, 'r');
  try {
    for (let at = 0; at < bytes.length;) {
      const got = fs.readSync(fd, bytes, at, bytes.length - at, range.start + at);
      if (got === 0) throw new UserError('BAD_RPM', 'it ends within what is signed');
      at += got;
    }
  } finally {
    fs.closeSync(fd);
  }
  return bytes;
}
