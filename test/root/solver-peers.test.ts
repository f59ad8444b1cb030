import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SolveResult } from '#layering/solve.ts';
import { createRepository } from '#test/fixtures/rpm-build.ts';
import { dnfResolves } from '#test/root/solver-dnf.ts';
import { basePackage, buildSolverRepository, nevrasOf, weResolve } from '#test/root/solver-repository.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-solver-'));
const repository = path.join(scratch, 'repository');
const cache = path.join(scratch, 'cache');
const from = { t: repository };

beforeAll(() => buildSolverRepository(repository));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

describe('the same packages as dnf, in an empty root', () => {
  const cases: { name: string; specs: string[]; weak?: boolean }[] = [
    { name: 'dependencies, recommended and supplementing packages', specs: ['app'] },
    { name: 'without weak dependencies', specs: ['app'], weak: false },
    { name: 'a rich dependency whose condition holds', specs: ['app', 'desktop'], weak: false },
    { name: 'a path in the short metadata', specs: ['/usr/bin/helper'] },
    { name: 'a path that only the file lists have', specs: ['/usr/share/odd/tool'] },
    { name: 'a dependency on such a path', specs: ['needs-odd'] },
    { name: 'a versioned provide', specs: ['webserver >= 2'] },
    { name: 'a package that needs a provide', specs: ['needs-web'] },
    { name: 'an older version by name and version', specs: ['libapp-1.5'] },
    { name: 'a full NEVRA', specs: ['libapp-1.5-1.noarch'] },
    { name: 'an epoch', specs: ['epochal'] },
    { name: 'name and architecture', specs: ['helper.noarch'] },
    { name: 'a glob', specs: ['web-*'] },
    { name: 'a group: mandatory and default members', specs: ['@tracing'] },
    { name: 'a conditional member beside what it goes with', specs: ['@tracing', 'desktop'] },
    { name: 'an environment', specs: ['@lab'] },
    { name: 'a dependency that nothing provides', specs: ['broken'] },
    { name: 'two packages that conflict', specs: ['left', 'right'] },
  ];
  let theirs: ReturnType<typeof dnfResolves> = [];
  beforeAll(() => {
    theirs = dnfResolves(
      from,
      cases.map(({ specs, weak = true }) => ({ specs, weak })),
    );
  });
  test.each(cases.map((one, index) => ({ ...one, index })))('$name', async ({ specs, weak, index }) => {
    const ours = await weResolve({ from, cache, install: specs, weakDependencies: weak ?? true });
    expect(nevrasOf(ours)).toEqual(theirs[index]);
  });
});

describe('why each package is there', () => {
  test('requested, dependency, weak, group', async () => {
    const result = await weResolve({ from, cache, install: ['app', '@tracing'] });
    const reasons = Object.fromEntries(
      solved(result).install.map(({ nevra, reason }) => [nevra.name, reason]),
    );
    expect(reasons).toEqual({
      app: 'requested',
      libapp: 'dependency',
      'app-docs': 'weak',
      'app-extras': 'weak',
      helper: 'group',
      tool: 'group',
    });
  });

  test('a group says what no repository has', async () => {
    const [group] = solved(await weResolve({ from, cache, install: ['@tracing'] })).groups;
    expect(group).toMatchObject({ id: 'tracing', name: 'Tracing', missing: ['not-built'], skipped: [] });
    expect(group?.packages.map(({ name }) => name)).toEqual(['tool', 'helper']);
  });

  // Unlike dnf, which then installs nothing: one broken default member is no reason to refuse the whole group.
  test('a default member that cannot be installed is left out and named', async () => {
    const result = solved(await weResolve({ from, cache, install: ['@partly'] }));
    expect(result.install.map(({ nevra }) => nevra.name)).toEqual(['tool']);
    expect(result.groups).toMatchObject([{ skipped: ['broken'] }]);
  });

  test('optional members on request', async () => {
    const result = await weResolve({ from, cache, install: ['@tracing'], optionalGroupMembers: true });
    expect(solved(result).install.map(({ nevra }) => nevra.name)).toContain('web-a');
  });

  test('a spec that is not a name says what it became', async () => {
    const { requested } = solved(
      await weResolve({ from, cache, install: ['/usr/bin/helper', 'webserver >= 2'] }),
    );
    expect(requested.map(({ spec, packages }) => [spec, packages.map(({ name }) => name)])).toEqual([
      ['/usr/bin/helper', ['helper']],
      ['webserver >= 2', ['web-b']],
    ]);
  });
});

