/** What `status` and `mark-good` say of the fallback model, for people and as data. */
import type { CheckResult } from '#bootloader/fallback-health.ts';
import { readHealthFailure } from '#bootloader/fallback-note.ts';
import type { FallbackState } from '#bootloader/fallback-state.ts';
import type { Standing } from '#bootloader/fallback.ts';
import { deploymentName, isSameDeployment, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** The lines of a deployment in every status: none where nothing is known of its boots. */
export function fallbackLines(sysroot: Sysroot, state: FallbackState, deployment: Deployment): string[] {
  const isFirst = state.list[0]?.deployment === deployment;
  const problem = isFirst && state.problem !== null ? [`    Boot: ${state.problem}`] : [];
  const standing = standingIn(state, deployment);
  if (standing.kind === 'unknown') return problem;
  const failure = standing.kind === 'good' ? null : readHealthFailure(sysroot, deployment);
  const why = failure === null ? '' : `: ${failure}`;
  return [...problem, `    Boot: ${standingText(standing)}${why}`];
}

/** The same as keys of a deployment's JSON. */
export function fallbackFacts(
  sysroot: Sysroot,
  state: FallbackState,
  deployment: Deployment,
): { readonly fallback?: FallbackFacts } {
  const standing = standingIn(state, deployment);
  if (standing.kind === 'unknown') return {};
  const failure = standing.kind === 'good' ? null : readHealthFailure(sysroot, deployment);
  const fallback = {
    state: standing.kind,
    ...(standing.kind === 'trial' ? { tries: standing.trial.tries, left: standing.left } : {}),
    ...(failure === null ? {} : { failure }),
  };
  return { fallback };
}

export type FallbackFacts = Readonly<Record<string, string | number>>;

/** What a `mark-good` found and did. */
export interface MarkGoodReport {
  readonly deployment: Deployment;
  /** null: the model is off. */
  readonly standing: Standing | null;
  readonly repaired: readonly string[];
  readonly fellBackFrom: Deployment | null;
  /** Why the fallback could not be made lasting; null where it was, or there was none. */
  readonly unsettled: string | null;
  readonly checks: readonly CheckResult[];
  readonly warnings: readonly string[];
  readonly isHealthy: boolean;
  readonly marked: boolean;
  readonly reboots: boolean;
}

export function markGoodText(report: MarkGoodReport): string {
  const { deployment, repaired, fellBackFrom, unsettled, checks } = report;
  const name = deploymentName(deployment);
  return [
    ...repaired.map((line) => `repaired: ${line}`),
    ...(fellBackFrom === null
      ? []
      : [`${deploymentName(fellBackFrom)} has failed; ${name}, which runs, is the default now`]),
    ...(unsettled === null ? [] : [`the default stays as it was: ${unsettled}`]),
    ...report.warnings.map((line) => `warning: ${line}`),
    ...checks.flatMap(checkLines),
    outcome(report, name),
    ...(report.reboots ? ['rebooting: a required check failed on trial'] : []),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

export function markGoodFacts(report: MarkGoodReport) {
  const { standing, fellBackFrom, unsettled } = report;
  return {
    deployment: deploymentName(report.deployment),
    stateroot: report.deployment.stateroot,
    state: report.marked ? 'good' : (standing?.kind ?? 'off'),
    marked: report.marked,
    healthy: report.isHealthy,
    'failed-deployment': fellBackFrom === null ? null : deploymentName(fellBackFrom),
    unsettled,
    repaired: report.repaired,
    warnings: report.warnings,
    reboots: report.reboots,
    checks: report.checks.map(({ name, isRequired, result, reason, output }) => ({
      ...{ name, required: isRequired, result, reason, output },
    })),
  };
}

function outcome({ standing, isHealthy, marked }: MarkGoodReport, name: string): string {
  if (marked) return `${name} is good`;
  if (!isHealthy) return `${name} is not good: a required check failed`;
  switch (standing?.kind) {
    case undefined:
      return `${name} is healthy; no boots are counted: yum-ostree.fallback-tries is not set`;
    case 'failed':
      return `${name} is healthy, and stays marked as failed: 'set-default' tries it again`;
    case 'good':
    case 'unknown':
    case 'trial':
      return `${name} is healthy; it is not on trial`;
    default:
      return standing satisfies never;
  }
}

function checkLines({ name, isRequired, result, reason, output }: CheckResult): string[] {
  const what = `${isRequired ? 'required' : 'wanted'} check ${name}`;
  if (result === 'passed') return [`${what}: passed`];
  const shown = output.split('\n').filter((line) => line.trim() !== '');
  return [`${what}: ${result}: ${reason}`, ...shown.map((line) => `  | ${line}`)];
}

function standingText(standing: Standing): string {
  if (standing.kind !== 'trial') return standing.kind;
  const { left, trial } = standing;
  return `on trial, ${left} of ${trial.tries} ${trial.tries === 1 ? 'try' : 'tries'} left`;
}

function standingIn({ list }: FallbackState, deployment: Deployment): Standing {
  const found = list.find((one) => isSameDeployment(one.deployment, deployment));
  return found?.standing ?? { kind: 'unknown' };
}
