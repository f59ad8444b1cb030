/** prepare-root's part of `npm run bench`: the compact executable beside the C programs. Needs root. */
import fs from 'node:fs';
import path from 'node:path';
import { measureImages, peerFiles } from '#test/bench/boot-images.ts';
import {
  bootReportText,
  bootTable,
  bootVerdicts,
  type Beside,
  type BootFigures,
} from '#test/bench/boot-report.ts';
import { compressedSize, timePrepareRoot } from '#test/bench/boot-times.ts';
import { run } from '#test/bench/measure.ts';
import type { Verdict } from '#test/bench/table.ts';
import { replaceMarked } from '#test/bench/replace-marked.ts';
import { writeFormatted } from '#test/bench/write-formatted.ts';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { INPUTS_DIRECTORY, prepareInputs } from '#test/fixtures/demo-inputs.ts';
import { newerOstree } from '#test/root/newer-ostree.ts';
import { PROJECT } from '#test/root/scratch-initramfs.ts';

const C_PREPARE_ROOT = '/usr/lib/ostree/ostree-prepare-root';
const REPORT = path.join(PROJECT, 'docs/bench-prepare-root.md');
const README = path.join(PROJECT, 'README.md');
/** The table of the README is between this and `<!-- end -->`. */
const MARK = '<!-- bench of prepare-root -->';

export interface BootSettings {
  /** Of each program. */
  readonly runs: number;
  readonly machine: string;
  readonly say: (line: string) => void;
}

/** Measures, and writes docs/bench-prepare-root.md and the README's table. @returns which aims are met */
export async function benchBoot({ runs, machine, say }: BootSettings): Promise<readonly Verdict[]> {
  const program = compactPrepareRoot();
  const { base } = await prepareInputs({ directory: INPUTS_DIRECTORY, report: say });
  say('prepare-root: initramfs images');
  const images = measureImages(program, {
    modules: path.join(base.path, 'usr/lib/modules'),
    version: base.kernelVersion,
  });
  say(`prepare-root: ${runs} runs of each program`);
  const floors = [floorProgram('empty'), floorProgram('same-calls')];
  const beside = (usr: string): Beside => {
    const [ours, peer, nothing, calls] = timePrepareRoot([program, C_PREPARE_ROOT, ...floors], usr, runs);
    if (ours === undefined || peer === undefined || nothing === undefined || calls === undefined)
      throw new Error('time-boot: no figures');
    return { ours, peer, nothing, calls };
  };
  const figures: BootFigures = {
    executable: { bytes: fs.statSync(program).size, compressed: compressedSize(program) },
    older: beside('/usr'),
    newer: beside(`${newerOstree()}/usr`),
    ...{ peerFiles: peerFiles(), images, runs, machine },
  };
  write(figures);
  return bootVerdicts(figures);
}

/** Linked as ours is: the distribution's static C library takes longer to start than all that it is compared with. */
function floorProgram(name: 'empty' | 'same-calls'): string {
  const output = path.join(PROJECT, 'build', name);
  const source = path.join(PROJECT, `native/time-boot/${name}.c`);
  run([process.execPath, path.join(PROJECT, 'scripts/compact/compile-c.mjs'), source, output]);
  return output;
}

/** A crash leaves each file as it was or as it is to be. */
function write(figures: BootFigures): void {
  const text = bootReportText(figures);
  process.stdout.write(text);
  writeFormatted(REPORT, text);
  replaceMarked(README, MARK, `${bootTable(figures)}\n\n${missed(figures)}`);
}

function missed(figures: BootFigures): string {
  const short = bootVerdicts(figures).filter((verdict) => !verdict.met);
  return short.length === 0
    ? ''
    : `Short of what we want so far: ${short.map(({ text }) => text).join('; ')}.`;
}
