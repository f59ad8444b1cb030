import path from 'node:path';
import { loadSolver } from '#native/solver.ts';
import type { InstalledPackage } from '#layering/installed-package.ts';
import { loadRepositories, type MetadataOptions } from '#layering/metadata.ts';
import { readVariables } from '#layering/repo-variables.ts';
import { readRepositories, type RepositoryChoice } from '#layering/repository-config.ts';
import { solve, type SolveRequest, type SolveResult } from '#layering/solve.ts';
import { packageKey } from '#layering/download.ts';
import { buildRpm, createRepository, type RpmTestPackage } from '#test/fixtures/rpm-build.ts';

export const VARIABLES = readVariables([], { releasever: '9', basearch: 'x86_64' });

/** Packages with every kind of dependency the solver has to see. */
const PACKAGES: readonly RpmTestPackage[] = [
  {
    name: 'app',
    requires: ['libapp >= 1', '/usr/bin/helper', '(app-gtk if desktop)'],
    recommends: ['app-docs'],
  },
  { name: 'libapp', version: '1.5' },
  { name: 'libapp', version: '2.0' },
  { name: 'helper', files: [{ path: '/usr/bin/helper', mode: 0o755 }] },
  { name: 'desktop' },
  { name: 'app-gtk' },
  { name: 'app-docs' },
  { name: 'app-extras', supplements: ['app'] },
  { name: 'tool', files: [{ path: '/usr/share/odd/tool' }] },
  { name: 'needs-odd', requires: ['/usr/share/odd/tool'] },
  { name: 'web-a', provides: ['webserver = 1'] },
  { name: 'web-b', version: '2.0', provides: ['webserver = 2'] },
  { name: 'needs-web', requires: ['webserver >= 2'] },
  { name: 'broken', requires: ['no-such-library >= 3'] },
  { name: 'left', conflicts: ['right'] },
  { name: 'right' },
  { name: 'basepkg', version: '2.0' },
  { name: 'needs-new-base', requires: ['basepkg >= 2'] },
  { name: 'against-base', conflicts: ['basepkg'] },
  { name: 'base-successor', obsoletes: ['basepkg < 9'] },
  { name: 'epochal', epoch: 3, version: '1.0~rc1' },
];

const COMPS = `<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>tracing</id><name>Tracing</name><name xml:lang="de">Verfolgung</name>
    <description>Watch what runs</description><default>false</default><uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">tool</packagereq>
      <packagereq type="mandatory">not-built</packagereq>
      <packagereq type="default">helper</packagereq>
      <packagereq type="optional">web-a</packagereq>
      <packagereq type="conditional" requires="desktop">app-gtk</packagereq>
    </packagelist>
  </group>
  <group>
    <id>partly</id><name>Partly</name><description>With a member that cannot be installed</description>
    <packagelist>
      <packagereq type="mandatory">tool</packagereq>
      <packagereq type="default">broken</packagereq>
    </packagelist>
  </group>
  <environment>
    <id>lab</id><name>Lab</name><description>For the lab</description>
    <grouplist><groupid>tracing</groupid></grouplist>
    <optionlist><groupid>absent</groupid></optionlist>
  </environment>
</comps>
`;

export function buildSolverRepository(directory: string): void {
  for (const one of PACKAGES) buildRpm(directory, { files: [], ...one });
  createRepository(directory, { comps: COMPS });
}

export interface OwnRequest extends Partial<SolveRequest> {
  /** Repository ids and directories. */
  readonly from: Readonly<Record<string, string>>;
  readonly cache: string;
  /** A directory of .repo files. */
  readonly repositoryFiles?: string;
  readonly choice?: Partial<RepositoryChoice>;
  readonly metadata?: Partial<MetadataOptions>;
}

/** Our own resolution over repositories on this machine. */
export async function weResolve(request: OwnRequest): Promise<SolveResult> {
  const addon = loadSolver();
  const repoFromPath = Object.entries(request.from).map(([id, directory]) => `${id},${directory}`);
  const configs = readRepositories(request.repositoryFiles ?? '/nonexistent', {
    variables: VARIABLES,
    repoFromPath,
    ...request.choice,
  });
  const { repositories } = await loadRepositories(configs, request.cache, {
    addon,
    arch: 'x86_64',
    cacheOnly: false,
    now: Date.now() / 1000,
    trust: { root: path.join(request.cache, 'no-root'), acceptKeys: [] },
    ...request.metadata,
  });
  return await solve(addon, {
    arch: 'x86_64',
    installed: [],
    repositories,
    localPackages: [],
    install: [],
    removeBase: [],
    weakDependencies: true,
    ...request,
  });
}

/** The NEVRAs of a solution as dnf prints them, sorted; null where there is none. */
export function nevrasOf(result: SolveResult): string[] | null {
  return result.kind === 'problems' ? null : result.install.map(({ nevra }) => packageKey(nevra)).sort();
}

/** A package of the base that provides only itself. */
export function basePackage(
  name: string,
  version: string,
  more: Partial<InstalledPackage> = {},
): InstalledPackage {
  return {
    name,
    epoch: 0,
    version,
    release: '1',
    arch: 'noarch',
    provides: [{ name, flags: 8, evr: `${version}-1` }],
    requires: [],
    conflicts: [],
    obsoletes: [],
    recommends: [],
    suggests: [],
    supplements: [],
    enhances: [],
    files: [],
    ...more,
  };
}
