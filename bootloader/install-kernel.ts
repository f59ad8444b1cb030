/** Puts the kernel files of deployments into `/boot/ostree/OS-BOOTCSUM/`. */
import { S, type Fd } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { megabytes } from '#ostree/repo/free-space.ts';
import type { BootPlace } from '#bootloader/boot-place.ts';
import { kernelDirectory } from '#bootloader/entries.ts';
import { copyBytes } from '#ostree/sysroot/copy-file.ts';
import {
  INITRD_OVERLAYS,
  deploymentPath,
  STAGED_INITRDS,
  type Deployment,
} from '#ostree/sysroot/deployment.ts';
import { filesBelow, type KernelLayout } from '#ostree/sysroot/kernel-layout.ts';
import { makeDirectories, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

/** A deployment and where its tree keeps the kernel. */
export interface KernelFacts {
  readonly deployment: Pick<
    Deployment,
    'stateroot' | 'checksum' | 'deployserial' | 'bootcsum' | 'addedInitrds'
  >;
  readonly layout: KernelLayout;
}

/** A kernel file that /boot lacks, or has in another size. */
export interface MissingFile {
  /** Both relative to the sysroot, or absolute for what lies in /run. */
  readonly source: string;
  readonly target: string;
  readonly size: number;
}

/** ostree reserves this much beside the files themselves. */
const RESERVE = 1024 * 1024;

/**
 * Hardlinks the files that are missing, or copies them where /boot is another file system: under temporary names, one
 * sync, then the renames, so that a name in /boot always has all its bytes. A crash leaves unused files at most.
 * @throws UserError NO_BOOT_SPACE before anything is copied
 */
export function installKernels(sysroot: BootPlace, facts: readonly KernelFacts[], boot: Fd): void {
  const missing = missingKernelFiles(sysroot, facts);
  if (missing.length === 0) return;
  const { sys, fd } = sysroot;
  const isLinkable = sharesFileSystem(sysroot, boot);
  if (!isLinkable) requireSpace(sysroot, missing, boot);
  for (const { target } of missing) makeDirectories(sys, fd, target.slice(0, target.lastIndexOf('/')));
  const toCopy = isLinkable ? missing.filter((file) => !tryLink(sysroot, file)) : missing;
  if (toCopy.length === 0) return;
  for (const file of toCopy) copyToTemporary(sysroot, file);
  sys.syncfs(boot);
  for (const { target } of toCopy) sys.rename(fd, temporaryName(target), fd, target);
}

/** What `installKernels` would put there. A device tree's files are looked at one by one: ostree may have died among them. */
export function missingKernelFiles(sysroot: BootPlace, facts: readonly KernelFacts[]): MissingFile[] {
  const found = new Map<string, MissingFile>();
  for (const fact of facts)
    for (const [source, target] of wantedFiles(sysroot, fact)) {
      const stat = sysroot.sys.stat(sysroot.fd, source);
      if (stat === null) continue;
      const there = sysroot.sys.lstat(sysroot.fd, target);
      if (there === null || there.size !== stat.size) found.set(target, { source, target, size: stat.size });
    }
  return [...found.values()];
}

function wantedFiles({ sys, fd }: BootPlace, { deployment, layout }: KernelFacts): [string, string][] {
  const root = deploymentPath(deployment);
  const directory = `boot/${kernelDirectory(deployment)}`;
  const { devicetree } = layout;
  const isTree = devicetree?.kind === 'directory';
  const files = [layout.kernel, layout.initramfs, isTree ? null : devicetree, layout.hmac, layout.aboot]
    .filter((file) => file !== null)
    .map(({ source, name }): [string, string] => [`${root}/${source}`, `${directory}/${name}`]);
  for (const checksum of deployment.addedInitrds ?? [])
    files.push([`${STAGED_INITRDS}/${checksum}`, `boot/${INITRD_OVERLAYS}/${checksum}.img`]);
  if (!isTree) return files;
  const base = `${root}/${devicetree.source}`;
  const tree = filesBelow(sys, fd, base).map((source): [string, string] => [
    source,
    `${directory}/${devicetree.name}${source.slice(base.length)}`,
  ]);
  return [...files, ...tree];
}

/** False where the file has too many links or may not be linked: it is copied then. */
function tryLink({ sys, fd }: BootPlace, { source, target }: MissingFile): boolean {
  // A symlink in the tree stands for the file it points to.
  if (((sys.lstat(fd, source)?.mode ?? 0) & S.IFMT) !== S.IFREG) return false;
  unlinkIfPresent(sys, fd, target);
  try {
    sys.link(fd, source, fd, target);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EMLINK' || code === 'EXDEV' || code === 'EPERM') return false;
    throw error;
  }
}

function copyToTemporary({ sys, fd }: BootPlace, { source, target }: MissingFile): void {
  const stat = sys.stat(fd, source);
  if (stat === null) throw new Error(`${source} vanished`);
  const from = sys.open(fd, source, ['read']);
  try {
    const to = sys.open(fd, temporaryName(target), ['write', 'create', 'truncate', 'nofollow'], 0o600);
    try {
      copyBytes(sys, from, to);
      sys.fchown(to, stat.uid, stat.gid);
      sys.fchmod(to, stat.mode & 0o7777);
    } finally {
      sys.close(to);
    }
  } finally {
    sys.close(from);
  }
}

/** Whether /boot is where the deployments are, so that its files are links. */
export function sharesFileSystem({ sys, fd }: BootPlace, boot: Fd): boolean {
  return sys.fstat(boot).dev === sys.stat(fd, 'ostree')?.dev;
}

/** Bytes for what `installKernels` would copy; 0 where all is there. */
export function neededBootSpace(place: BootPlace, facts: readonly KernelFacts[], boot: Fd): number {
  return spaceFor(place, missingKernelFiles(place, facts), boot);
}

function spaceFor({ sys }: BootPlace, missing: readonly MissingFile[], boot: Fd): number {
  const { bsize } = sys.statfs(boot);
  const blocks = (size: number): number => Math.ceil(size / bsize) * bsize;
  return missing.length === 0 ? 0 : missing.reduce((sum, { size }) => sum + blocks(size), RESERVE);
}

function requireSpace(place: BootPlace, missing: readonly MissingFile[], boot: Fd): void {
  const { bsize, bavail } = place.sys.statfs(boot);
  const [needed, free] = [spaceFor(place, missing, boot), bavail * bsize];
  if (needed > free) refuseBootSpace(place, { needed, free, freed: 0 });
}

/** For people, of the sysroot's path. */
export function bootPath(sysroot: string): string {
  return sysroot.endsWith('/') ? `${sysroot}boot` : `${sysroot}/boot`;
}

/** @param space in bytes: `needed` with the reserve; `freed`: by what goes anyway. @throws UserError NO_BOOT_SPACE */
export function refuseBootSpace(
  { path }: BootPlace,
  { needed, free, freed }: { readonly needed: number; readonly free: number; readonly freed: number },
): never {
  const more = freed === 0 ? '' : ` and ${megabytes(free + freed)} MB without the deployments that go`;
  throw new UserError(
    'NO_BOOT_SPACE',
    `${bootPath(path)} has ${megabytes(free)} MB free${more}, the new kernel files need ${megabytes(needed - RESERVE)} MB, and ${megabytes(RESERVE)} MB are kept free`,
    { hint: `'ostree admin undeploy INDEX' removes a deployment with its kernel files` },
  );
}

function temporaryName(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.${path.slice(slash)}.tmp`;
}
