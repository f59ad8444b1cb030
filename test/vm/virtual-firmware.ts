import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { VM_BUILD } from './build-cache.ts';

const OVMF = '/usr/share/OVMF';

/** EFI firmware for QEMU's x86-64 machines, with variables as on a new one. */
export function virtualFirmware(name: string): string[] {
  const code = `${OVMF}/OVMF_CODE_4M.fd`;
  if (!fs.existsSync(code))
    throw new UserError('COMMAND_MISSING', `${code} is not there`, { hint: 'Debian package ovmf' });
  const variables = path.join(VM_BUILD, `${name}.vars`);
  fs.copyFileSync(`${OVMF}/OVMF_VARS_4M.fd`, variables);
  return [
    ...['-drive', `file=${code},format=raw,if=pflash,readonly=on`],
    ...['-drive', `file=${variables},format=raw,if=pflash`],
  ];
}

/** A FAT file system with a copy of what is below `directory`. */
export async function fatPartition(directory: string, image: string): Promise<void> {
  fs.writeFileSync(image, '');
  fs.truncateSync(image, 128 * 2 ** 20);
  await runCommand('mkfs.vfat', ['-F', '32', image]);
  const names = fs.readdirSync(directory).map((name) => path.join(directory, name));
  await runCommand('mcopy', ['-s', '-i', image, ...names, '::/']);
}
