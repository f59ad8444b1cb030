import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import {
  EMPTY_KEYFILE,
  formatKeyFile,
  keyFileList,
  keyFileString,
  parseKeyFile,
  withKey,
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
