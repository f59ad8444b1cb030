import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatNevra, formatNvra, nevraFault, parseNevra } from '#layering/nevra.ts';

const word = fc.stringMatching(/^[A-Za-z0-9_+.]{1,8}$/);
const nevra = fc.record({
  name: fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('-')),
  epoch: fc.nat(9),
  version: word,
  release: word,
  arch: fc.constantFrom('x86_64', 'noarch', 'src'),
});

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(nevra, (value) => {
      expect(parseNevra(formatNevra(value))).toEqual(value);
    }),
  );
});

test('forms', () => {
  const gtk = { name: 'gtk+-devel', epoch: 2, version: '1.0~rc1', release: '1.fc40', arch: 'x86_64' };
  expect(formatNevra(gtk)).toBe('gtk+-devel-2:1.0~rc1-1.fc40.x86_64');
  expect(formatNvra(gtk)).toBe('gtk+-devel-1.0~rc1-1.fc40.x86_64');
  expect(parseNevra('bash-0:5.2-1.x86_64').epoch).toBe(0);
});

test.each(['', 'bash', 'bash.x86_64', 'bash-5.2.x86_64', '-5.2-1.x86_64', 'bash-5.2-1.', 'bash-5.2-.noarch'])(
  '%j is refused',
  (text) => {
    expect(() => parseNevra(text)).toThrow(/is not NAME-/);
  },
);

test('what rpm allows in names is taken, and nothing that means more in a path, a ref or a line', () => {
  const good = { name: 'libstdc++-devel_x.1', version: '1.0~rc1^git2', release: '3.fc40', arch: 'x86_64' };
  expect(nevraFault(good)).toBeNull();
  for (const name of [
    '',
    '../../x',
    'a/b',
    '..',
    '.a',
    '-a',
    'a\nb',
    'a\u001b[2J',
    '[x]',
    'a;b',
    'a b',
    'é',
    '@g',
  ])
    expect([name, nevraFault({ ...good, name })]).toEqual([name, expect.stringContaining('its name')]);
  for (const text of ['', '1-2', '1/2', '1\n', '1:2']) {
    expect(nevraFault({ ...good, version: text })).toContain('its version');
    expect(nevraFault({ ...good, release: text })).toContain('its release');
  }
  for (const arch of ['', 'x/y', 'x.y']) expect(nevraFault({ ...good, arch })).toContain('its architecture');
  expect(nevraFault({ ...good, name: 'n'.repeat(300) })).toContain('300 characters');
});
