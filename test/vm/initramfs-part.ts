import fs from 'node:fs';
import path from 'node:path';
import type { CpioFile } from '#test/fixtures/cpio.ts';
import { cpioArchive } from '#test/fixtures/cpio.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

/**
 * An initramfs is archives one after the other, of which a later one replaces files of an earlier: a generated image
 * and, laid over it, what a case needs to be different.
 */
export type InitramfsPart = Buffer;

export const EXECUTABLE = 0o100755;
const SYMLINK = 0o120777;

export const PREPARE_ROOT = 'usr/lib/ostree/ostree-prepare-root';

/** An archive begins at a multiple of four bytes (initramfs buffer format); the end of a compressed one is anywhere. */
export function padded(part: InitramfsPart): Buffer {
  return Buffer.concat([part, Buffer.alloc(-part.length & 3)]);
}

export function filesPart(files: readonly CpioFile[]): InitramfsPart {
  return cpioArchive(files);
}

export function executable(name: string, file: string): CpioFile {
  return { name, text: fs.readFileSync(file), mode: EXECUTABLE };
}

export function symlink(name: string, target: string): CpioFile {
  return { name, text: target, mode: SYMLINK };
}

/** prepare-root.conf in /etc of the initramfs. */
export function configPart(text: string): InitramfsPart {
  return filesPart([{ name: 'etc/ostree/prepare-root.conf', text }]);
}

/**
 * A dynamic program of another distribution as file `name`, with its libraries and its loader under a directory of
 * their own, so that it does not matter which libraries the initramfs has. `root` is where the packages are unpacked.
 */
export async function foreignProgram(root: string, file: string, name: string): Promise<CpioFile[]> {
  const home = `usr/lib/foreign/${path.basename(file)}`;
  const loader = path.join(root, 'usr/lib64/ld-linux-x86-64.so.2');
  const library = path.join(root, 'usr/lib/x86_64-linux-gnu');
  // libsystemd-shared and others live in folders of their own
  const search = [library, path.join(library, 'systemd')].join(':');
  const program = path.join(root, file);
  const { stdout } = await runCommand(loader, ['--library-path', search, '--list', program]);
  const libraries = [...stdout.matchAll(/=> (\/\S+)/g)].map((match) => match[1] ?? '');
  const run = `exec /${home}/ld.so --library-path /${home} --argv0 /${name} /${home}/program "$@"`;
  return [
    executable(`${home}/ld.so`, loader),
    executable(`${home}/program`, program),
    ...libraries.map((each) => executable(`${home}/${path.basename(each)}`, each)),
    { name, text: `#!/bin/sh\n${run}\n`, mode: EXECUTABLE },
  ];
}

/** A dynamic program of this machine as file `name`, with its libraries and its loader where it looks for them. */
export async function ownProgram(file: string, name: string): Promise<CpioFile[]> {
  const { stdout } = await runCommand('ldd', [file], { accept: [0, 1] });
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  return [executable(name, file), ...libraries.map((each) => executable(belowUsr(each), each))];
}

/** In an initramfs /lib and /lib64 are links to below /usr; a directory of an archive would take their place. */
function belowUsr(file: string): string {
  return file.startsWith('/usr/') ? file.slice(1) : `usr${file}`;
}
