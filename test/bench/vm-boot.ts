/** `npm run bench -- --only vm-boot`: how long boots in QEMU take from the kernel's start to the root's switch. Needs root. */
import { verdictLines } from '#test/bench/report.ts';
import { writeFormatted } from '#test/bench/write-formatted.ts';
import path from 'node:path';
import type { Verdict } from '#test/bench/table.ts';
import { accelerator } from '#test/vm/accelerator.ts';
import { boot, reportOf } from '#test/vm/boot.ts';
import { cProgram2022, cProgramNewest, ourProgram } from '#test/vm/boot-programs.ts';
import { BOOKWORM } from '#test/vm/debian-suite.ts';
import { deployedInitramfs } from '#test/vm/disk-image.ts';
import { systemdDisk } from '#test/vm/disks.ts';
import { dracutInitramfs } from '#test/vm/dracut-initramfs.ts';
import type { InitramfsPart } from '#test/vm/initramfs-part.ts';
import { filesPart, ownProgram, PREPARE_ROOT } from '#test/vm/initramfs-part.ts';
import { distributionKernel } from '#test/vm/kernel.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');
const REPORT = path.join(PROJECT, 'docs/bench-vm-boot.md');
const CONFIG = '[sysroot]\nreadonly=true\n';
/** systemd waits in an emergency shell where it cannot go on. */
const FAILED = /Failed to start .*ostree-prepare-root\.service|emergency mode|Kernel panic/;
/** What a boot varies by, with the same program. */
const NOISE = 0.01;

export interface VmBootSettings {
  /** Boots of each program. */
  readonly runs: number;
  readonly machine: string;
  readonly say: (line: string) => void;
}

interface Figures {
  readonly name: string;
  /** Seconds of the guest's clock, in ascending order. */
  readonly seconds: readonly number[];
}

/** Boots the programs in turn and writes docs/bench-vm-boot.md. @returns whether ours is the last */
export async function benchVmBoot({ runs, machine, say }: VmBootSettings): Promise<readonly Verdict[]> {
  const kernel = await distributionKernel(BOOKWORM);
  const image = await dracutInitramfs('compact', { kernel, program: 'compact', config: CONFIG });
  const disk = await systemdDisk(kernel, image);
  const deployed = await deployedInitramfs(disk.disk, disk.entries[0]);
  const commandLine = disk.entries[0]?.options ?? '';
  const machineParts = { kernel, disk: disk.disk, memory: 1024 };
  const request = { ...machineParts, commandLine, countInstructions: true, until: FAILED };
  const taken: { name: string; initramfs: InitramfsPart[]; seconds: number[] }[] = [];
  for (const [name, parts] of Object.entries(await programs()))
    taken.push({ name, initramfs: [deployed, ...parts], seconds: [] });
  for (let round = 1; round <= runs; round += 1)
    for (const { name, initramfs, seconds } of taken) {
      const { facts } = reportOf(await boot({ ...request, name: 'bench', initramfs }));
      seconds.push(Number(facts.get('switched-root')) / 1e6);
      say(`${name}, run ${round}: ${seconds.at(-1)?.toFixed(2)} s`);
    }
  const figures = taken.map(({ name, seconds }) => ({ name, seconds: seconds.toSorted((a, b) => a - b) }));
  const verdicts = verdictsOf(figures);
  write(reportText(figures, verdicts, { runs, machine, clock: await accelerator(kernel) }));
  return verdicts;
}

/** Every image has all three, so that unpacking takes the same; the last part is what is run. */
async function programs(): Promise<Record<string, InitramfsPart[]>> {
  const [older, newest, ours] = await Promise.all([cProgram2022(), cProgramNewest(), ourProgram()]);
  const chosen = filesPart(await ownProgram(`/${PREPARE_ROOT}`, PREPARE_ROOT));
  return {
    'compact `ostree-prepare-root`': [older, newest, ours],
    'C, 2022.7': [ours, newest, chosen],
    'C, newest': [ours, older, newest],
  };
}

function verdictsOf([ours, ...peers]: readonly Figures[]): Verdict[] {
  return peers.map(({ name, seconds }) => {
    const ratio = median(ours?.seconds ?? []) / median(seconds);
    const limit = `wanted: at most 1, give or take ${NOISE}`;
    return {
      text: `share of the time with ${name}: ${ratio.toFixed(3)} (${limit})`,
      met: ratio <= 1 + NOISE,
    };
  });
}

function reportText(
  figures: readonly Figures[],
  verdicts: readonly Verdict[],
  { runs, machine, clock }: { readonly runs: number; readonly machine: string; readonly clock: string },
): string {
  const rows = figures.map(({ name, seconds }) => {
    const [low, high] = [seconds[0] ?? NaN, seconds.at(-1) ?? NaN];
    return `| ${name} | ${median(seconds).toFixed(2)} s (${low.toFixed(2)}–${high.toFixed(2)}) |`;
  });
  const counted =
    'Emulated; the guest’s clock counts instructions (two nanoseconds each), so that the host’s other work does not tell.';
  return `# Bench of a boot

Written by \`npm run bench -- --only vm-boot\`. ${machine}.

From the start of the kernel to that of the real root’s systemd: Debian 12 in QEMU, the image that dracut makes with our module,
\`sysroot.readonly\`. ${clock === 'kvm' ? 'With KVM.' : counted} All images have all programs, only which one is run differs; the newest C
program, of another suite, is started by a line of shell with its own loader. They ran in turn, ${runs} times each: median, and in
brackets the fastest and the slowest.

| | kernel start to switch-root |
| --- | ---: |
${rows.join('\n')}

${verdictLines(verdicts)}
`;
}

function write(text: string): void {
  process.stdout.write(text);
  writeFormatted(REPORT, text);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
}
