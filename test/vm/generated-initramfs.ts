import fs from 'node:fs';
import path from 'node:path';
import { runCommand } from '#test/fixtures/run-command.ts';
import { built } from './build-cache.ts';
import type { Part } from './installed-parts.ts';
import { filesBelow, installed } from './installed-parts.ts';
import type { Kernel } from './kernel.ts';
import { GUEST } from './mini-initramfs.ts';

/** How a distribution's generator is run, on this machine with our parts laid over it. */
export interface Generator {
  readonly kernel: Kernel;
  /** The part of the project that the generator takes its hook from. */
  readonly part: Part;
  /** The folder of that part. */
  readonly source: string;
  /** More files of the machine that makes the image: absolute path → content. */
  readonly files: Readonly<Record<string, string>>;
  /** More files and folders of that machine: absolute path → the one here. */
  readonly copies?: Readonly<Record<string, string>>;
  /** Makes `/initramfs.img`. */
  readonly command: readonly string[];
}

const SOURCES = [
  'prepare-root/units',
  'initramfs',
  'scripts/install.mjs',
  'dist/ostree-prepare-root',
  'test/vm/guest/make-initramfs.sh',
];

/** An initramfs by a generator of this machine. @returns the file */
export async function generatedInitramfs(name: string, generator: Generator): Promise<string> {
  const { kernel, command, files, source, copies = {} } = generator;
  const sources = [...SOURCES, source, ...Object.values(copies)].flatMap(filesBelow);
  const inputs = [kernel.version, ...command, JSON.stringify(files)];
  const contents = sources.map((file) => fs.readFileSync(file));
  const directory = await built(name, [...inputs, ...contents], async (target) => {
    const stage = path.join(target, 'stage');
    await layStage(stage, generator);
    const out = path.join(target, 'initramfs.img');
    const modules = path.join(kernel.root, 'usr/lib/modules');
    const args = [path.join(GUEST, 'make-initramfs.sh'), stage, modules, out, ...command];
    const { stdout, stderr } = await runCommand('sh', args);
    fs.writeFileSync(path.join(target, 'log'), stdout + stderr);
    fs.rmSync(stage, { recursive: true });
  });
  return path.join(directory, 'initramfs.img');
}

/** What is laid over the machine's root: our parts as they are installed, and what the case needs. */
async function layStage(stage: string, generator: Generator): Promise<void> {
  await installed(stage, ['programs', 'systemd', generator.part]);
  for (const [file, text] of Object.entries(generator.files)) {
    fs.mkdirSync(path.dirname(path.join(stage, file)), { recursive: true });
    const mode = text.startsWith('#!') ? 0o755 : 0o644;
    fs.writeFileSync(path.join(stage, file), text, { mode });
  }
  for (const [place, from] of Object.entries(generator.copies ?? {}))
    fs.cpSync(from, path.join(stage, place), { recursive: true });
}
