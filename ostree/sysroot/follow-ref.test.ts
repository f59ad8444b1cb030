import { describe, expect, test } from '#test/both-engines.ts';
import { EMPTY_KEYFILE, formatKeyFile, keyFileString, parseKeyFile } from '#ostree/format/keyfile.ts';
import { formatRefspec, parseRefspec } from '#ostree/format/ref-name.ts';
import { followedRefspec, switchedRefspec, upgradedOrigin } from '#ostree/sysroot/follow-ref.ts';

const FROM = parseRefspec('vendor:os/x86_64/standard');

describe('switchedRefspec', () => {
  const cases = [
    ['os/x86_64/devel', 'vendor:os/x86_64/devel'],
    ['other:', 'other:os/x86_64/standard'],
    ['other:os/devel', 'other:os/devel'],
  ] as const;
  for (const [text, expected] of cases)
    test(text, () => {
      expect(formatRefspec(switchedRefspec(FROM, text))).toBe(expected);
    });

  for (const same of ['os/x86_64/standard', 'vendor:', 'vendor:os/x86_64/standard'])
    test(`refuses ${same}, which it follows already`, () => {
      expect(() => switchedRefspec(FROM, same)).toThrow('Old and new refs are equal');
    });
});

test('an upgrade keeps what others wrote into the origin and drops what was the old deployment’s', () => {
  const text =
    '[origin]\nrefspec=vendor:old\noverride-commit=abc\n\n[packages]\nrequested=strace;\n\n[libostree-transient]\npinned=true\n';
  const next = upgradedOrigin(parseKeyFile(text, 'origin'), FROM);
  expect(keyFileString(next, 'origin', 'refspec')).toBe('vendor:os/x86_64/standard');
  expect(keyFileString(next, 'packages', 'requested')).toBe('strace;');
  expect(formatKeyFile(next).includes('override-commit')).toBe(false);
  expect(formatKeyFile(next).includes('libostree-transient')).toBe(false);
});

test('an origin that is not configured says so in its own words', () => {
  const origin = parseKeyFile('[origin]\nrefspec=a:b\nunconfigured-state=Call us\n', 'origin');
  expect(() => followedRefspec(origin, 'os')).toThrow('Call us');
  expect(() => followedRefspec(EMPTY_KEYFILE, 'os')).toThrow('follows no ref');
});
