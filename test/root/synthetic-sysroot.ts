import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Of the one deployment, below the sysroot. */
export const DEPLOYMENT = '/ostree/deploy/os/deploy/aaaa.0';
/** The kernel argument that names it. */
export const OSTREE_ARGUMENT = 'ostree=/ostree/boot.1/os/bbbb/0';

export interface SyntheticOptions {
  /** `[sysroot] readonly=true` in the repository's configuration. */
  readonly legacyReadonly?: boolean;
  /** Unlocked with `--hotfix`. */
  readonly hotfix?: boolean;
  /** The slot of an Android boot loader that has the deployment. */
  readonly androidSlot?: 'a' | 'b';
}

/** Directories and links as a deployed sysroot has them, with nothing inside. @returns its path; the caller removes it */
export function makeSyntheticSysroot(options: SyntheticOptions = {}): string {
  const sysroot = fs.mkdtempSync(path.join(os.tmpdir(), 'synthetic-sysroot-'));
  const make = (directory: string): unknown => fs.mkdirSync(sysroot + directory, { recursive: true });
  for (const name of ['usr/etc', 'usr/bin', 'etc', 'var', 'sysroot', 'boot', 'proc', 'dev', 'run', 'tmp'])
    make(`${DEPLOYMENT}/${name}`);
  for (const directory of [
    '/boot/loader.1',
    '/ostree/repo',
    '/ostree/deploy/os/var',
    '/ostree/boot.1.1/os/bbbb',
  ])
    make(directory);
  if (options.hotfix === true)
    for (const name of ['.usr-ovl-upper', '.usr-ovl-work']) make(`${DEPLOYMENT}/${name}`);
  fs.symlinkSync('loader.1', `${sysroot}/boot/loader`);
  fs.symlinkSync('boot.1.1', `${sysroot}/ostree/boot.1`);
  fs.symlinkSync('../../../deploy/os/deploy/aaaa.0', `${sysroot}/ostree/boot.1.1/os/bbbb/0`);
  fs.symlinkSync('sysroot/ostree', `${sysroot}${DEPLOYMENT}/ostree`);
  if (options.androidSlot !== undefined)
    fs.symlinkSync('deploy/os/deploy/aaaa.0', `${sysroot}/ostree/root.${options.androidSlot}`);
  const readonly = options.legacyReadonly === true ? '\n[sysroot]\nreadonly=true\n' : '';
  fs.writeFileSync(`${sysroot}/ostree/repo/config`, `[core]\nrepo_version=1\nmode=bare\n${readonly}`);
  return sysroot;
}

/** Puts a program of this machine with the libraries it needs at the same paths below `root`. */
export function copyWithLibraries(program: string, root: string): void {
  const needed = [program, ...libraries(program)];
  for (const file of needed) {
    const target = root + file;
    fs.mkdirSync(target.slice(0, target.lastIndexOf('/')), { recursive: true });
    fs.copyFileSync(file, target);
  }
}

function libraries(program: string): string[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file ?? '');
}
