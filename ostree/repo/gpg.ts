/** Signing and checking with the GnuPG programs: `gpg` makes signatures and reads keyrings, `gpgv` checks them. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { UserError, messageOf } from '#ostree/format/errors.ts';
import { parseGpgStatus, type GpgSignature } from '#ostree/repo/gpg-status.ts';

/** Signatures of `data` checked against keyrings (binary or ASCII-armoured OpenPGP keys). @throws UserError GPG */
export function verifyGpg(
  data: Uint8Array,
  signatures: readonly Uint8Array[],
  keyrings: readonly Uint8Array[],
): GpgSignature[] {
  if (signatures.length === 0) return [];
  return inScratch((scratch) => {
    const dataFile = path.join(scratch, 'data');
    fs.writeFileSync(dataFile, data);
    const home = importedHome(scratch, keyrings);
    return signatures.flatMap((signature, index) => {
      const file = path.join(scratch, `signature-${index}`);
      fs.writeFileSync(file, signature);
      const { stdout } = gpg(home, ['--status-fd', '1', '--verify', file, dataFile], { mayFail: true });
      const found = parseGpgStatus(stdout.toString());
      return found.map((one) => withExpiries(home, one));
    });
  });
}

/** One detached binary signature. @throws UserError GPG */
export function signGpg(
  data: Uint8Array,
  key: { readonly id: string; readonly home: string | null },
): Uint8Array {
  const args = ['--pinentry-mode', 'loopback', '--local-user', key.id, '--detach-sign', '--output', '-'];
  const { stdout } = run(
    [...(key.home === null ? [] : ['--homedir', key.home]), '--batch', '--no-armor', ...args],
    {
      input: data,
    },
  );
  if (stdout.length === 0) throw new UserError('GPG', `gpg made no signature with the key ${key.id}`);
  return stdout;
}

/** The fingerprints of the keys of that id, name or address, subkeys included; none where there is no such key. */
export function keyFingerprints(id: string, home: string | null): string[] {
  const args = [...(home === null ? [] : ['--homedir', home]), '--batch', '--with-colons'];
  const once = ['--with-fingerprint', '--with-fingerprint', '--list-keys', '--', id];
  return run([...args, ...once], { mayFail: true })
    .stdout.toString()
    .split('\n')
    .flatMap((line) => (line.startsWith('fpr:') ? [line.split(':')[9] ?? ''] : []));
}

/** All public keys of a GnuPG home. @throws UserError GPG */
export function exportGpgKeys(home: string | null): Uint8Array {
  return run([...(home === null ? [] : ['--homedir', home]), '--batch', '--export'], {}).stdout;
}

export interface GpgImport {
  /** The keyring as it is now: binary OpenPGP keys. */
  readonly keyring: Uint8Array;
  /** How many keys were not in it before. */
  readonly imported: number;
}

/** Adds keys to a keyring; only those named by `ids`, where any are. @throws UserError GPG, NO_KEY */
export function importGpgKeys(
  keyring: Uint8Array | null,
  sources: readonly Uint8Array[],
  ids: readonly string[] = [],
): GpgImport {
  return inScratch((scratch) => {
    const home = importedHome(scratch, keyring === null ? [] : [keyring]);
    const before = new Set(fingerprints(home));
    const chosen = ids.length === 0 ? sources : [selected(scratch, sources, ids)];
    for (const source of chosen) importInto(home, source);
    const imported = fingerprints(home).filter((one) => !before.has(one)).length;
    return { keyring: gpg(home, ['--export']).stdout, imported };
  });
}

/** The listing of `gpg --with-colons` (doc/DETAILS of GnuPG) of keyrings. @throws UserError GPG */
export function listGpgKeys(keyrings: readonly Uint8Array[]): string {
  if (keyrings.length === 0) return '';
  return inScratch((scratch) => {
    const home = importedHome(scratch, keyrings);
    return gpg(home, [
      '--with-colons',
      '--fixed-list-mode',
      '--with-fingerprint',
      '--with-fingerprint',
      '--list-keys',
    ]).stdout.toString();
  });
}

