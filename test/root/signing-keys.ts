/** OpenPGP keys made with gpg, what they sign, and rpm's opinion of it. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface SigningKey {
  readonly home: string;
  readonly fingerprint: string;
  /** The public key as it is now. */
  armoured(): Buffer;
}

export interface KeyOptions {
  /** What the key itself may do; with 'cert' a subkey of the algorithm signs. */
  readonly usage?: 'sign' | 'cert';
  /** gpg's time for it, `YYYYMMDDThhmmss`. */
  readonly madeAt?: string;
}

const USER = 'Test <test@example.invalid>';
const homes: string[] = [];

export function newKey(algorithm: string, { usage = 'sign', madeAt }: KeyOptions = {}): SigningKey {
  // A socket's path must be short.
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'yo-gpg-'));
  homes.push(home);
  const time = madeAt === undefined ? [] : ['--faked-system-time', madeAt];
  const make = [...time, '--pinentry-mode', 'loopback', '--passphrase', ''];
  gpg(home, [...make, '--quick-generate-key', USER, algorithm, usage, 'never']);
  const listing = gpg(home, ['--list-keys', '--with-colons']).toString();
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1] ?? '';
  if (usage === 'cert') gpg(home, [...make, '--quick-add-key', fingerprint, algorithm, 'sign', 'never']);
  return { home, fingerprint, armoured: () => gpg(home, ['--export', '--armor']) };
}

/** Stops the agents and removes what `newKey` made. */
export function removeKeys(): void {
  for (const home of homes.splice(0)) {
    execFileSync('gpgconf', ['--homedir', home, '--kill', 'gpg-agent']);
    fs.rmSync(home, { recursive: true, force: true });
  }
}

export function gpg(home: string, args: readonly string[]): Buffer {
  const all = ['--homedir', home, '--batch', '--quiet', '--yes', ...args];
  return execFileSync('gpg', all, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A detached signature of a file. */
export function signed({ home }: SigningKey, file: string, options: readonly string[] = []): Buffer {
  gpg(home, [...options, '--output', `${file}.sig`, '--detach-sign', file]);
  const signature = fs.readFileSync(`${file}.sig`);
  fs.rmSync(`${file}.sig`);
  return signature;
}

export function rpmsign(key: SigningKey, file: string): void {
  const macros = { __gpg: '/usr/bin/gpg', _gpg_name: key.fingerprint, _gpg_path: key.home };
  const defines = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  execFileSync('rpmsign', [...defines, '--addsign', file], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Whether rpm, which knows these keys alone, takes the package where signatures are required; and its lines. */
export function rpmVerdict(
  file: string,
  keys: readonly Buffer[],
): { readonly ok: boolean; readonly text: string } {
  const database = fs.mkdtempSync(path.join(os.tmpdir(), 'yo-rpmkeys-'));
  try {
    keys.forEach((key, at) => {
      const name = path.join(database, `key-${at}.asc`);
      fs.writeFileSync(name, key);
      execFileSync('rpmkeys', ['--dbpath', database, '--import', name], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    });
    const required = ['--define', '_pkgverify_level signature'];
    const { status, stdout } = spawnSync('rpmkeys', ['--dbpath', database, ...required, '-Kv', file], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    return { ok: status === 0, text: stdout };
  } finally {
    fs.rmSync(database, { recursive: true, force: true });
  }
}
