import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { dnfResolves } from '#test/root/solver-dnf.ts';
import { nevrasOf, weResolve } from '#test/root/solver-repository.ts';

const repodata = path.resolve(import.meta.dirname, '../../../shared/corpus/repodata');
const from = {
  baseos: path.join(repodata, 'osbuild+images/test/data/testrepo'),
  appstream: path.join(repodata, 'osbuild+osbuild/test/data/testrepos/appstream'),
};
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-cs9-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

describe.runIf(fs.existsSync(repodata))('CentOS Stream 9, 18,774 packages, as dnf resolves it', () => {
  const cache = path.join(scratch, 'cache');
  test.each([
    { specs: ['strace'], weak: true, count: 86 },
    { specs: ['strace'], weak: false, count: null },
    { specs: ['bash'], weak: true, count: 15 },
    { specs: ['tmux'], weak: true, count: 41 },
    { specs: ['httpd'], weak: true, count: 100 },
    { specs: ['gnome-shell'], weak: true, count: null },
    { specs: ['@core'], weak: true, count: null },
  ])('$specs, weak dependencies $weak', async ({ specs, weak, count }) => {
    const ours = nevrasOf(await weResolve({ from, cache, install: specs, weakDependencies: weak }));
    expect(ours).toEqual(dnfResolves(from, [{ specs, weak }])[0]);
    if (count !== null) expect(ours).toHaveLength(count);
  });

  test('the reason why there is no solution names packages and what they lack', async () => {
    const result = await weResolve({ from, cache, install: ['gnome-shell'] });
    const text = result.kind === 'problems' ? result.problems.map(({ message }) => message).join('\n') : '';
    expect(text).toMatch(/^cannot install gnome-shell: gnome-shell-\S+\.x86_64 \(from appstream\) requires /);
    expect(text).toMatch(/which no package provides/);
  });

  test('from the cache alone, a second time', async () => {
    const metadata = { cacheOnly: true };
    const result = await weResolve({ from, cache, install: ['strace'], metadata });
    expect(nevrasOf(result)).toHaveLength(86);
  });

  test('without a cache there is nothing to use', async () => {
    const request = {
      from,
      cache: path.join(scratch, 'empty'),
      install: ['strace'],
      metadata: { cacheOnly: true },
    };
    await expect(weResolve(request)).rejects.toThrow(
      /repository baseos: its metadata is not in the cache[^]*repository appstream: its metadata is not in the cache/,
    );
  });
});
