import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EMPTY_KEYFILE,
  formatKeyFile,
  keyFileBoolean,
  keyFileGroups,
  keyFileKeys,
  keyFileList,
  keyFileString,
  parseKeyFile,
  withKey,
  withoutGroup,
} from '#ostree/format/keyfile.ts';

const group = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9 "_-]{0,10}[a-z0-9]$/);
const key = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const value = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'));

test('any value that was set is read back, from the text too', () => {
  fc.assert(
    fc.property(group, key, value, (g, k, v) => {
      const file = withKey(EMPTY_KEYFILE, g, k, v);
      expect(keyFileString(file, g, k)).toBe(v);
      expect(keyFileString(parseKeyFile(formatKeyFile(file), 'x'), g, k)).toBe(v);
    }),
  );
});

test('a value may begin with a blank that is no space', () => {
  const file = withKey(EMPTY_KEYFILE, 'g', 'k', '\u00a0x\u2003');
  expect(keyFileString(parseKeyFile(formatKeyFile(file), 'x'), 'g', 'k')).toBe('\u00a0x\u2003');
});

test('any list that was set is read back', () => {
  fc.assert(
    fc.property(group, key, fc.array(value), (g, k, list) => {
      const file = parseKeyFile(formatKeyFile(withKey(EMPTY_KEYFILE, g, k, list)), 'x');
      expect(keyFileList(file, g, k)).toEqual(list);
    }),
  );
});

test('setting one key leaves all the others', () => {
  const settings = fc.array(fc.tuple(group, key, value), { maxLength: 6 });
  fc.assert(
    fc.property(settings, group, key, value, (others, g, k, v) => {
      const file = others.reduce((all, [og, ok, ov]) => withKey(all, og, ok, ov), EMPTY_KEYFILE);
      const changed = parseKeyFile(formatKeyFile(withKey(file, g, k, v)), 'x');
      expect(keyFileString(changed, g, k)).toBe(v);
      for (const [og, ok] of others)
        if (og !== g || ok !== k) expect(keyFileString(changed, og, ok)).toBe(keyFileString(file, og, ok));
    }),
  );
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