describe('the base stays as it is', () => {
  const installed = [
    basePackage('basepkg', '1.0'),
    basePackage('helper', '1.0', { files: ['/usr/bin/helper'] }),
  ];

  test('what it has is not installed again, in whatever version', async () => {
    const result = solved(await weResolve({ from, cache, installed, install: ['basepkg', 'app'] }));
    expect(result.install.map(({ nevra }) => nevra.name)).not.toContain('basepkg');
    expect(result.install.map(({ nevra }) => nevra.name)).not.toContain('helper');
    expect(result.requested[0]).toMatchObject({
      spec: 'basepkg',
      packages: [],
      inBase: [{ name: 'basepkg' }],
    });
  });

  test('its files satisfy dependencies on paths', async () => {
    const base = [basePackage('odd', '1.0', { files: ['/usr/share/odd/tool'] })];
    const result = solved(await weResolve({ from, cache, installed: base, install: ['needs-odd'] }));
    expect(result.install.map(({ nevra }) => nevra.name)).toEqual(['needs-odd']);
  });

  test.each([
    ['needs-new-base', 'needs-new-base-1.0-1.noarch (from t) requires basepkg >= 2'],
    ['against-base', 'conflicts with basepkg, which is basepkg-1.0-1.noarch (in the base)'],
    ['base-successor', 'replaces (obsoletes) basepkg < 9, which is basepkg-1.0-1.noarch (in the base)'],
  ])('%s is refused with both names', async (name, sentence) => {
    const result = await weResolve({ from, cache, installed, install: [name] });
    expect(messages(result)).toContain(`cannot install ${name}`);
    expect(messages(result)).toContain(sentence);
    expect(messages(result)).toContain('basepkg-1.0-1.noarch (in the base)');
  });

  test('a named removal goes, and makes room', async () => {
    const result = await weResolve({
      from,
      cache,
      installed,
      install: ['against-base'],
      removeBase: ['basepkg'],
    });
    expect(solved(result).remove.map(({ name }) => name)).toEqual(['basepkg']);
  });

  test('a removal that another base package needs is refused', async () => {
    const base = [
      ...installed,
      basePackage('user', '1.0', { requires: [{ name: 'basepkg', flags: 0, evr: '' }] }),
    ];
    const result = await weResolve({ from, cache, installed: base, removeBase: ['basepkg'] });
    expect(messages(result)).toContain('user-1.0-1.noarch (in the base) requires basepkg');
  });
});

