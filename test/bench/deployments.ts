/** The part of `npm run bench` that works on sysroots: upgrades, and what many deployments cost. */
import fs from 'node:fs';
import path from 'node:path';
import { prepareBases } from '#test/bench/base.ts';
import { commitCase, remove, type Contestants, type Workplace } from '#test/bench/cases.ts';
import {
  boardStatusCase,
  deploySmallCase,
  makeManyDeployments,
  statusCase,
  upgradeCase,
  type ManyDeployments,
} from '#test/bench/deployments-cases.ts';
import { measureCase, type CasePlace } from '#test/bench/measure-case.ts';
import { deploymentsText } from '#test/bench/report.ts';
import { replaceMarked } from '#test/bench/replace-marked.ts';
import { markdownTable, verdicts, type Row, type Verdict } from '#test/bench/table.ts';
import { compactProgram } from '#test/fixtures/compact-program.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');
/** Between this and `<!-- end -->` in docs/bench.md and the README. */
export const DEPLOYMENTS_MARK = '<!-- bench of deployments -->';
const COUNTS = [2, 60];
export interface DeploymentsSettings {
  readonly directory: string;
  readonly sizes: readonly number[];
  readonly runs: number;
  readonly contestants: Contestants;
  readonly machine: string;
  readonly say: (line: string) => void;
}

/** Measures, and writes its part of docs/bench.md and of the README. @returns which aims are met */
export async function benchDeployments(settings: DeploymentsSettings): Promise<readonly Verdict[]> {
  const upgrades = await measureUpgrades(settings);
  const rows = [...upgrades, ...COUNTS.flatMap((count) => measureMany(settings, count))];
  const found = verdicts(rows);
  const text = deploymentsText({ rows, verdicts: found, ...settings });
  process.stdout.write(text);
  replaceMarked(path.join(PROJECT, 'docs/bench.md'), DEPLOYMENTS_MARK, text);
  replaceMarked(path.join(PROJECT, 'README.md'), DEPLOYMENTS_MARK, markdownTable(rows, 'ostree'));
  return found;
}

async function measureUpgrades({ directory, sizes, ...settings }: DeploymentsSettings): Promise<Row[]> {
  const { bases, packages } = await prepareBases(path.join(directory, 'bases'), sizes, settings.say);
  return bases.map((base) =>
    inWorkplace(path.join(directory, `work-upgrade-${base.files}`), (place) => {
      const workplace: Workplace = { directory: place, base, packages, contestants: settings.contestants };
      const measured: CasePlace = {
        ...{ directory: place, size: base.files, unit: 'files', peer: 'ostree' },
        ...{ say: settings.say, syncs: true },
      };
      // It makes the repository that the upgrades come from.
      measureCase(commitCase(workplace), { ...measured, syncs: false }, 1);
      return measureCase(upgradeCase(workplace), measured, settings.runs);
    }),
  );
}

function measureMany({ directory, contestants, say, runs }: DeploymentsSettings, count: number): Row[] {
  return inWorkplace(path.join(directory, `work-deployments-${count}`), (place) => {
    const many: ManyDeployments = {
      directory: place,
      count,
      contestants,
      board: compactProgram('yum-ostree-boot'),
    };
    say(`making ${count} deployments`);
    makeManyDeployments(many);
    const measured: CasePlace = {
      directory: place,
      size: count,
      unit: 'deployments',
      peer: 'ostree',
      say,
      syncs: true,
    };
    return [
      ...[statusCase, boardStatusCase].map((make) => measureCase(make(many), measured, 5 * runs)),
      measureCase(deploySmallCase(many), measured, runs),
    ];
  });
}

function inWorkplace<T>(place: string, action: (place: string) => T): T {
  remove(place);
  fs.mkdirSync(place, { recursive: true });
  try {
    return action(place);
  } finally {
    remove(place);
  }
}
