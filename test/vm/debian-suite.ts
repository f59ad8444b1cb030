import fs from 'node:fs';
import path from 'node:path';
import { mergeUsr } from '#test/fixtures/build-root.ts';
import { installedStanza, PACKAGING_MACHINERY } from '#test/fixtures/debian-download.ts';
import { runCommand } from '#test/fixtures/run-command.ts';
import { built } from './build-cache.ts';

/** A release of Debian and an architecture of its packages. */
export interface Suite {
  readonly name: 'bookworm' | 'trixie' | 'sid';
  readonly architecture: 'amd64' | 'arm64';
}

/** Debian 12: the C program 2022.7 and Linux 6.1, without composefs. */
export const BOOKWORM: Suite = { name: 'bookworm', architecture: 'amd64' };
export const BOOKWORM_ARM64: Suite = { name: 'bookworm', architecture: 'arm64' };
/** Debian 13: Linux 6.12, which mounts erofs from a file. */
export const TRIXIE: Suite = { name: 'trixie', architecture: 'amd64' };
/** The newest C program with its tools. */
export const SID: Suite = { name: 'sid', architecture: 'amd64' };

/** `exact`: the named packages only; `closure`: with all they depend on, less Debian's packaging machinery. */
export type Extent = 'exact' | 'closure';

/**
 * A directory that holds the packages of a suite unpacked over each other, not configured: usr-merged, no maintainer
 * script has run. Downloaded with this machine's apt and keys, from its mirror, into apt state of our own.
 */
export async function unpacked(
  suite: Suite,
  name: string,
  packages: readonly string[],
  extent: Extent = 'exact',
): Promise<string> {
  const inputs = [suite.name, suite.architecture, extent, ...packages];
  return await built(`${name}-${suite.name}-${suite.architecture}`, inputs, async (directory) => {
    const lists = await aptState(suite);
    const files = await download(lists, directory, { suite, packages, extent });
    for (const file of files)
      await runCommand('dpkg-deb', ['-x', file, directory]).then(() => fs.rmSync(file));
    linkUsr(directory);
  });
}

interface Request {
  readonly suite: Suite;
  readonly packages: readonly string[];
  readonly extent: Extent;
}

/** apt's package lists of the suite, brought up to date once. */
async function aptState(suite: Suite): Promise<string> {
  const name = `apt-${suite.name}-${suite.architecture}`;
  return await built(name, ['1'], async (directory) => {
    fs.mkdirSync(path.join(directory, 'lists/partial'), { recursive: true });
    fs.writeFileSync(path.join(directory, 'sources.list'), `deb ${await mirror()} ${suite.name} main\n`);
    fs.writeFileSync(path.join(directory, 'status'), [...PACKAGING_MACHINERY].map(installedStanza).join(''));
    await runCommand('apt-get', [...aptOptions(directory, directory, suite), '-qq', 'update']);
  });
}

/** Where this machine gets its own packages from. */
async function mirror(): Promise<string> {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = await runCommand('apt-get', args);
  const uris = stdout.split('\n').filter((uri) => uri !== '' && !uri.includes('security'));
  return uris.find((uri) => uri.includes('debian')) ?? 'http://deb.debian.org/debian';
}

function aptOptions(state: string, cache: string, suite: Suite): string[] {
  const options = {
    'Dir::Etc::sourcelist': path.join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State': state,
    'Dir::State::status': path.join(state, 'status'),
    'Dir::Cache': cache,
    'APT::Architecture': suite.architecture,
    'APT::Architectures::': suite.architecture,
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    // A mirror may be a snapshot of a moving suite: old, not forged.
    'Acquire::Check-Valid-Until': 'false',
    'Debug::NoLocking': 'true',
  };
  return Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

async function download(state: string, directory: string, request: Request): Promise<string[]> {
  const archives = path.join(directory, 'archives');
  fs.mkdirSync(path.join(archives, 'partial'), { recursive: true });
  const options = aptOptions(state, directory, request.suite);
  const verb = request.extent === 'exact' ? ['download'] : ['-y', '--download-only', 'install'];
  await runCommand('apt-get', [...options, '-qq', ...verb, ...request.packages], { cwd: archives });
  fs.rmSync(path.join(archives, 'partial'), { recursive: true, force: true });
  const files = fs.readdirSync(archives).filter((name) => name.endsWith('.deb'));
  for (const name of files) fs.renameSync(path.join(archives, name), path.join(directory, name));
  for (const name of ['archives', 'pkgcache.bin', 'srcpkgcache.bin', 'lock'])
    fs.rmSync(path.join(directory, name), { recursive: true, force: true });
  return files.map((name) => path.join(directory, name));
}

/** Packages of Debian 12 bring files below /bin, /sbin, /lib and /lib64 still. */
function linkUsr(root: string): void {
  mergeUsr(root);
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) fs.symlinkSync(`usr/${name}`, path.join(root, name));
}
