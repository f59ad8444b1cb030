import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inNewerOstree, newerOstree } from '#test/root/newer-ostree.ts';
import { installedTree, runOnMachine } from '#test/root/machine-overlay.ts';

const C_PROGRAM = '/usr/lib/ostree/ostree-prepare-root';

/** A shared library, or a program, of the newer distribution. */
export interface PeerFile {
  /** On this machine. */
  readonly source: string;
  readonly bytes: number;
}

export interface ImageSizes {
  /** Bytes of the initramfs with our program. */
  readonly ours: number;
  /** With the C program and those of its libraries that the image does not have anyway. */
  readonly peer: number;
  readonly added: readonly PeerFile[];
}

/** The C program of 2026.4, first, and all shared libraries it needs. */
export function peerFiles(): PeerFile[] {
  const root = newerOstree();
  const libraries = [...inNewerOstree(['ldd', C_PROGRAM]).matchAll(/(\/\S+) \(0x/g)].map(
    ([, file]) => file ?? '',
  );
  return [C_PROGRAM, ...libraries].map((file) => {
    const source = fs.realpathSync(root + file.replace(/^\/lib/, '/usr/lib'));
    return { source, bytes: fs.statSync(source).size };
  });
}

/** Two images of dracut with systemd, the same options and drivers; only the program differs. */
export function measureImages(
  program: string,
  kernel: { readonly modules: string; readonly version: string },
): ImageSizes {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-images-'));
  try {
    const installed = installedTree(folder, '--program', program);
    const make = (name: string, options: string, files: Readonly<Record<string, string>>): string => {
      const out = path.join(folder, name);
      fs.mkdirSync(out);
      const done = runOnMachine({
        trees: [installed],
        files,
        without: ['/usr/lib/dracut/modules.d/98ostree', '/etc/dracut.conf.d/ostree.conf'],
        binds: { '/usr/lib/modules': kernel.modules, '/out': out, '/added': path.join(folder, 'added') },
        script: `[ ! -e /placeholder ] || chmod +x /placeholder; dracut --quiet --force --no-hostonly --no-hostonly-cmdline --no-early-microcode --compress gzip \\
          -m "base ostree rootfs-block udev-rules fs-lib systemd systemd-initrd" ${options} --kver ${kernel.version} /out/image &&
          zcat /out/image | cpio -t --quiet > /out/list`,
      });
      if (done.status !== 0) throw new Error(`dracut: ${done.stdout}${done.stderr}`);
      return out;
    };
    fs.mkdirSync(path.join(folder, 'added'));
    const ours = make('ours', '', {});
    const present = new Set(
      fs
        .readFileSync(`${ours}/list`, 'utf8')
        .split('\n')
        .map((file) => path.basename(file)),
    );
    const added = peerFiles().filter(
      ({ source }) => source.endsWith('ostree-prepare-root') || !present.has(sonameOf(source)),
    );
    for (const { source } of added) {
      const target = path.join(folder, 'added/usr/lib/c', path.basename(source));
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.copyFileSync(source, target);
      fs.chmodSync(target, 0o755);
    }
    const peer = make('peer', '--include /added /', {
      '/placeholder': '#!/bin/sh\n',
      '/etc/dracut.conf.d/program.conf': 'ostree_program="/placeholder"\n',
    });
    const size = (out: string): number => fs.statSync(`${out}/image`).size;
    return { ours: size(ours), peer: size(peer), added };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** 'libc.so.6' of 'libc.so.6'; 'libzstd.so.1' of 'libzstd.so.1.5.7'. */
function sonameOf(file: string): string {
  return path.basename(file).replace(/(\.so\.\d+).*$/, '$1');
}