function selected(scratch: string, sources: readonly Uint8Array[], ids: readonly string[]): Uint8Array {
  const home = importedHome(path.join(scratch, 'selected'), sources);
  const keyring = gpg(home, ['--export', ...ids]).stdout;
  if (keyring.length === 0)
    throw new UserError('NO_KEY', `Unable to lookup key ID ${ids.join(', ')}: it is in none of the keyrings`);
  return keyring;
}

/** Expiry times are not in the status lines of every verdict: the keyring says them. */
function withExpiries(home: string, signature: GpgSignature): GpgSignature {
  const { fingerprint } = signature;
  if (signature.verdict === 'missing-key' || fingerprint === '') return signature;
  const listing = gpg(
    home,
    [
      '--with-colons',
      '--fixed-list-mode',
      '--with-fingerprint',
      '--with-fingerprint',
      '--list-keys',
      fingerprint,
    ],
    {
      mayFail: true,
    },
  ).stdout.toString();
  return withKeyFacts(signature, listing);
}

/** The pure part of `withExpiries`. */
export function withKeyFacts(signature: GpgSignature, listing: string): GpgSignature {
  let primary = { fingerprint: '', expires: 0 };
  let current = { expires: 0, isPrimary: true };
  let found = signature;
  for (const line of listing.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === 'pub' || fields[0] === 'sub')
      current = { expires: Number(fields[6] ?? 0), isPrimary: fields[0] === 'pub' };
    if (fields[0] !== 'fpr') continue;
    const fingerprint = fields[9] ?? '';
    if (current.isPrimary) primary = { fingerprint, expires: current.expires };
    if (!fingerprint.endsWith(signature.fingerprint)) continue;
    found = {
      ...signature,
      fingerprint,
      primaryFingerprint: primary.fingerprint,
      keyExpires: current.expires,
      primaryExpires: primary.expires,
    };
  }
  return found;
}

function fingerprints(home: string): string[] {
  const listing = gpg(home, ['--with-colons', '--list-keys']).stdout.toString().split('\n');
  return listing.flatMap((line, index) =>
    line.startsWith('pub:') ? [(listing[index + 1] ?? '').split(':')[9] ?? ''] : [],
  );
}

/** A GnuPG home with the keys of `keyrings` and nothing else. */
function importedHome(scratch: string, keyrings: readonly Uint8Array[]): string {
  const home = path.join(scratch, 'home');
  fs.mkdirSync(home, { recursive: true, mode: 0o700 });
  for (const keyring of keyrings) if (keyring.length > 0) importInto(home, keyring);
  return home;
}

function importInto(home: string, keys: Uint8Array): void {
  gpg(home, ['--import-options', 'keep-ownertrust', '--import'], { input: keys, mayFail: true });
}

interface RunOptions {
  readonly input?: Uint8Array;
  readonly mayFail?: boolean;
}

function gpg(home: string, args: readonly string[], options: RunOptions = {}): { readonly stdout: Buffer } {
  const fixed = [
    '--homedir',
    home,
    '--batch',
    '--no-autostart',
    '--no-auto-check-trustdb',
    '--trust-model',
    'always',
  ];
  return run([...fixed, ...args], options);
}

function run(args: readonly string[], options: RunOptions): { readonly stdout: Buffer } {
  const child = spawnSync('gpg', args, {
    ...(options.input === undefined ? {} : { input: options.input }),
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (child.error !== undefined)
    throw new UserError('GPG', `gpg cannot be run: ${messageOf(child.error)}`, {
      hint: 'signatures need the package gnupg',
    });
  if (child.status !== 0 && options.mayFail !== true) {
    const lines = child.stderr.toString().trim().split('\n');
    throw new UserError('GPG', `gpg: ${(lines[lines.length - 1] ?? '').replace(/^gpg: /, '')}`);
  }
  return { stdout: child.stdout };
}

function inScratch<T>(action: (directory: string) => T): T {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'gpg-'));
  try {
    return action(scratch);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
