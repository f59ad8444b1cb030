import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import { prepareBases } from '#test/bench/base.ts';
import {
  checkoutCase,
  commitCase,
  deployCase,
  fsckCase,
  remove,
  type Contestants,
  type Workplace,
} from '#test/bench/cases.ts';
import { benchBoot } from '#test/bench/boot.ts';
import { benchDeployments, DEPLOYMENTS_MARK } from '#test/bench/deployments.ts';
import { composeCase, rpmdbRow } from '#test/bench/compose-case.ts';
import { benchLayering } from '#test/bench/layering.ts';
import { run } from '#test/bench/measure.ts';
import { measureCase, type CasePlace } from '#test/bench/measure-case.ts';
import { reportText } from '#test/bench/report.ts';
import { benchVmBoot } from '#test/bench/vm-boot.ts';
import { marked, replaceMarked } from '#test/bench/replace-marked.ts';
import { growthVerdict, markdownTable, verdicts, type Row } from '#test/bench/table.ts';
import { writeFormatted } from '#test/bench/write-formatted.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');
/** The README's table of the first part is between this and `<!-- end -->`. */
const REPOSITORY_MARK = '<!-- bench -->';
/** The value of --only for the boot's part alone. */
const PREPARE_ROOT = 'prepare-root';
/** That for boots in QEMU, minutes where they are emulated. */
const VM_BOOT = 'vm-boot';
/** That for sysroots: upgrades, and many deployments. */
const DEPLOYMENTS = 'deployments';
/** That for layering beside dnf, with the metadata of a whole distribution. */
const LAYERING = 'layering';
const HELP = `npm run bench [-- --sizes 30000,100000] [-- --runs 3] [-- --directory DIR] [-- --only NAME|deployments|layering|prepare-root|vm-boot]

Measures dist/yum-ostree against the machine's ostree, side by side, and writes docs/bench.md and the README's
table; with upgrades and many deployments; then layering against dnf
(as root): docs/bench-layering.md; then the compact
ostree-prepare-root against the C programs (as root): docs/bench-prepare-root.md and the README's table; and with each
of them boots in QEMU: docs/bench-vm-boot.md.
`;

interface Settings {
  readonly sizes: readonly number[];
  readonly runs: number;
  readonly directory: string;
  /** Only cases whose name contains this; docs/bench.md is then left as it is. */
  readonly only: string | undefined;
}

async function bench(settings: Settings): Promise<boolean> {
  const contestants = builtPrograms(settings.directory);
  const inputs = await prepareBases(path.join(settings.directory, 'bases'), settings.sizes, say);
  const loadBefore = os.loadavg()[0] ?? 0;
  const rows = inputs.bases.flatMap((base) =>
    measureSize({ base, packages: inputs.packages, contestants }, settings),
  );
  const found = [...verdicts(rows), ...growthVerdicts(rows)];
  const report = { rows, verdicts: found, runs: settings.runs, machine: machineText(loadBefore) };
  const file = path.join(PROJECT, 'docs/bench.md');
  const text = marked(fs.readFileSync(file, 'utf8'), DEPLOYMENTS_MARK);
  process.stdout.write(reportText(report, { mark: DEPLOYMENTS_MARK, text }));
  if (settings.only === undefined) {
    writeFormatted(file, reportText(report, { mark: DEPLOYMENTS_MARK, text }));
    replaceMarked(path.join(PROJECT, 'README.md'), REPOSITORY_MARK, markdownTable(rows, 'ostree'));
  }
  return found.every((verdict) => verdict.met);
}

function measureSize(parts: Omit<Workplace, 'directory'>, settings: Settings): Row[] {
  const { base } = parts;
  const directory = path.join(settings.directory, `work-${base.files}`);
  remove(directory);
  fs.mkdirSync(directory, { recursive: true });
  spreadBelow(directory);
  const workplace: Workplace = { ...parts, directory };
  const place: CasePlace = { directory, size: base.files, unit: 'files', peer: 'ostree', say, syncs: true };
  try {
    const cases = [commitCase, checkoutCase, fsckCase, deployCase, composeCase].map((make) =>
      make(workplace),
    );
    // The commit makes the repositories that the others work on.
    const wanted = cases.filter(
      (one, index) => index === 0 || settings.only === undefined || one.name.includes(settings.only),
    );
    const rows = wanted.map((one) => measureCase(one, place, settings.runs));
    return rows.at(-1)?.name === 'compose' ? [...rows, rpmdbRow(workplace, settings.runs)] : rows;
  } finally {
    remove(directory);
  }
}

/**
 * ext4 does not give the inodes of removed files out again for minutes, and searching past them makes mkdir many times
 * slower. So nothing is removed between runs, and each run's directory starts in another part of the disk.
 */
