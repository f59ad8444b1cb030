/** Signatures of commits by openssl: Debian's ostree is built without Ed25519. */
import fs from 'node:fs';
import path from 'node:path';
import { serialize } from '#ostree/format/gvariant.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

/**
 * Signs the commits in `to-sign` of a mounted sysroot, named after their checksums, with a new key that is made in
 * `folder`, and puts the signatures into the repository. The commits are removed.
 * @returns the public key: base64 of its 32 bytes, as `ostree sign` and prepare-root's key file have it
 */
export async function signCommits(root: string, folder: string): Promise<string> {
  const key = path.join(folder, 'key.pem');
  await runCommand('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', key]);
  const commits = path.join(root, 'to-sign');
  const signature = path.join(folder, 'signature');
  const sign = ['pkeyutl', '-sign', '-inkey', key, '-rawin', '-out', signature, '-in'];
  for (const name of fs.readdirSync(commits)) {
    await runCommand('openssl', [...sign, path.join(commits, name)]);
    const value = [new Uint8Array(fs.readFileSync(signature))];
    const detached = serialize('a{sv}', [['ostree.sign.ed25519', { type: 'aay', value }]]);
    const object = path.join(root, 'ostree/repo/objects', name.slice(0, 2), name.slice(2));
    fs.writeFileSync(`${object}meta`, detached);
  }
  fs.rmSync(commits, { recursive: true });
  return await publicKey(key, folder);
}

/** Of a key that signed nothing. */
export async function strangersKey(folder: string): Promise<string> {
  const key = path.join(folder, 'stranger.pem');
  await runCommand('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', key]);
  return await publicKey(key, folder);
}

/** The end of the DER form (RFC 8410) is the key itself. */
async function publicKey(key: string, folder: string): Promise<string> {
  const der = path.join(folder, 'public.der');
  await runCommand('openssl', ['pkey', '-in', key, '-pubout', '-outform', 'DER', '-out', der]);
  return fs.readFileSync(der).subarray(-32).toString('base64');
}
