/** What failed in the last boot of a deployment on trial: kept in /boot for the time after the fallback. */
import type { CheckResult } from '#bootloader/fallback-health.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { deploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories, replaceFile, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

/** First line: `CSUM.N`. */
const NOTE = 'boot/ostree/health-failure';

/** Replaces the note. It is for people: where it cannot be written, the checks' own result still counts. */
export function noteHealthFailure(
  { sys, fd }: Sysroot,
  deployment: Deployment,
  results: readonly CheckResult[],
): void {
  const failed = results.filter(({ isRequired, result }) => isRequired && result === 'failed');
  const lines = failed.map(({ name, reason }) => `required check ${name}: ${reason}`);
  try {
    makeDirectories(sys, fd, 'boot/ostree');
    replaceFile(sys, fd, { path: NOTE, text: `${deploymentName(deployment)}\n${lines.join('\n')}\n` });
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
}

/** The note of a deployment; null where there is none. */
export function readHealthFailure(
  { sys, fd }: Pick<Sysroot, 'sys' | 'fd'>,
  deployment: Deployment,
): string | null {
  const [name, ...lines] = (sys.readText(fd, NOTE) ?? '').trim().split('\n');
  return name === deploymentName(deployment) && lines.length > 0 ? lines.join('; ') : null;
}

export function dropHealthFailure({ sys, fd }: Sysroot): void {
  unlinkIfPresent(sys, fd, NOTE);
}
