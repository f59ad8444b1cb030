/** What the view costs in which scripts run: the same package installed with a script that does nothing, and without. */
import path from 'node:path';
import type { InstallPlace } from '#test/bench/install-case.ts';
import { measure, run, type Argv, type Measurement } from '#test/bench/measure.ts';
import { buildRpm, createRepository } from '#test/fixtures/rpm-build.ts';

export interface ScriptsViewRuns {
  readonly scripted: readonly Measurement[];
  readonly plain: readonly Measurement[];
}

/**
 * Installs packages on the sysroot `at` in turn, each for the first time, as what an earlier run composed would be taken as
 * it is; and on the base alone, with nothing to remove: that takes longer than all the rest, and not the same each time.
 */
export function scriptsViewRuns(
  { contestants, directory }: InstallPlace,
  at: string,
  runs: number,
): ScriptsViewRuns {
  const repository = path.join(directory, 'scripts-view');
  const rounds = Array.from({ length: runs }, (_, round) => round);
  for (const round of rounds) {
    const files = [{ path: '/usr/share/view/file', content: 'x' }];
    buildRpm(repository, { name: `plain-${round}`, files });
    buildRpm(repository, { name: `scripted-${round}`, files, scripts: { post: ':' } });
  }
  createRepository(repository);
  const sysroot = path.join(at, 'sysroot');
  const change = (...words: readonly string[]): Argv => [
    ...([contestants.yumOstree, '--sysroot', sysroot, '--quiet', '-y', ...words] as const),
    ...['--repofrompath', `view,file://${repository}`, '--no-gpgchecks'],
  ];
  const dropLayered = (): void => {
    run(['/usr/bin/ostree', 'admin', `--sysroot=${sysroot}`, 'undeploy', '0']);
  };
  dropLayered();
  const installed = (name: string): Measurement => {
    const taken = measure([change('install', name)]);
    dropLayered();
    return taken;
  };
  const taken = rounds.map((round) => [installed(`scripted-${round}`), installed(`plain-${round}`)] as const);
  return { scripted: taken.map(([scripted]) => scripted), plain: taken.map(([, plain]) => plain) };
}
