/** What `ps` prints, for people and for programs. Pure. */
import { restartJson, restartText } from '#cli/restart-text.ts';
import { shownWord } from '#cli/report-error.ts';
import { countText, tableText } from '#cli/report.ts';
import { interruptedTrees } from '#layering/live-record.ts';
import type { RunningFile, RunningProcess, RunningReport } from '#layering/running.ts';

export interface PsOptions {
  /** Every file, with its packages. */
  readonly verbose: boolean;
  /** Processes without a file of a tree too. */
  readonly all: boolean;
}

/** Processes by unit; what is not of the current tree is shown file by file. */
export function psText(report: RunningReport, options: PsOptions): string {
  const shown = shownProcesses(report, options);
  const lines = [headline(report)];
  for (const [unit, processes] of byUnit(shown)) {
    lines.push(`${shownWord(unit)}\n`);
    const rows = processes.map((one) => [
      `  ${one.pid}`,
      one.name,
      one.state ?? 'not seen',
      [...treesOf(one), packagesText(one, options)].filter((part) => part !== '').join(': '),
    ]);
    const table = tableText(rows).trimEnd().split('\n');
    processes.forEach((one, at) => lines.push(`${table[at] ?? ''}\n${filesText(one, options)}`));
  }
  const left = report.processes.length - shown.length;
  if (left > 0) lines.push(`${left} without a file of a tree (--all lists them)\n`);
  for (const one of report.restarted) lines.push(`${shownWord(restartText(one))}\n`);
  for (const line of report.unseen) lines.push(`not seen: ${shownWord(line)}\n`);
  return lines.join('');
}

/** `files` are all that are not current; with -v all. */
export function psJson(report: RunningReport, options: PsOptions): object {
  const { current, layer } = report;
  return {
    current:
      current === null
        ? null
        : {
            id: current.id,
            'tree-name': current.treeName,
            checksum: current.checksum,
            booted: current.deployment.isBooted,
            unlocked: layer?.kind ?? 'none',
            'applied-live': appliedJson(report),
            'interrupted-live': interruptedNames(report),
          },
    processes: shownProcesses(report, options).map((one) => ({
      pid: one.pid,
      name: one.name,
      uid: one.uid,
      unit: one.unit,
      'user-unit': one.userUnit,
      slice: one.slice,
      state: one.state,
      trees: treesOf(one),
      packages: packagesOf(one),
      files: shownFiles(one, options).map(fileJson),
    })),
    restarted: report.restarted.map(restartJson),
    unseen: report.unseen,
  };
}

function fileJson(file: RunningFile): object {
  return {
    path: file.path,
    state: file.state,
    tree: file.tree,
    deployment: file.deployment,
    object: file.object,
    packages: file.packages,
    'replaced-by': file.replacedBy,
    executable: file.isExecutable,
    device: file.device,
    inode: file.inode,
  };
}

function appliedJson({ applied }: RunningReport): object | null {
  const tree = applied?.live ?? null;
  if (applied === null || tree === null) return null;
  return {
    'tree-name': tree.treeName,
    checksum: tree.commit,
    time: applied.time,
    packages: applied.packages,
  };
}

function headline({ current, layer, applied }: RunningReport): string {
  if (current === null) return 'Nothing is deployed.\n';
  const unlocked = layer === null ? '' : `, /usr unlocked (${layer.kind})`;
  const live = applied?.live ?? null;
  const over = live === null ? '' : `, over it ${live.treeName} by apply-live`;
  const place = current.deployment.isBooted ? 'booted' : 'not booted';
  const half = interruptedNames({ applied });
  const begun = half.length === 0 ? '' : `, apply-live of ${half.join(' and ')} interrupted`;
  return `${shownWord(`${current.treeName} (${place}${unlocked}${over}${begun})`)}\n`;
}

/** Trees that are there in part. */
function interruptedNames({ applied }: Pick<RunningReport, 'applied'>): string[] {
  return applied === null ? [] : interruptedTrees(applied).map(({ treeName }) => treeName);
}

function shownProcesses({ processes }: RunningReport, { all }: PsOptions): RunningProcess[] {
  return processes.filter(({ state }) => all || state !== 'outside');
}

function shownFiles({ files }: RunningProcess, { verbose }: PsOptions): RunningFile[] {
  return files.filter(({ state }) => verbose || (state !== 'current' && state !== 'outside'));
}

function byUnit(processes: readonly RunningProcess[]): Map<string, RunningProcess[]> {
  const groups = new Map<string, RunningProcess[]>();
  for (const one of processes) {
    const unit = [one.unit ?? 'in no unit', ...(one.userUnit === null ? [] : [one.userUnit])].join(' ');
    groups.set(unit, [...(groups.get(unit) ?? []), one]);
  }
  return groups;
}

function treesOf({ files }: RunningProcess): string[] {
  return [...new Set(files.flatMap(({ tree }) => tree ?? []))].sort();
}

function packagesOf({ files }: RunningProcess): string[] {
  return [...new Set(files.flatMap(({ packages }) => packages))].sort();
}

function packagesText(one: RunningProcess, { verbose }: PsOptions): string {
  const packages = packagesOf(one);
  if (packages.length === 0) return '';
  return verbose || packages.length < 3 ? packages.join(', ') : countText(packages.length);
}

function filesText(one: RunningProcess, options: PsOptions): string {
  const rows = shownFiles(one, options).map((file) => [
    `      ${file.state}`,
    file.path,
    [...file.packages, ...file.replacedBy.map((by) => `now ${by}`)].join(', '),
  ]);
  return rows.length === 0 ? '' : tableText(rows);
}
