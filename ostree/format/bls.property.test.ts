import fc from 'fast-check';
import { expect, test } from '#test/both-engines.ts';
import { blsValue, formatBls, parseBls } from '#ostree/format/bls.ts';

test('any entry of plain values comes back', () => {
  const key = fc.stringMatching(/^[a-z][a-z-]{0,8}$/).filter((name) => name !== 'initrd');
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), (fields) => {
      const again = parseBls(formatBls({ fields }));
      for (const [name, text] of fields) expect(blsValue(again, name)).toBe(text);
      expect(again.fields).toHaveLength(fields.length);
    }),
  );
});
