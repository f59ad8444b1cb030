/** ostree's own installed tests, from the distribution's package: downloaded into build/, never part of the project. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

/** The package as Debian 12 has it. */
export const PACKAGE = {
  name: 'ostree-tests',
  version: '2022.7-2+deb12u1',
  sha256: '2eeb2c652a7f581aa93c7b1ffdeed87f5af07b7df265e534a126968f3fe0bdac',
} as const;

const SCRIPTS = 'usr/libexec/installed-tests/libostree';

/**
 * The directory of the unpacked scripts, `build/upstream/VERSION/usr/…`; downloads and unpacks once. An interrupted
 * call leaves nothing under that name.
 * @throws UserError UPSTREAM_TESTS where the package is another one than was pinned
 */
export async function upstreamScripts(build: string): Promise<string> {
  const target = path.join(build, 'upstream', PACKAGE.version);
  if (!fs.existsSync(target)) {
    const work = fs.mkdtempSync(path.join(makeDirectory(path.join(build, 'upstream')), 'new-'));
    try {
      const root = path.join(work, 'root');
      await runCommand('dpkg-deb', ['--extract', await download(work), root]);
      fs.renameSync(root, target);
    } finally {
      fs.rmSync(work, { recursive: true, force: true });
    }
  }
  return path.join(target, SCRIPTS);
}

async function download(directory: string): Promise<string> {
  const wanted = `${PACKAGE.name}=${PACKAGE.version}`;
  const apt = ['-qq', '-o', 'APT::Sandbox::User=root', 'download', wanted];
  try {
    await runCommand('apt-get', apt, { cwd: directory });
  } catch {
    await runCommand('apt-get', ['-qq', 'update']);
    await runCommand('apt-get', apt, { cwd: directory });
  }
  const file = fs.readdirSync(directory).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw new UserError('UPSTREAM_TESTS', `apt-get download ${wanted} left no file`);
  const found = path.join(directory, file);
  const sha256 = createHash('sha256').update(fs.readFileSync(found)).digest('hex');
  if (sha256 !== PACKAGE.sha256)
    throw new UserError('UPSTREAM_TESTS', `${file} has the checksum ${sha256}, not ${PACKAGE.sha256}`);
  return found;
}

function makeDirectory(directory: string): string {
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}
