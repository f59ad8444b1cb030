import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';

export const REPOSITORY = path.resolve(import.meta.dirname, '../..');

export type Part = 'programs' | 'systemd' | 'dracut' | 'mkinitcpio' | 'initramfs-tools';

/** Installs parts of the project below `root`, as `npm run install:boot` does. */
export async function installed(root: string, parts: readonly Part[], program?: string): Promise<void> {
  const chosen = program === undefined ? [] : ['--program', program];
  const install = path.join(REPOSITORY, 'scripts/install.mjs');
  await runCommand(process.execPath, [install, '--destdir', root, '--parts', parts.join(','), ...chosen]);
}

/** The files below a file or folder of the project, in the order of their names. */
export function filesBelow(name: string): string[] {
  const top = path.resolve(REPOSITORY, name);
  if (!fs.statSync(top).isDirectory()) return [top];
  return fs
    .readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}
