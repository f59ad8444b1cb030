import { expect, test } from 'vitest';
import { openSqlite } from '#native/sqlite.ts';

test('a database made in memory is read back from its bytes', () => {
  const made = openSqlite(':memory:');
  made.exec("CREATE TABLE t (name TEXT); INSERT INTO t VALUES ('strace')");
  const bytes = made.serialize();
  made.close();
  const again = openSqlite(bytes, { readonly: true });
  expect(again.prepare('SELECT name FROM t').all()).toEqual([{ name: 'strace' }]);
  again.close();
});

test('what is no database is refused', () => {
  expect(() =>
    openSqlite(Buffer.from('not a database, though long enough to have a header')).prepare('SELECT 1 FROM t'),
  ).toThrow(expect.objectContaining({ code: expect.stringMatching(/^SQLITE_/) as string }));
});
