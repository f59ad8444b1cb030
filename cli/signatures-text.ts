/** Signatures of GnuPG in the words of `ostree show` and `ostree remote summary`. */
import { describeSignature, type GpgSignature } from '#ostree/repo/gpg-status.ts';

/** `now` in seconds. */
export function signaturesText(signatures: readonly GpgSignature[], now: number, found: string): string {
  const count = `${found} ${signatures.length} signature${signatures.length === 1 ? '' : 's'}:\n`;
  const lines = signatures.map((one) => `\n${describeSignature(one, now).map(indented).join('')}`);
  return count + lines.join('');
}

function indented(line: string): string {
  return `  ${line}\n`;
}
