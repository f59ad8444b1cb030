/**
 * What a machine would boot, read from the disk as the boot loader, the kernel and prepare-root do: without any code of
 * ours. Each entry is followed to the bytes of its kernel and to its deployment.
 */
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

/** The entries of the menu, the default first. @throws Error naming what cannot boot */
export function readMenu(sysroot: string): Bootable[] {
  const loader = fs.readlinkSync(path.join(sysroot, 'boot/loader'));
  if (!/^loader\.[01]$/.test(loader)) throw new Error(`/boot/loader leads to ${loader}`);
  const directory = path.join(sysroot, 'boot', loader, 'entries');
  const entries = fs
    .readdirSync(directory)
    .filter((name) => name.startsWith('ostree-') && name.endsWith('.conf'))
    .map((name) => fieldsOf(fs.readFileSync(path.join(directory, name), 'utf8')));
  if (entries.length === 0) throw new Error('the menu is empty');
  return entries
    .sort((a, b) => Number(b.get('version')) - Number(a.get('version')))
    .map((fields) => bootable(sysroot, fields));
}

function fieldsOf(text: string): Map<string, string> {
  if (!text.endsWith('\n')) throw new Error(`an entry is cut off: ${text}`);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]));
}

function bootable(sysroot: string, fields: ReadonlyMap<string, string>): Bootable {
  const words = (fields.get('options') ?? '').split(' ');
  const target = words.find((word) => word.startsWith('ostree='))?.slice('ostree='.length) ?? '';
  const place = fs.realpathSync(path.join(sysroot, target));
  const [, , bootcsum] = /^\/ostree\/boot\.[01]\/([^/]+)\/([0-9a-f]{64})\/\d+$/.exec(target) ?? [];
  const deployment = path.relative(sysroot, place);
  for (const name of ['usr/bin/tool', 'etc/a.conf', 'usr/lib/os-release'])
    fs.readFileSync(path.join(place, name));
  fs.readFileSync(`${place}.origin`);
  const inBoot = (field: string): string => path.join(sysroot, 'boot', fields.get(field) ?? 'nothing');
  const [modules = ''] = fs.globSync(`${place}/usr/lib/modules/*`);
  const pairs = [
    [inBoot('linux'), `${modules}/vmlinuz`],
    [inBoot('initrd'), `${modules}/initramfs.img`],
  ] as const;
  for (const [copy, original] of pairs)
    if (!fs.readFileSync(copy).equals(fs.readFileSync(original)))
      throw new Error(`${copy} is not ${original}`);
  const files = [...pairs.map(([copy]) => copy), ...filesBelow(inBoot('fdtdir'))];
  const kernel = digestOf(files);
  if (kernel !== bootcsum) throw new Error(`the files of ${target} have the checksum ${kernel}`);
  const options = words.filter((word) => !word.startsWith('ostree=')).join(' ');
  return { deployment, options, title: fields.get('title') ?? '', kernel };
}

/** As ostree orders a device tree directory: by the bytes of each directory's names, depth first. */
function filesBelow(directory: string): string[] {
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(file) : [file];
    });
}

function digestOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(fs.readFileSync(file));
  return hash.digest('hex');
}
