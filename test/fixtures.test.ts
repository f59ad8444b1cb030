import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ratio, growthVerdict, markdownTable, verdicts, type Row } from '#test/bench/table.ts';
import { syntheticPackages } from '#test/bench/synthetic-tree.ts';
import { contentScripts } from '#test/fixtures/adjustments.ts';
import { debianEvr, formatRelation, parseControl, parseRelations } from '#test/fixtures/debian-control.ts';
import { specText, type SpecPackage } from '#test/fixtures/rpm-spec.ts';

describe('Debian control files', () => {
  it('joins continuation lines and stops at the end of the stanza', () => {
    const fields = parseControl('Package: a\nDescription: one\n two\n .\nSize: 3\n\nPackage: b\n');
    expect(Object.fromEntries(fields)).toEqual({ Package: 'a', Description: 'one\ntwo\n.', Size: '3' });
  });

  it.each([
    ['1:2.38.1-5+deb12u3', { epoch: '1', version: '2.38.1', release: '5+deb12u3' }],
    ['3.23+nmu1', { epoch: '0', version: '3.23+nmu1', release: '0' }],
    ['2.1-27-g0a1b-2', { epoch: '0', version: '2.1^27^g0a1b', release: '2' }],
    ['0~20171227-0.3', { epoch: '0', version: '0~20171227', release: '0.3' }],
  ])('reads the version %s', (text, evr) => {
    expect(debianEvr(text)).toEqual(evr);
  });

  it('reads relations with alternatives, versions and architectures', () => {
    const relations = parseRelations('libc6 (>= 2.34), awk:any | mawk (<< 2:1.3-4)');
    expect(relations.map((one) => one.map(formatRelation))).toEqual([
      ['libc6 >= 2.34-0'],
      ['awk', 'mawk < 2:1.3-4'],
    ]);
  });

  it('refuses what is not a relation', () => {
    expect(() => parseRelations('a (~ 3)')).toThrow('not a Debian relation: a (~ 3)');
  });

  it.each([
    ['1.2-1', '1.2-1+deb12u1'],
    ['1.2~rc1-1', '1.2-1'],
    ['2.1-27-g0a1b-2', '2.1.1-1'],
    ['9.9-9', '1:0.1-1'],
  ])('orders %s before %s, as dpkg does', (lower, higher) => {
    execFileSync('dpkg', ['--compare-versions', lower, 'lt', higher]);
    const [a, b] = [debianEvr(lower), debianEvr(higher)];
    const text = (evr: typeof a) => `${evr.epoch}:${evr.version}-${evr.release}`;
    const macro = `%{lua:print(rpm.vercmp("${text(a)}", "${text(b)}"))}`;
    expect(execFileSync('rpm', ['--eval', macro], { encoding: 'utf8' }).trim()).toBe('-1');
  });
});

describe('spec files', () => {
  it('say owners, modes, capabilities, scripts and relations', () => {
    const pkg: SpecPackage = {
      ...{ name: 'probe', epoch: '0', version: '1', release: '2', arch: 'noarch', summary: '100% probe' },
      ...{ description: 'A probe.', license: 'MIT', group: 'misc' },
      relations: [['Requires(pre)', 'systemd']],
      files: [
        { path: '/usr/bin/probe', kind: 'file', mode: 0o4750, owner: 'root', group: 'tcpdump' },
        { path: '/etc/odd name', kind: 'file', mode: 0o644, owner: 'root', group: 'root', role: 'config' },
        { path: '/usr/lib/probe', kind: 'directory', mode: 0o755, owner: 'root', group: 'root' },
        { path: '/usr/bin/link', kind: 'symlink', mode: 0o777, owner: 'root', group: 'root' },
      ],
      scripts: [{ when: 'post', program: '/usr/sbin/ldconfig' }],
    };
    expect(specText(pkg).split('\n').slice(3)).toMatchInlineSnapshot(`
      [
        "Name: probe",
        "Version: 1",
        "Release: 2",
        "Summary: 100%% probe",
        "License: MIT",
        "Group: misc",
        "BuildArch: noarch",
        "Requires(pre): systemd",
        "%description",
        "A probe.",
        "%post -p /usr/sbin/ldconfig",
        "%files",
        "%attr(4750,root,tcpdump) /usr/bin/probe",
        "%attr(0644,root,root) %config(noreplace) "/etc/odd name"",
        "%dir %attr(0755,root,root) /usr/lib/probe",
        "/usr/bin/link",
        "",
      ]
    `);
  });

  it('follow from what a package contains', () => {
    expect(contentScripts(['/usr/lib/systemd/system/a.service'])[0]?.body).toContain('preset a.service');
    expect(contentScripts(['/usr/lib/x86_64-linux-gnu/liba.so.1'])).toEqual([
      { when: 'post', program: '/usr/sbin/ldconfig' },
    ]);
    expect(contentScripts(['/usr/bin/a'])).toEqual([]);
  });
});

describe('the bench', () => {
  const side = (walls: number[], syncs: number) => ({
    runs: walls.map((wall) => ({ wall, cpu: wall, peakKib: 20480, stdout: '' })),
    syncs,
  });
  const row = (size: number, ours: number[], peer: number[]): Row => ({
    ...{ name: 'deploy', size, unit: 'files', ours: side(ours, 4), peer: side(peer, 300) },
    targets: [
      { kind: 'times-faster', factor: 3 },
      { kind: 'at-most-syncs', count: 10 },
    ],
  });

  it('compares medians and says which targets are met', () => {
    const small = row(30000, [0.5, 9, 0.4], [2, 2, 2]);
    expect(ratio(small)).toBe(4);
    expect(verdicts([small, row(100000, [1, 1, 1], [2, 2, 2])]).map((one) => one.met)).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect(growthVerdict(small, row(100000, [1], [2]), 1.5).met).toBe(false);
    expect(markdownTable([small], 'ostree').split('\n')[2]).toBe(
      '| deploy | 30,000 | 0.50 s (0.40 s–9.00 s) | 2.00 s (2.00 s–2.00 s) | 4.0 × | 0.50 s / 2.00 s | 20 MB / 20 MB | 4 / 300 |',
    );
  });

  it('makes the same files for the same count, and a larger count only adds', () => {
    const all = (count: number) => syntheticPackages(count).flatMap((pkg) => pkg.files);
    expect(all(3000)).toHaveLength(3000);
    expect(all(3000).slice(0, 1000)).toEqual(all(1000));
    expect(new Set(all(3000).map((file) => file.path)).size).toBe(3000);
  });
});