function spreadBelow(directory: string): void {
  spawnSync('chattr', ['+T', directory]);
}

function growthVerdicts(rows: readonly Row[]) {
  const composes = rows.filter((row) => row.name === 'compose');
  const [small, large] = [composes[0], composes.at(-1)];
  return small === undefined || large === undefined || small === large
    ? []
    : [growthVerdict(small, large, 1.5)];
}

/** dist/, built where a source is newer; a copy, so that a build meanwhile does not change what is measured. */
function builtPrograms(directory: string): Contestants {
  const dist = path.join(PROJECT, 'dist');
  const built = fs.statSync(path.join(dist, 'yum-ostree'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const folders = ['cli', 'layering', 'bootloader', 'ostree', 'prepare-root', 'native'];
  const newer = folders
    .flatMap((folder) => fs.globSync(`${folder}/**/*.{ts,cc}`, { cwd: PROJECT }))
    .some((file) => fs.statSync(path.join(PROJECT, file)).mtimeMs > built);
  if (newer) {
    say('building dist/');
    run([process.execPath, path.join(PROJECT, 'scripts/build.mjs')]);
  }
  const programs = path.join(directory, 'programs');
  fs.rmSync(programs, { recursive: true, force: true });
  fs.mkdirSync(programs, { recursive: true });
  const yumOstree = path.join(programs, 'yum-ostree');
  fs.copyFileSync(path.join(dist, 'yum-ostree'), yumOstree);
  fs.symlinkSync('yum-ostree', path.join(programs, 'ostree'));
  return { ostree: { ours: path.join(programs, 'ostree'), peer: '/usr/bin/ostree' }, yumOstree };
}

function machineText(loadBefore: number): string {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown processor';
  const load = `load ${loadBefore.toFixed(1)} before, ${(os.loadavg()[0] ?? 0).toFixed(1)} after`;
  return `${os.availableParallelism()} × ${cpu}, Linux ${os.release()}, ${load}`;
}

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '30000,100000' },
      runs: { type: 'string', default: '3' },
      directory: { type: 'string', default: path.join(PROJECT, '.bench') },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const sizes = values.sizes.split(',').map(Number);
  const runs = Number(values.runs);
  if (sizes.some((size) => !(size >= 10_000)) || !(runs >= 1))
    throw new UserError('USAGE', '--sizes takes numbers of at least 10000, --runs a number of at least 1');
  const { only } = values;
  const settings = { sizes, runs, directory: path.resolve(values.directory), only };
  const wanted = (name: string) => only === undefined || only === name;
  const others: readonly (string | undefined)[] = [DEPLOYMENTS, LAYERING, PREPARE_ROOT, VM_BOOT];
  const met = others.includes(only) || (await bench(settings));
  const deploymentsMet = !wanted(DEPLOYMENTS) || (await deploymentsAreMet(settings));
  const layeringMet = !wanted(LAYERING) || (await layeringIsMet(settings));
  const bootMet = !wanted(PREPARE_ROOT) || (await bootIsMet());
  const vmBootMet = !wanted(VM_BOOT) || (await vmBootIsMet());
  return met && deploymentsMet && layeringMet && bootMet && vmBootMet ? 0 : 1;
}

async function deploymentsAreMet({ directory, sizes, runs }: Settings): Promise<boolean> {
  const contestants = builtPrograms(directory);
  const machine = machineText(os.loadavg()[0] ?? 0);
  const found = await benchDeployments({ directory, sizes, runs, contestants, machine, say });
  return found.every((verdict) => verdict.met);
}

async function layeringIsMet({ directory, sizes, runs }: Settings): Promise<boolean> {
  const contestants = builtPrograms(directory);
  const machine = machineText(os.loadavg()[0] ?? 0);
  const found = await benchLayering({ directory, sizes, runs, contestants, machine, say });
  return found.every((verdict) => verdict.met);
}

/** Many runs: each takes a thousandth of a second or two. */
async function bootIsMet(): Promise<boolean> {
  const verdicts = await benchBoot({ runs: 500, machine: machineText(os.loadavg()[0] ?? 0), say });
  return verdicts.every((verdict) => verdict.met);
}

/** Few: the guest's clock varies by one in a hundred. */
async function vmBootIsMet(): Promise<boolean> {
  const verdicts = await benchVmBoot({ runs: 3, machine: machineText(os.loadavg()[0] ?? 0), say });
  return verdicts.every((verdict) => verdict.met);
}

main().then(
  (exitCode) => (process.exitCode = exitCode),
  (error: unknown) => {
    process.stderr.write(`error: bench: ${messageOf(error)}\n`);
    process.exitCode = 1;
  },
);
