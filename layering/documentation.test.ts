import { expect, test } from 'vitest';
import { leavesOutDocumentation } from '#layering/documentation.ts';

const TREEFILE = 'usr/share/rpm-ostree/treefile.json';

function leavesOut(files: Readonly<Record<string, string>>): boolean {
  const names = (place: string): string[] =>
    Object.keys(files)
      .filter((path) => path.slice(0, path.lastIndexOf('/')) === place)
      .map((path) => path.slice(place.length + 1));
  return leavesOutDocumentation({ text: (path) => files[path] ?? null, names });
}

test.each([
  [{ [TREEFILE]: '{"documentation": false}' }, true],
  [{ [TREEFILE]: '{"documentation": true}', 'usr/etc/dnf/dnf.conf': '[main]\ntsflags=nodocs\n' }, false],
  [{ [TREEFILE]: '{"ref": "x"}', 'usr/etc/dnf/dnf.conf': '[main]\ntsflags=nodocs\n' }, true],
  [{ [TREEFILE]: 'no json' }, false],
  [{ 'usr/etc/dnf/dnf.conf': '[main]\ntsflags = test nodocs\n' }, true],
  [{ 'usr/etc/dnf/dnf.conf': '[main]\n#tsflags=nodocs\ntsflags=\n' }, false],
  [{ 'usr/etc/yum.conf': 'tsflags=nodocs' }, true],
  [{ 'usr/lib/rpm/macros': '%_excludedocs\t1\n' }, true],
  [
    { 'usr/lib/rpm/macros': '#%_excludedocs\n%_excludedocs 1\n', 'usr/etc/rpm/macros': '%_excludedocs 0' },
    false,
  ],
  [{ 'usr/etc/rpm/macros.nodocs': '%_excludedocs 1' }, true],
  [{ 'usr/lib/rpm/macros.d/macros.x': '%_excludedocs 1' }, true],
  [{ 'usr/etc/rpm/macros.x~': '%_excludedocs 1', 'usr/lib/rpm/other': '%_excludedocs 1' }, false],
  [{}, false],
])('%j leaves documentation out: %s', (files, expected) => {
  expect(leavesOut(files)).toBe(expected);
});
