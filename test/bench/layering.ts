/** Layering's part of `npm run bench`: beside dnf, and beside the way packages are layered without it. Needs root. */
import fs from 'node:fs';
import path from 'node:path';
import { prepareBases } from '#test/bench/base.ts';
import {
  commitCase,
  deployCase,
  placeOf,
  remove,
  repositories,
  type Contestants,
  type Workplace,
} from '#test/bench/cases.ts';
import { installCase, unchangedInstall, type InstallPlace } from '#test/bench/install-case.ts';
import { layeringReport } from '#test/bench/layering-report.ts';
import { measure, type Measurement } from '#test/bench/measure.ts';
import { measureCase, type CasePlace } from '#test/bench/measure-case.ts';
import { runLimited } from '#test/bench/memory-limit.ts';
import { scriptsViewRuns } from '#test/bench/scripts-view-case.ts';
import { solveCases, type SolvePlace } from '#test/bench/solve-cases.ts';
import { medianWall, verdicts, type Row, type Verdict } from '#test/bench/table.ts';
import { writeFormatted } from '#test/bench/write-formatted.ts';
import { cachedDirectory, digestOfSources } from '#test/fixtures/content-cache.ts';
import { writeDebianMetadata } from '#test/fixtures/debian-metadata.ts';
import { INPUTS_DIRECTORY, prepareInputs } from '#test/fixtures/demo-inputs.ts';

const REPORT = path.resolve(import.meta.dirname, '../../docs/bench-layering.md');
/** MiB. */
const MEMORY_LIMITS = { cold: 256, warm: 128 } as const;

/** Seconds. */
const MOST_OF_VIEW = 0.2;

export interface LayeringSettings {
  readonly directory: string;
  readonly sizes: readonly number[];
  readonly runs: number;
  readonly contestants: Contestants;
  readonly machine: string;
  readonly say: (line: string) => void;
}

/** Measures, and writes docs/bench-layering.md. @returns which aims are met */
export async function benchLayering(settings: LayeringSettings): Promise<readonly Verdict[]> {
  const solves = await measureSolves(settings);
  const installs = await measureInstalls(settings);
  const rows = [...solves.rows, ...installs.rows];
  const found = [...verdicts(rows), ...solves.memory, ...installs.further];
  const text = layeringReport({ rows, verdicts: found, ...settings });
  process.stdout.write(text);
  writeFormatted(REPORT, text);
  return found;
}

async function measureSolves(settings: LayeringSettings): Promise<{ rows: Row[]; memory: Verdict[] }> {
  const { say, runs, contestants } = settings;
  const metadata = await debianMetadata(settings);
  const directory = path.join(settings.directory, 'work-solve');
  remove(directory);
  fs.mkdirSync(directory, { recursive: true });
  try {
    const place: SolvePlace = { directory, contestants, ...metadata };
    const measured = {
      directory,
      size: metadata.packages,
      unit: 'packages',
      peer: 'dnf',
      syncs: false,
    } as const;
    const { cases, ours, makeCold } = solveCases(place);
    const rows = cases.map((one) => measureCase(one, { ...measured, say }, runs));
    makeCold();
    const memory = [
      memoryVerdict('install strace --dry-run with cold metadata', ours, MEMORY_LIMITS.cold),
      memoryVerdict('the same, warm', ours, MEMORY_LIMITS.warm),
    ];
    return { rows, memory };
  } finally {
    remove(directory);
  }
}

/** Kept between runs: making them takes longer than measuring. */
async function debianMetadata({ directory, say }: LayeringSettings) {
  const key = digestOfSources(path.resolve(import.meta.dirname, '../fixtures'), ['debian-metadata.ts']);
  const place = path.join(directory, `metadata-${key.slice(0, 16)}`);
  const made = await cachedDirectory(place, async (scratch) => {
    say('making the metadata of 63,000 packages (kept for the next run)');
    const { names } = await writeDebianMetadata(path.join(scratch, 'plain'), { fileLists: false });
    await writeDebianMetadata(path.join(scratch, 'file-lists'), { fileLists: true });
    fs.writeFileSync(path.join(scratch, 'packages'), String(names.length));
  });
  return {
    metadata: path.join(made.path, 'plain'),
    withFileLists: path.join(made.path, 'file-lists'),
    packages: Number(fs.readFileSync(path.join(made.path, 'packages'), 'utf8')),
  };
}

