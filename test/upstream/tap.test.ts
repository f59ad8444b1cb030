import { describe, expect, it } from 'vitest';
import { judge, parseTap } from '#test/upstream/tap.ts';

describe('parseTap', () => {
  it('counts checks, failures and skips', () => {
    expect(parseTap('noise\n1..4\nok one\nok 2 two\nnot ok three\nok # SKIP - no xattrs\n')).toEqual({
      ok: 2,
      notOk: ['not ok three'],
      skipped: ['- no xattrs'],
      planned: 4,
    });
  });

  it.each([
    ['1..2\nok a\nok b\n', 0, 'passed'],
    ['ok a\n1..1\n', 0, 'passed'],
    ['1..2\nok a\n', 0, 'failed'],
    ['1..2\nok a\nok b\n', 1, 'failed'],
    ['1..1\nok a\nnot ok b\n', 0, 'failed'],
    ['1..0 # SKIP no fuse\n', 0, 'skipped'],
    ['', 0, 'skipped'],
  ] as const)('judges %j with exit code %i', (text, code, kind) => {
    expect(judge(parseTap(text), code, 'why').kind).toBe(kind);
  });
});
