/** Real images of the generators, with what `npm run install:boot` installs. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { INPUTS_DIRECTORY, prepareInputs } from '#test/fixtures/demo-inputs.ts';
import { installedTree, runOnMachine } from './machine-overlay.ts';
import type { ProgramResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

export const PREPARE_ROOT = '/usr/lib/ostree/ostree-prepare-root';
/** The machine's own C program, seen where our files do not hide it. */
export const C_PROGRAM = '/usr/lib/ostree/c/ostree-prepare-root';
const KEY = '/etc/ostree/keys/root.pub';
/** Of the machine that makes the image. */
export const SETTINGS = {
  '/usr/lib/ostree/prepare-root.conf': '[composefs]\nenabled = no\n[sysroot]\nreadonly = true\n',
  '/etc/ostree/prepare-root.conf': `[composefs]\nkeypath = ${KEY}\n`,
  [KEY]: 'a public key\n',
};
/** ostree's own modules and their settings, which a package of ours replaces. */
const OSTREE_BOOT = ['98ostree', '50ostree']
  .map((name) => `/usr/lib/dracut/modules.d/${name}`)
  .concat('/etc/dracut.conf.d/ostree.conf');
const DRIVERS = 'erofs overlay loop virtio_blk';

/** What all images of a test file are made of. */
export interface ImageInputs {
  /** Where they are made; the caller removes it. */
  readonly folder: string;
  readonly installed: string;
  /** `/usr/lib/modules` with one kernel. */
  readonly modules: string;
  readonly kernel: string;
}

/** Makes what is missing of the inputs below `folder`. */
export async function prepareImages(folder: string): Promise<ImageInputs> {
  const installed = installedTree(folder);
  const { base } = await prepareInputs({ directory: INPUTS_DIRECTORY, report: () => undefined });
  return { folder, installed, modules: path.join(base.path, 'usr/lib/modules'), kernel: base.kernelVersion };
}

export interface ImageRequest {
  /** A bash script that leaves `/out/image`, a cpio archive or one compressed by gzip, or the folder `/out/root`. */
  readonly generate: string;
  /** The root of the machine that makes it (default: this one). */
  readonly machine?: string | undefined;
  /** More files of that machine, by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  /** More folders of this machine that are seen there: place → folder. */
  readonly binds?: Readonly<Record<string, string>>;
}

export interface Image {
  /** Of the image file as it is loaded. */
  readonly bytes: number;
  /** Where a file of the unpacked image is here. */
  readonly path: (file: string) => string;
  readonly has: (file: string) => boolean;
  readonly read: (file: string) => string;
  readonly link: (file: string) => string;
  /** Everything but directories: path → the text of a link, or the digest of a file. */
  readonly entries: () => Map<string, string>;
  /** Kernel modules that modprobe finds inside. */
  readonly drivers: readonly string[];
  /** What `ostree-prepare-root --help` prints inside. */
  readonly help: string;
  /** What `ostree-prepare-root --print-plan` prints inside, for a deployed sysroot. */
  readonly plan: string;
}

/** @throws Error with what the generator printed, where it fails or leaves no image */
export function makeImage(inputs: ImageInputs, request: ImageRequest): Image {
  const out = fs.mkdtempSync(path.join(inputs.folder, 'out-'));
  const done = generate(inputs, out, { ...request, generate: request.generate + LOOK_INTO });
  if (done.status !== 0) throw new Error(`${String(done.status)}: ${done.stdout}${done.stderr}`);
  const root = path.join(out, 'root');
  const image = path.join(out, 'image');
  const text = (name: string): string => fs.readFileSync(path.join(out, name), 'utf8');
  return {
    bytes: sizeOf(image),
    path: (file) => root + file,
    has: (file) => fs.lstatSync(root + file, { throwIfNoEntry: false }) !== undefined,
    read: (file) => fs.readFileSync(root + file, 'utf8'),
    link: (file) => fs.readlinkSync(root + file),
    entries: () => entriesIn(root),
    drivers: text('drivers').trim().split('\n'),
    help: text('help'),
    plan: text('plan'),
  };
}

/** What a generator that is to fail does. */
export interface Refusal extends ProgramResult {
  /** Bytes of the image that there is all the same; mkinitramfs leaves an empty file. */
  readonly bytes: number;
}

export function refuseImage(inputs: ImageInputs, request: ImageRequest): Refusal {
  const out = fs.mkdtempSync(path.join(inputs.folder, 'out-'));
  const done = generate(inputs, out, request);
  return { ...done, bytes: sizeOf(path.join(out, 'image')) };
}

const LOOK_INTO = `
  [ -d /out/root ] || { mkdir /out/root; cd /out/root; zcat -f /out/image | cpio -id --quiet; }
  for driver in ${DRIVERS}; do
    if modprobe -d /out/root -S $kernel --show-depends $driver > /dev/null 2>&1; then echo $driver >> /out/drivers; fi
  done
  inside() { chroot /out/root ${PREPARE_ROOT} "$@" 2>&1 || echo "exit code $?"; }
  mkdir -p /out/root/sysroot /out/root/run
  inside --help > /out/help
  mount --bind /synthetic /out/root/sysroot
  mount -t tmpfs run /out/root/run
  inside --print-plan --cmdline '${OSTREE_ARGUMENT}' --sysroot /sysroot > /out/plan`;

function generate(inputs: ImageInputs, out: string, request: ImageRequest): ProgramResult {
  const sysroot = makeSyntheticSysroot();
  try {
    return runOnMachine({
      machine: request.machine,
      trees: [inputs.installed],
      files: { ...SETTINGS, '/etc/initramfs-tools/': '', ...request.files },
      without: OSTREE_BOOT,
      binds: {
        '/usr/lib/modules': inputs.modules,
        '/out': out,
        '/synthetic': sysroot,
        [path.dirname(C_PROGRAM)]: path.dirname(PREPARE_ROOT),
        ...request.binds,
      },
      script: `kernel=${inputs.kernel}\n${request.generate}`,
    });
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function entriesIn(root: string, below = ''): Map<string, string> {
  const entries = new Map<string, string>();
  for (const entry of fs.readdirSync(root + below, { withFileTypes: true })) {
    const name = `${below}/${entry.name}`;
    if (entry.isDirectory()) for (const [file, content] of entriesIn(root, name)) entries.set(file, content);
    else if (entry.isSymbolicLink()) entries.set(name, `-> ${fs.readlinkSync(root + name)}`);
    else if (entry.isFile())
      entries.set(
        name,
        createHash('sha256')
          .update(fs.readFileSync(root + name))
          .digest('hex'),
      );
  }
  return entries;
}
