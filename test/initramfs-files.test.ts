/** `initramfs/ostree-initramfs-files`: which files an initramfs needs. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

const PROGRAM = path.join(import.meta.dirname, '../initramfs/ostree-initramfs-files');
const VENDOR = '/usr/lib/ostree/prepare-root.conf';
const LOCAL = '/etc/ostree/prepare-root.conf';
const DEFAULT_KEY = '/etc/ostree/initramfs-root-binding.key';

/** Prints of the program in a root that has these files, by path. */
function listed(files: Readonly<Record<string, string>>): {
  readonly paths: string[];
  readonly warning: string;
} {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'initramfs-files-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(root + file), { recursive: true });
      fs.writeFileSync(root + file, text);
    }
    const done = spawnSync('sh', [PROGRAM, root], { encoding: 'utf8' });
    expect(done.status).toBe(0);
    return { paths: done.stdout.split('\n').filter((line) => line !== ''), warning: done.stderr };
  } finally {
    fs.rmSync(root, { recursive: true });
  }
}

test('the configuration of both places, and the keys where they always were', () => {
  expect(listed({})).toEqual({ paths: [], warning: '' });
  expect(listed({ [LOCAL]: '', [VENDOR]: '', [DEFAULT_KEY]: '' })).toEqual({
    paths: [VENDOR, LOCAL, DEFAULT_KEY],
    warning: '',
  });
});

test.for([
  ['[composefs]\nkeypath=/k', '', '/k'],
  ['[composefs]\n  keypath = /k \n', '', '/k'],
  ['[composefs]\nkeypath\t=\t/k\n', '', '/k'],
  ['[composefs]\nenabled=yes\n[etc]\nx=1\n[composefs]\nkeypath=/k\n', '', '/k'],
  ['[composefs]\nkeypath=/old\n', '[composefs]\nkeypath=/k\n', '/k'],
  ['[composefs]\nkeypath=/k\n', '[composefs]\nenabled=signed\n', '/k'],
  ['[composefs]\n#keypath=/old\nkeypathology=/old\n', '', DEFAULT_KEY],
  ['[sysroot]\nkeypath=/old\n', '', DEFAULT_KEY],
  ['keypath=/old\n', '', DEFAULT_KEY],
] as const)('the keys of %j and %j', ([vendor, local, key]) => {
  const { paths, warning } = listed({
    [VENDOR]: vendor,
    [LOCAL]: local,
    '/k': '',
    '/old': '',
    [DEFAULT_KEY]: '',
  });
  expect(paths).toEqual([VENDOR, LOCAL, key]);
  expect(warning).toBe('');
});

test('signed without keys is told: that image cannot boot', () => {
  const { paths, warning } = listed({ [LOCAL]: '[composefs]\nenabled = signed\nkeypath=/k\n' });
  expect(paths).toEqual([LOCAL]);
  expect(warning).toMatch(/^ostree: warning: composefs\.enabled=signed, and its keys \/k are not there/);
});
