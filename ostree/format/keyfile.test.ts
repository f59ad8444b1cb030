import { describe, expect, test } from '#test/both-engines.ts';
import {
  EMPTY_KEYFILE,
  formatKeyFile,
  keyFileBoolean,
  keyFileGroups,
  keyFileKeys,
  keyFileString,
  parseKeyFile,
  withKey,
  withoutGroup,
} from '#ostree/format/keyfile.ts';

test('a value may begin with a blank that is no space', () => {
  const file = withKey(EMPTY_KEYFILE, 'g', 'k', '\u00a0x\u2003');
  expect(keyFileString(parseKeyFile(formatKeyFile(file), 'x'), 'g', 'k')).toBe('\u00a0x\u2003');
});

describe('a file of ostree', () => {
  const text = `# by hand\n[core]\nrepo_version=1\nmode=bare\n\n[remote "a b"]\nurl = http://x/?a=b\ngpg-verify=false\n`;
  const file = parseKeyFile(text, 'config');
  test('is read', () => {
    expect(keyFileGroups(file)).toEqual(['core', 'remote "a b"']);
    expect(keyFileKeys(file, 'core')).toEqual(['repo_version', 'mode']);
    expect(keyFileString(file, 'remote "a b"', 'url')).toBe('http://x/?a=b');
    expect(keyFileBoolean(file, 'remote "a b"', 'gpg-verify')).toBe(false);
    expect(keyFileString(file, 'core', 'absent')).toBeNull();
  });
  test('keeps its comments and order when a key changes', () => {
    expect(formatKeyFile(withKey(file, 'core', 'mode', 'archive-z2'))).toBe(
      text.replace('mode=bare', 'mode=archive-z2').replace('url = ', 'url='),
    );
    expect(formatKeyFile(withKey(file, 'core', 'mode', null))).not.toContain('mode');
    expect(keyFileGroups(withoutGroup(file, 'core'))).toEqual(['remote "a b"']);
  });
});

test.each([['key=1\n'], ['[a\n'], ['[a]\nnot a line\n'], ['[]\n'], ['[a]\n=x\n']])(
  '%j is refused',
  (text) => {
    expect(() => parseKeyFile(text, 'file')).toThrow('file:');
  },
);

test('a boolean is true, false, 1 or 0', () => {
  const file = parseKeyFile('[a]\nb=yes\n', 'x');
  expect(() => keyFileBoolean(file, 'a', 'b')).toThrow('neither true nor false');
});
