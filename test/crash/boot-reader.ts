/**
 * What a machine would boot, read from the disk as the boot loader, the kernel and prepare-root do: without any code of
 * ours. Each entry is followed to the bytes of its kernel and to its deployment.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export interface Bootable {
  /** The deployment's directory, relative to the sysroot. */
  readonly deployment: string;
  /** Kernel arguments without `ostree=`. */
  readonly options: string;
  readonly title: string;
  /** SHA-256 of the files that the entry names in /boot. */
  readonly kernel: string;
}

/** /boot as a boot loader sees it: paths relative to it, links followed. What cannot be read is an error. */
export interface BootFiles {
  /** Directories end in a slash. */
  readonly list: (directory: string) => string[];
  readonly read: (file: string) => Buffer;
}

/** /boot where it is mounted. */
export function mountedBoot(boot: string): BootFiles {
  const loader = fs.readlinkSync(path.join(boot, 'loader'));
  if (!/^loader\.[01]$/.test(loader)) throw new Error(`/boot/loader leads to ${loader}`);
  return {
    list: (directory) =>
      fs
        .readdirSync(path.join(boot, directory), { withFileTypes: true })
        .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)),
    read: (file) => fs.readFileSync(path.join(boot, file)),
  };
}

/**
 * /boot as GRUB reads it from the disk, without playing back the journal: with GRUB's own drivers. `boot` is the
 * directory as GRUB names it, `(loop0,msdos1)` or `(loop0,msdos1)/boot`.
 */
export function grubBoot(disk: string, boot: string): BootFiles {
  const grub = (command: string, name: string): Buffer => {
    const child = spawnSync('grub-fstest', [disk, command, `${boot}/${name}`], { maxBuffer: 2 ** 26 });
    if (child.error !== undefined)
      throw new Error('grub-fstest cannot be run (package grub-common)', { cause: child.error });
    if (child.status !== 0 || child.stderr.length > 0)
      throw new Error(`GRUB: ${command} ${name}: ${child.stderr.toString().trim()}`);
    return child.stdout;
  };
  return {
    list: (directory) =>
      grub('ls', `${directory}/`)
        .toString()
        .split(/\s+/)
        .filter((name) => !['', './', '../'].includes(name)),
    read: (file) => grub('cat', file),
  };
}

/** The entries of the menu, the default first. @throws Error naming what cannot boot */
export function readMenu(sysroot: string, boot = mountedBoot(path.join(sysroot, 'boot'))): Bootable[] {
  const directory = 'loader/entries';
  const entries = boot
    .list(directory)
    .filter((name) => name.startsWith('ostree-') && name.endsWith('.conf'))
    .map((name) => fieldsOf(boot.read(`${directory}/${name}`).toString()));
  if (entries.length === 0) throw new Error('the menu is empty');
  return entries
    .sort((a, b) => Number(b.get('version')) - Number(a.get('version')))
    .map((fields) => bootable(sysroot, boot, fields));
}

function fieldsOf(text: string): Map<string, string> {
  if (!text.endsWith('\n')) throw new Error(`an entry is cut off: ${text}`);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]));
}

function bootable(sysroot: string, boot: BootFiles, fields: ReadonlyMap<string, string>): Bootable {
  const words = (fields.get('options') ?? '').split(' ');
  const target = words.find((word) => word.startsWith('ostree='))?.slice('ostree='.length) ?? '';
  const place = fs.realpathSync(path.join(sysroot, target));
  const [, , bootcsum] = /^\/ostree\/boot\.[01]\/([^/]+)\/([0-9a-f]{64})\/\d+$/.exec(target) ?? [];
  const deployment = path.relative(sysroot, place);
  for (const name of ['usr/bin/tool', 'etc/a.conf', 'usr/lib/os-release'])
    fs.readFileSync(path.join(place, name));
  fs.readFileSync(`${place}.origin`);
  // With `sysroot.bootprefix` the names begin with /boot, which a partition of its own has as a link to itself.
  const inBoot = (field: string): string => (fields.get(field) ?? 'nothing').replace(/^\/(?:boot\/)?/, '');
  const [modules = ''] = fs.globSync(`${place}/usr/lib/modules/*`);
  const pairs = [
    [inBoot('linux'), `${modules}/vmlinuz`],
    [inBoot('initrd'), `${modules}/initramfs.img`],
  ] as const;
  const files = pairs.map(([copy, original]) => {
    const bytes = boot.read(copy);
    if (!bytes.equals(fs.readFileSync(original))) throw new Error(`${copy} is not ${original}`);
    return bytes;
  });
  const kernel = digestOf([...files, ...filesBelow(boot, inBoot('fdtdir')).map(boot.read)]);
  if (kernel !== bootcsum) throw new Error(`the files of ${target} have the checksum ${kernel}`);
  const options = words.filter((word) => !word.startsWith('ostree=')).join(' ');
  return { deployment, options, title: fields.get('title') ?? '', kernel };
}

/** As ostree orders a device tree directory: by the bytes of each directory's names, depth first. */
function filesBelow(boot: BootFiles, directory: string): string[] {
  return boot
    .list(directory)
    .sort((a, b) => (a.replace('/', '') < b.replace('/', '') ? -1 : 1))
    .flatMap((name) =>
      name.endsWith('/')
        ? filesBelow(boot, path.join(directory, name.slice(0, -1)))
        : [path.join(directory, name)],
    );
}

function digestOf(files: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const bytes of files) hash.update(bytes);
  return hash.digest('hex');
}
