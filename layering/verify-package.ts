/** Whether a package file is signed by somebody who is trusted; asked before anything of it is used. */
import fs from 'node:fs';
import { codeOf, duringAsync, UserError } from '#ostree/format/errors.ts';
import { formatNevra } from '#layering/nevra.ts';
import { type Keyring, type Signed, verifySigned } from '#layering/openpgp.ts';
import { readSignatures } from '#layering/openpgp-signature.ts';
import type { ByteRange, RpmFile, RpmSignature } from '#layering/rpm-file.ts';
import { HEADER_MAGIC } from '#layering/rpm-header.ts';
import { headerCoversPayload } from '#layering/rpm-payload.ts';

/** Larger than this is not read into memory: a signature over the header alone is then needed. */
const MOST_SIGNED_BYTES = 256 * 1024 * 1024;

/**
 * Signatures over the header count where it holds a digest of the payload; those over header and payload, which older
 * packages have, count where there is nothing better. As with rpm a wrong signature by a known key is a refusal even
 * beside a good one.
 * @throws UserError UNSIGNED, and those of `verifySigned`, naming the package and its file
 */
export async function verifyPackage(rpm: RpmFile, keyring: Keyring): Promise<void> {
  await duringAsync(`package ${formatNevra(rpm.nevra)} (${rpm.path})`, async () => {
    const ofHeader = rpm.signatures.filter(({ covers }) => covers.end === rpm.headerRange.end);
    const ofAll = rpm.signatures.filter(({ covers }) => covers.end !== rpm.headerRange.end);
    const best = headerCoversPayload(rpm) ? [ofHeader, ofAll] : [ofAll];
    const [first, second] = best.filter((group) => group.length > 0);
    if (first === undefined) throw unsigned(ofHeader);
    try {
      await verifySigned(await signedParts(rpm, first), keyring);
    } catch (error) {
      if (second === undefined || !(error instanceof UserError) || codeOf(error) === 'BAD_SIGNATURE')
        throw error;
      await verifySigned(await signedParts(rpm, second), keyring);
    }
  });
}

function unsigned(ofHeader: readonly RpmSignature[]): UserError {
  return new UserError(
    'UNSIGNED',
    ofHeader.length === 0
      ? 'it is not signed'
      : 'only its header is signed, which holds no digest of its payload',
    {
      hint: 'use a signed package, or turn the check off with --no-gpgchecks (gpgcheck=0 of its repository)',
    },
  );
}

async function signedParts(rpm: RpmFile, group: readonly RpmSignature[]): Promise<Signed[]> {
  const data = new Map<number, Uint8Array>();
  const parts: Signed[] = [];
  for (const { bytes, covers } of group)
    for (const signature of await readSignatures(bytes))
      parts.push({
        signature,
        data: () => {
          const known = data.get(covers.end) ?? signedBytes(rpm, covers);
          data.set(covers.end, known);
          return known;
        },
      });
  return parts;
}

/**
 * What is used of the package is what was parsed, so that is what is checked: the file may be another by now. The
 * payload is checked against the header's digest once more when it is read.
 */
function signedBytes(rpm: RpmFile, covers: ByteRange): Uint8Array {
  const header = [HEADER_MAGIC, rpm.header.bytes];
  if (covers.end === rpm.headerRange.end) return Buffer.concat(header);
  if (covers.end - covers.start > MOST_SIGNED_BYTES)
    throw new UserError('UNSIGNED', 'only the package as a whole is signed, and it is too large to check');
  return Buffer.concat([...header, readRange(rpm.path, rpm.payloadRange)]);
}

function readRange(path: string, { start, end }: ByteRange): Uint8Array {
  const bytes = Buffer.alloc(end - start);
  const fd = fs.openSync(path, 'r');
  try {
    for (let at = 0; at < bytes.length;) {
      const got = fs.readSync(fd, bytes, at, bytes.length - at, start + at);
      if (got === 0) throw new UserError('BAD_RPM', 'it ends within what is signed');
      at += got;
    }
  } finally {
    fs.closeSync(fd);
  }
  return bytes;
}