function memoryVerdict(name: string, command: readonly [string, ...string[]], limit: number): Verdict {
  const { succeeded, peak } = runLimited(command, limit);
  const done = succeeded ? 'done' : 'not done';
  return {
    text: `${name}: ${done} in a control group of ${limit} MiB, at most ${Math.round(peak)} MiB in use`,
    met: succeeded,
  };
}

async function measureInstalls(settings: LayeringSettings): Promise<{ rows: Row[]; further: Verdict[] }> {
  const { directory, sizes, say } = settings;
  const inputs = await prepareBases(path.join(directory, 'bases'), sizes, say);
  const { repository } = await prepareInputs({ directory: INPUTS_DIRECTORY, report: say });
  const bySize = inputs.bases.map((base) => {
    const place = path.join(directory, `work-install-${base.files}`);
    const workplace = {
      directory: place,
      base,
      packages: inputs.packages,
      contestants: settings.contestants,
    };
    return measureSize(workplace, repository.baseUrl, settings);
  });
  const [small, large] = [bySize[0], bySize.at(-1)];
  const growth =
    small === undefined || large === undefined || small === large ? [] : [growthVerdict(small, large)];
  const rows = bySize.flatMap(({ install, unchanged, scripted, plain }) => [
    install,
    unchanged,
    scripted,
    plain,
  ]);
  return { rows, further: [...bySize.map(scriptsViewVerdict), ...growth] };
}

interface InstallRows {
  readonly install: Row;
  readonly unchanged: Row;
  /** A small package with a script that does nothing, and the same without: beside each other, the view of scripts. */
  readonly scripted: Row;
  readonly plain: Row;
  /** Of our `admin deploy` of the same base: the hardlink farm and little else. */
  readonly deploy: Row;
}

function measureSize(
  workplace: Workplace,
  packagesUrl: string,
  { runs, say }: LayeringSettings,
): InstallRows {
  const { directory, base, contestants } = workplace;
  remove(directory);
  fs.mkdirSync(directory, { recursive: true });
  try {
    const place: CasePlace = { directory, size: base.files, unit: 'files', peer: 'today', say, syncs: false };
    // It makes the repositories that the others work on.
    measureCase(commitCase(workplace), place, 1);
    const deploy = measureCase(deployCase(workplace), place, runs);
    const installs: InstallPlace = {
      ...{ directory, contestants, repo: repositories(directory).ours, packages: packagesUrl },
    };
    const one = installCase(installs);
    const install = measureCase(one, place, runs);
    const last = path.join(placeOf(directory, one.name, runs), 'ours');
    const again = Array.from({ length: runs }, () => measure([unchangedInstall(installs, last)]));
    const unchanged: Row = {
      ...{ name: 'the same request again', size: base.files, unit: 'files', peer: null },
      ...{ ours: { runs: again, syncs: null }, targets: [{ kind: 'at-most-seconds', seconds: 0.3 }] },
    };
    const view = scriptsViewRuns(installs, last, runs);
    const viewRow = (name: string, runsOfIt: readonly Measurement[]): Row => ({
      ...{ name, size: base.files, unit: 'files', peer: null, targets: [] },
      ours: { runs: runsOfIt, syncs: null },
    });
    const scripted = viewRow('install of one package with a script', view.scripted);
    const plain = viewRow('the same package without', view.plain);
    return { install, unchanged, scripted, plain, deploy };
  } finally {
    remove(directory);
  }
}

function scriptsViewVerdict({ scripted, plain }: InstallRows): Verdict {
  const longer = medianWall(scripted.ours) - medianWall(plain.ours);
  const files = scripted.size.toLocaleString('en-US');
  return {
    text: `the view of scripts, ${files} files: ${longer.toFixed(2)} s longer with a script that does nothing than without (wanted: at most ${MOST_OF_VIEW} s)`,
    met: longer <= MOST_OF_VIEW,
  };
}

/** What an install takes longer on a larger base, beside what the hardlink farm alone takes longer. */
function growthVerdict(small: InstallRows, large: InstallRows): Verdict {
  const longer = (row: (rows: InstallRows) => Row): number =>
    medianWall(row(large).ours) - medianWall(row(small).ours);
  const [install, farm] = [longer((rows) => rows.install), longer((rows) => rows.deploy)];
  const sizes = `${large.install.size.toLocaleString('en-US')} files than at ${small.install.size.toLocaleString('en-US')}`;
  return {
    text: `install @tracing: ${install.toFixed(2)} s longer at ${sizes}, our admin deploy alone ${farm.toFixed(2)} s (wanted: no more, give or take a tenth)`,
    met: install <= farm * 1.1,
  };
}