describe('all problems at once', () => {
  test('unknown names, an unknown group, a broken package and a removal that is not there', async () => {
    const result = await weResolve({
      from,
      cache,
      install: ['nosuch', '@nogroup', '/no/such/path', 'broken'],
      removeBase: ['notinbase'],
    });
    expect(messages(result)).toContain('no such package or group: nosuch, @nogroup, /no/such/path');
    expect(messages(result)).toContain('not in the base, so cannot be removed from it: notinbase');
    expect(messages(result)).toContain(
      'cannot install broken: broken-1.0-1.noarch (from t) requires no-such-library >= 3, which no package provides',
    );
  });

  test('where only the version is wrong, the versions there are are named', async () => {
    const result = await weResolve({
      from,
      cache,
      install: ['libapp >= 9', 'libapp-7.5', 'epochal = 1:1.0', 'nosuch > 1', 'app-nodocs', '@g >= 1'],
    });
    expect(messages(result).split('\n')).toEqual([
      'no such version: libapp >= 9, libapp-7.5, epochal = 1:1.0 ' +
        '(of libapp there is only 2.0-1, 1.5-1; of epochal there is only 3:1.0~rc1-1)',
      'no such package or group: nosuch > 1, app-nodocs, @g >= 1',
    ]);
  });

  test('where no repository is enabled, that is said', async () => {
    const result = await weResolve({ from: {}, cache, install: ['app'] });
    expect(result).toMatchObject({ problems: [{ hint: 'no repository is enabled' }] });
  });

  test('a file that was layered before is called by its package', async () => {
    const file = (at: string) => ({
      ...basePackage('twice', '1.0'),
      ...{ path: at, sha256: '0'.repeat(64), packageSize: 0, installedSize: 0, buildTime: 0 },
    });
    const localPackages = [{ ...file('/store/twice.rpm'), layered: true as const }, file('/new/twice.rpm')];
    const install = localPackages.map((one) => one.path);
    const result = await weResolve({ from, cache, localPackages, install });
    expect(messages(result)).toContain('twice-1.0-1.noarch (layered already)');
    expect(messages(result)).not.toContain('/store/');
  });

  test('a misspelt name is answered with similar ones', async () => {
    const result = await weResolve({ from, cache, install: ['docs'] });
    expect(result).toMatchObject({ problems: [{ hint: 'similar names: app-docs' }] });
  });

  test.each([
    ['@trace', 'groups there are: @lab, @partly, @tracing'],
    ['@tracing-tools', 'similar groups: @tracing'],
  ])('the groups that there are answer %s', async (spec, hint) => {
    const result = await weResolve({ from, cache, install: [spec] });
    expect(result).toMatchObject({ problems: [{ hint }] });
  });
});

describe('several repositories', () => {
  const section = (id: string, extra: string) => `[${id}]\nname=${id}\ngpgcheck=0\n${extra}\n`;
  const resolveFiles = (repositoryFiles: string, install: string[]) =>
    weResolve({ from: {}, cache, install, repositoryFiles });

  test('the better priority wins over the newer version', async () => {
    const directory = path.join(scratch, 'old');
    fs.mkdirSync(directory, { recursive: true });
    fs.copyFileSync(
      path.join(repository, 'libapp-1.5-1.noarch.rpm'),
      path.join(directory, 'libapp-1.5-1.noarch.rpm'),
    );
    createRepository(directory);
    const files = path.join(scratch, 'priority.repos');
    fs.mkdirSync(files, { recursive: true });
    fs.writeFileSync(
      path.join(files, 'old.repo'),
      section('old', `baseurl=file://${directory}\npriority=10`),
    );
    fs.writeFileSync(path.join(files, 'new.repo'), section('new', `baseurl=file://${repository}`));
    expect(nevrasOf(await resolveFiles(files, ['libapp']))).toEqual(['libapp-1.5-1.noarch']);
  });

  test('excludepkgs and includepkgs hide packages, and the message says so', async () => {
    const files = path.join(scratch, 'hidden.repos');
    fs.mkdirSync(files, { recursive: true });
    const text = section('t', `baseurl=file://${repository}\nexcludepkgs=libapp-2* desktop`);
    fs.writeFileSync(path.join(files, 't.repo'), text);
    expect(nevrasOf(await resolveFiles(files, ['libapp']))).toEqual(['libapp-1.5-1.noarch']);
    expect(messages(await resolveFiles(files, ['desktop']))).toContain(
      'desktop-1.0-1.noarch (from t) is excluded',
    );
    fs.writeFileSync(
      path.join(files, 't.repo'),
      section('t', `baseurl=file://${repository}\nincludepkgs=web-?`),
    );
    expect(nevrasOf(await resolveFiles(files, ['webserver']))).toHaveLength(1);
    expect((await resolveFiles(files, ['helper'])).kind).toBe('problems');
  });
});

function solved(result: SolveResult): SolveResult & { kind: 'solution' } {
  if (result.kind === 'problems') throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return result;
}

function messages(result: SolveResult): string {
  return result.kind === 'problems' ? result.problems.map(({ message }) => message).join('\n') : '';
}
