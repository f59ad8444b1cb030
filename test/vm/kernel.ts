import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { built } from './build-cache.ts';
import type { Suite } from './debian-suite.ts';
import { unpacked } from './debian-suite.ts';

/** A distribution kernel, unpacked. */
export interface Kernel {
  readonly version: string;
  /** What a boot loader starts: bzImage, or Image on arm64. */
  readonly image: string;
  /** What QEMU starts: the ELF file inside a bzImage, which boots twice as fast under emulation. */
  readonly direct: string;
  /** A directory whose lib/modules/VERSION holds the modules and modules.dep. */
  readonly root: string;
  readonly architecture: Suite['architecture'];
}

const COMPRESSIONS: readonly { readonly magic: readonly number[]; readonly program: string }[] = [
  { magic: [0xfd, 0x37, 0x7a, 0x58], program: 'xz' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], program: 'zstd' },
  { magic: [0x1f, 0x8b], program: 'gzip' },
];

/** The kernel of `linux-image-ARCHITECTURE` of the suite. */
export async function distributionKernel(suite: Suite): Promise<Kernel> {
  const root = await unpacked(suite, 'kernel', [`linux-image-${suite.architecture}`], 'closure');
  const [version] = fs.readdirSync(path.join(root, 'usr/lib/modules'));
  if (version === undefined) throw new UserError('COMMAND_FAILED', `no kernel in ${root}`);
  const image = path.join(root, 'boot', `vmlinuz-${version}`);
  const { architecture } = suite;
  const prepared = await built(`vmlinux-${suite.name}-${architecture}`, [root], async (directory) => {
    await runCommand('depmod', ['-b', root, version]);
    if (architecture === 'amd64')
      fs.writeFileSync(path.join(directory, 'vmlinux'), unpackBzImage(fs.readFileSync(image)));
  });
  const direct = architecture === 'amd64' ? path.join(prepared, 'vmlinux') : image;
  return { version, image, direct, root, architecture };
}

/** Paths of the modules and of what they need, uncompressed on disk or `.xz`, in the order of loading; built-in ones are left out. */
export async function moduleFiles(kernel: Kernel, names: readonly string[]): Promise<string[]> {
  const args = ['-d', kernel.root, '-S', kernel.version, '--show-depends'];
  const files = new Set<string>();
  for (const name of names) {
    const { stdout } = await runCommand('modprobe', [...args, name]);
    for (const match of stdout.matchAll(/^insmod (\S+)/gm)) files.add(match[1] ?? '');
  }
  return [...files];
}

/** The kernel inside an x86 bzImage: its setup header (Documentation/arch/x86/boot.rst) says where the payload is. */
function unpackBzImage(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 0x202, 0x206) !== 'HdrS')
    throw new UserError('COMMAND_FAILED', 'not a bzImage');
  const setupSectors = bytes[0x1f1] === 0 ? 4 : (bytes[0x1f1] ?? 4);
  const start = (setupSectors + 1) * 512 + bytes.readUInt32LE(0x248);
  const payload = bytes.subarray(start, start + bytes.readUInt32LE(0x24c));
  const compression = COMPRESSIONS.find(({ magic }) => magic.every((byte, index) => payload[index] === byte));
  if (compression === undefined) throw new UserError('COMMAND_FAILED', 'unknown compression of the kernel');
  // The four bytes of length after the payload make the program complain after it has written everything.
  const { stdout } = spawnSync(compression.program, ['-dc'], { input: payload, maxBuffer: 2 ** 28 });
  if (stdout.toString('latin1', 1, 4) !== 'ELF')
    throw new UserError('COMMAND_FAILED', `${compression.program} cannot unpack the kernel`);
  return stdout;
}
