/** Trusted keys in the words of `ostree remote gpg-list-keys`, from a listing of `gpg --with-colons`. */
import { createHash } from '#native/hash.ts';
import { localTime } from '#ostree/repo/gpg-status.ts';

interface Row {
  readonly kind: string;
  readonly validity: string;
  readonly created: number;
  readonly expires: number;
  readonly text: string;
}

/** `now` in seconds. */
export function gpgKeyListText(listing: string, now: number): string {
  const rows = listing.split('\n').map(parseRow);
  return rows.map((row, index) => rowText(row, rows[index + 1], now)).join('');
}

function parseRow(line: string): Row {
  const fields = line.split(':');
  return {
    kind: fields[0] ?? '',
    validity: fields[1] ?? '',
    created: Number(fields[5] ?? 0),
    expires: Number(fields[6] ?? 0),
    text: unescaped(fields[9] ?? ''),
  };
}

function rowText(row: Row, next: Row | undefined, now: number): string {
  const revoked = row.validity === 'r' ? ' (revoked)' : '';
  switch (row.kind) {
    case 'pub':
      return `Key: ${next?.text ?? ''}${revoked}\n${timesText(row, '  ', now)}`;
    case 'sub':
      return `  Subkey: ${next?.text ?? ''}${revoked}\n${timesText(row, '    ', now)}`;
    case 'uid':
      return `  UID: ${row.text}${revoked}\n${updateUrls(row.text)}`;
    default:
      return '';
  }
}

function timesText({ created, expires }: Row, indent: string, now: number): string {
  const end =
    expires === 0 ? '' : `${indent}${expires <= now ? 'Expired' : 'Expires'}: ${localTime(expires)}\n`;
  return `${indent}Created: ${localTime(created)}\n${end}`;
}

/** Where a Web Key Directory has the newest form of the key (draft-koch-openpgp-webkey-service, section 3.1). */
function updateUrls(userId: string): string {
  const [, local, domain] = /<([^<>@]+)@([^<>@]+)>\s*$/.exec(userId) ?? [];
  if (local === undefined || domain === undefined) return '';
  const host = domain.toLowerCase();
  const hash = zbase32(createHash('sha1').update(local.toLowerCase()).digest());
  const query = `hu/${hash}?l=${encodeURIComponent(local)}`;
  return [
    `  Advanced update URL: https://openpgpkey.${host}/.well-known/openpgpkey/${host}/${query}\n`,
    `  Direct update URL: https://${host}/.well-known/openpgpkey/${query}\n`,
  ].join('');
}

const ZBASE32 = 'ybndrfg8ejkmcpqxot1uwisza345h769';

/** Human-oriented base 32: five bits a character, the highest first. */
export function zbase32(bytes: Uint8Array): string {
  let text = '';
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text += ZBASE32.charAt((pair >> (11 - (bit & 7))) & 31);
  }
  return text;
}

function unescaped(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
