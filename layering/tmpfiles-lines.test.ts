import { expect, test } from 'vitest';
import { formatTmpfiles } from '#layering/tmpfiles-lines.ts';

test('fields are escaped as tmpfiles.d(5) reads them', () => {
  const owner = { user: 'root', group: 'app%' };
  expect(
    formatTmpfiles([
      { type: 'd', path: '/var/lib/plain', mode: 0o1777, ...owner },
      { type: 'd', path: '/var/lib/a b"c\\d\'e', mode: 0o755, ...owner },
      { type: 'C', path: '/var/lib/münchen/%i', mode: 0o600, ...owner },
      { type: 'L', path: '/opt/A B', target: '../../usr/lib/opt/A B 100%' },
    ]),
  ).toBe(
    [
      'd /var/lib/plain 1777 root app%% - -',
      'd "/var/lib/a b\\"c\\\\d\'e" 0755 root app%% - -',
      'C /var/lib/münchen/%%i 0600 root app%% - -',
      'L "/opt/A B" - - - - ../../usr/lib/opt/A B 100%%',
      '',
    ].join('\n'),
  );
});
