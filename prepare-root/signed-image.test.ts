import { describe, expect, sha256, sys as realCalls, test } from '#test/both-engines.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { encodeCommit, type Commit } from '#ostree/format/commit.ts';
import { serialize, type VariantDict } from '#ostree/format/gvariant.ts';
import { readTrustedDigest } from '#prepare-root/signed-image.ts';
import type { Syscalls } from '#native/syscalls.ts';

const ZEROS = parseChecksum('0'.repeat(64));
const KEY = new Uint8Array(32).fill(7);

/** A repository in memory, in which a signature is the key and the length of what it signs. */
class Repository {
  readonly #objects = new Map<string, Uint8Array>();
  readonly calls: Syscalls = Object.assign(Object.create(realCalls) as Syscalls, {
    readFile: (_: number, path: string) => this.#read(path),
    verifyEd25519: (key: Uint8Array, data: Uint8Array, signature: Uint8Array) =>
      signature.join() === signatureOf(key, data).join(),
  });

  put(commit: Partial<Commit>, signedBy?: Uint8Array): string {
    const whole = { parent: null, subject: '', body: '', timestamp: 0, rootContents: ZEROS, rootMeta: ZEROS };
    const bytes = encodeCommit({ metadata: [], ...whole, ...commit });
    const checksum = sha256(bytes);
    const path = `/ostree/repo/objects/${checksum.slice(0, 2)}/${checksum.slice(2)}`;
    this.#objects.set(`${path}.commit`, bytes);
    if (signedBy !== undefined)
      this.#objects.set(
        `${path}.commitmeta`,
        serialize('a{sv}', [['ostree.sign.ed25519', { type: 'aay', value: [signatureOf(signedBy, bytes)] }]]),
      );
    return checksum;
  }

  #read(path: string): Uint8Array {
    const bytes = this.#objects.get(path);
    if (bytes === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return bytes;
  }
}

function signatureOf(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array([...key, data.length & 0xff, data[0] ?? 0]);
}

function digest(byte: number, length = 32): VariantDict {
  return [['ostree.composefs.digest.v0', { type: 'ay', value: new Uint8Array(length).fill(byte) }]];
}

const CONTAINER: VariantDict = [['ostree.container.image-config', { type: 's', value: '{}' }]];

function trusted(repository: Repository, commit: string, keys: readonly Uint8Array[] = [KEY]): string {
  const path = `/ostree/deploy/os/deploy/${commit}.0`;
  return readTrustedDigest(repository.calls, { sysroot: '/', path, keys }).join();
}

describe('the digest that the image must have', () => {
  test('is that of the signed commit', () => {
    const repository = new Repository();
    const commit = repository.put({ metadata: digest(1) }, KEY);
    expect(trusted(repository, commit)).toBe(new Uint8Array(32).fill(1).join());
  });

  test('of a container: that of the signed base, whatever its own commit says', () => {
    const repository = new Repository();
    const base = repository.put({ metadata: digest(1) }, KEY);
    const top = repository.put({ metadata: [...digest(2), ...CONTAINER], parent: parseChecksum(base) });
    expect(trusted(repository, top)).toBe(new Uint8Array(32).fill(1).join());
  });

  test('of a container that is signed itself: its own', () => {
    const repository = new Repository();
    const base = repository.put({ metadata: digest(1) }, KEY);
    const top = repository.put({ metadata: [...digest(2), ...CONTAINER], parent: parseChecksum(base) }, KEY);
    expect(trusted(repository, top)).toBe(new Uint8Array(32).fill(2).join());
  });

  test('a signed commit without a digest, or with one of another length, vouches for no image', () => {
    const repository = new Repository();
    for (const metadata of [[], digest(1, 31), digest(1, 33)])
      expect(() => trusted(repository, repository.put({ metadata }, KEY))).toThrow(
        'Signature validation requested, but no valid digest in commit',
      );
  });

  test('one level only: the base of a base is not asked', () => {
    const repository = new Repository();
    const signed = repository.put({ metadata: digest(1) }, KEY);
    const middle = repository.put({ metadata: CONTAINER, parent: parseChecksum(signed) });
    const top = repository.put({ metadata: CONTAINER, parent: parseChecksum(middle) });
    expect(() => trusted(repository, top)).toThrow('No commitmeta for deploy');
  });

  test('no keys: nothing is signed by one of them', () => {
    const repository = new Repository();
    const commit = repository.put({ metadata: digest(1) }, KEY);
    expect(() => trusted(repository, commit, [])).toThrow('No valid (of 1) signatures found');
  });
});
