/** Metadata of repositories, written by hand to exhaust or deceive. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

export interface Package {
  readonly name: string;
  readonly provides?: readonly string[];
  readonly requires?: readonly string[];
}

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function primary(packages: readonly Package[], before = ''): string {
  const entries = (kind: string, names: readonly string[]): string =>
    `<rpm:${kind}>${names.map((name) => `<rpm:entry name="${name}"/>`).join('')}</rpm:${kind}>`;
  const body = packages.map(
    ({ name, provides = [], requires = [] }) =>
      `<package type="rpm"><name>${name}</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/><checksum type="sha256" pkgid="YES">${'a'.repeat(64)}</checksum><summary>x</summary><location href="${name}.rpm"/><format>${entries('provides', [name, ...provides])}${entries('requires', requires)}</format></package>`,
  );
  return `${HEAD}${before}<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="${packages.length}">${body.join('\n')}</metadata>`;
}

/** A repository of these files in a new directory; compressed where their name says so. */
export function makeRepository(directory: string, files: Readonly<Record<string, string | Buffer>>): string {
  fs.mkdirSync(path.join(directory, 'repodata'), { recursive: true });
  const data = Object.entries(files).map(([file, content]) => {
    const bytes =
      file.endsWith('.gz') && typeof content === 'string' ? zlib.gzipSync(content) : Buffer.from(content);
    fs.writeFileSync(path.join(directory, 'repodata', file), bytes);
    const type = file.startsWith('comps') ? 'group' : file.split('.')[0];
    const sum = createHash('sha256').update(bytes).digest('hex');
    return `<data type="${type}"><checksum type="sha256">${sum}</checksum><location href="repodata/${file}"/><size>${bytes.length}</size></data>`;
  });
  fs.writeFileSync(path.join(directory, 'repodata/repomd.xml'), `<repomd>${data.join('')}</repomd>`);
  return directory;
}

/** A gzip of `megabytes` MB of one byte between two texts, a thousandth of its size. */
export function bomb(before: string, megabytes: number, byte: string, after: string): Buffer {
  const block = byte.repeat(Math.floor((1 << 20) / byte.length));
  return zlib.gzipSync(`${before}${block.repeat(megabytes)}${after}`, { level: 9 });
}
