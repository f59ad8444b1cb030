/** Packages with every kind of file that rpmbuild can make. */
import type { RpmTestFile, RpmTestPackage } from '#test/fixtures/rpm-build.ts';

export const PAYLOADS = ['w9.gzdio', 'w6.xzdio', 'w3.zstdio', 'w9.bzdio', 'w9.lzdio', 'w.ufdio'] as const;

const EVERY_KIND: readonly RpmTestFile[] = [
  { path: '/usr/bin/plain', content: 'plain\n'.repeat(3000), mode: 0o755 },
  { path: '/usr/bin/setuid', content: 'setuid', mode: 0o4755 },
  { path: '/usr/bin/capable', content: 'capable', mode: 0o755, caps: 'cap_net_admin,cap_net_raw=ep' },
  { path: '/usr/bin/of-others', content: 'x', mode: 0o2711, owner: 'daemon', group: 'games' },
  { kind: 'hardlink', path: '/usr/bin/second-name', to: '/usr/bin/plain', mode: 0o755 },
  { kind: 'hardlink', path: '/usr/lib/third name', to: '/usr/bin/plain', mode: 0o755 },
  { kind: 'symlink', path: '/usr/bin/link', target: '../lib/third name' },
  { kind: 'symlink', path: '/usr/lib/dangling', target: '/nowhere/at all' },
  { path: '/usr/share/empty', content: '' },
  { path: '/usr/share/münchen/grüße ☃', content: 'unicode\n' },
  { path: '/usr/share/-dash', content: 'dash' },
  { kind: 'directory', path: '/usr/share/closed', mode: 0o555 },
  { kind: 'directory', path: '/usr/share/open', mode: 0o1777 },
  { path: '/etc/sample.conf', content: 'a=1\n', role: 'noreplace' },
  { path: '/etc/missing.conf', content: '', role: 'missingok' },
  { path: '/usr/share/doc/sample/README', content: 'read me', role: 'doc' },
  { path: '/usr/share/licenses/sample/LICENSE', content: 'MIT', role: 'license' },
  { kind: 'ghost', path: '/var/log/sample.log', content: 'twelve bytes', mode: 0o640, group: 'adm' },
  { kind: 'ghost', path: '/etc/sample.cache' },
];

export const SAMPLE: RpmTestPackage = {
  name: 'sample',
  version: '2.0~rc1',
  release: '3.fc40',
  epoch: 1,
  arch: 'x86_64',
  files: EVERY_KIND,
  pre: 'exit 0',
  scripts: { preun: 'true', postun: ['/usr/bin/python3', 'pass'], posttrans: ['<lua>', 'print(1)'] },
  requires: ['bash >= 4', '(gdb if gcc else strace)', '/usr/bin/env'],
  provides: ['virtual = 1:2-3'],
  conflicts: ['enemy < 2'],
  obsoletes: ['ancestor < 1'],
  recommends: ['friend'],
  suggests: ['(a or b)'],
  supplements: ['c'],
  enhances: ['d'],
  extraSections: [
    '%triggerin -- bash, dash\ntrue',
    '%triggerun -- bash\ntrue',
    '%filetriggerin -P 100 -- /usr/lib /usr/share\ntrue',
    '%transfiletriggerin -p /bin/sh -- /usr/lib\ntrue',
  ].join('\n'),
};

export const MANY_FILES: RpmTestPackage = {
  name: 'many-files',
  files: Array.from({ length: 2100 }, (_, i) => ({
    path: `/usr/share/many/${i % 50}/file-${i}`,
    content: `${i}\n`.repeat(i % 7),
  })),
};

export const NO_FILES: RpmTestPackage = { name: 'no-files', provides: ['meta'] };
