import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { SID, unpacked } from './debian-suite.ts';
import type { InitramfsPart } from './initramfs-part.ts';
import { executable, filesPart, foreignProgram, ownProgram, PREPARE_ROOT } from './initramfs-part.ts';

const DIST = path.resolve(import.meta.dirname, '../../dist');

/** The C program that ostree-boot of this machine (Debian 12) brings: 2022.7. */
export async function cProgram2022(): Promise<InitramfsPart> {
  return filesPart(await ownProgram(`/${PREPARE_ROOT}`, PREPARE_ROOT));
}

/** Where the newest ostree is unpacked, with the tools of fs-verity. */
export async function newestOstree(): Promise<string> {
  return await unpacked(SID, 'ostree', ['ostree', 'ostree-boot', 'fsverity'], 'closure');
}

/** The newest C program (2026.4 and later). */
export async function cProgramNewest(): Promise<InitramfsPart> {
  return filesPart(await foreignProgram(await newestOstree(), PREPARE_ROOT, PREPARE_ROOT));
}

/**
 * Ours as it is built: the compact executable where `dist/ostree-prepare-root` is one, else the executable with Node
 * inside, under the same name. @throws UserError where nothing is built
 */
export async function ourProgram(): Promise<InitramfsPart> {
  const file = path.join(DIST, 'ostree-prepare-root');
  if (!fs.existsSync(file))
    throw new UserError('COMMAND_MISSING', `${file} is not there`, { hint: 'npm run build makes it' });
  const compact = !fs.lstatSync(file).isSymbolicLink();
  return filesPart(
    compact ? [executable(PREPARE_ROOT, file)] : await ownProgram(fs.realpathSync(file), PREPARE_ROOT),
  );
}

/** The executable with Node inside. */
export async function nodeProgram(): Promise<InitramfsPart> {
  return filesPart(await ownProgram(path.join(DIST, 'yum-ostree'), PREPARE_ROOT));
}
