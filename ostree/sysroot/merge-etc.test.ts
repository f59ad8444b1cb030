import { describe, expect, test } from 'vitest';
import { diffEtc, planEtcMerge, type EtcDirectory, type EtcNode } from '#ostree/sysroot/merge-etc.ts';

const root = { uid: 0, gid: 0 };

function dir(entries: Readonly<Record<string, EtcNode>>, mode = 0o40755): EtcDirectory {
  return { kind: 'directory', owner: { ...root, mode }, children: new Map(Object.entries(entries)) };
}
function file(size = 1, mode = 0o100644): EtcNode {
  return { kind: 'file', owner: { ...root, mode }, size };
}
function link(target: string): EtcNode {
  return { kind: 'symlink', owner: { ...root, mode: 0o120777 }, target };
}
const pipe: EtcNode = { kind: 'other', owner: { ...root, mode: 0o010644 } };
const same = (): boolean => true;

describe('diffEtc', () => {
  test('names what changed, a removed directory once, an added one with all in it', () => {
    const before = dir({ a: file(), gone: dir({ x: file() }), d: dir({ y: file() }), l: link('a') });
    const local = dir({
      a: file(2),
      d: dir({ y: file() }, 0o40700),
      l: link('b'),
      n: dir({ z: file(), p: pipe }),
    });
    expect(diffEtc(before, local, same)).toEqual({
      modified: ['a', 'd', 'l'],
      removed: ['gone'],
      added: ['n', 'n/z', 'n/p'],
    });
  });

  test('looks into files only where all else is equal', () => {
    const asked: string[] = [];
    const before = dir({ a: file(1), b: file(1), c: file(1, 0o100600) });
    const local = dir({ a: file(1), b: file(2), c: file(1) });
    const diff = diffEtc(before, local, (path) => {
      asked.push(path);
      return false;
    });
    expect(asked).toEqual(['a']);
    expect(diff.modified).toEqual(['a', 'b', 'c']);
  });

  test('another kind is a modification', () => {
    expect(diffEtc(dir({ a: file() }), dir({ a: link('x') }), same).modified).toEqual(['a']);
  });
});

describe('planEtcMerge', () => {
  const plan = (before: EtcDirectory, local: EtcDirectory, fresh: EtcDirectory): unknown =>
    planEtcMerge(
      diffEtc(before, local, () => false),
      local,
      fresh,
    ).map(({ op, path }) => `${op} ${path}`);

  test('copies files with the directories they need, and whole new directories once', () => {
    const before = dir({ d: dir({}) });
    const local = dir({ d: dir({ mine: file() }), n: dir({ deep: dir({ x: file() }) }) });
    expect(plan(before, local, before)).toEqual(['directory d', 'copy d/mine', 'copy n']);
  });

  test('removes what was removed locally, where the new default has it', () => {
    const before = dir({ a: file(), b: file() });
    expect(plan(before, dir({}), dir({ a: file() }))).toEqual(['remove a']);
  });

  test('leaves a directory that the new default has, also with another mode (as ostree)', () => {
    const before = dir({ d: dir({}) });
    expect(plan(before, dir({ d: dir({}, 0o40700) }), before)).toEqual([]);
  });

  test('leaves pipes and sockets out', () => {
    expect(plan(dir({}), dir({ p: pipe }), dir({}))).toEqual([]);
  });

  test('refuses a changed file where a directory is the default, and the other way round', () => {
    expect(() => plan(dir({ a: file() }), dir({ a: file() }), dir({ a: dir({}) }))).toThrow(
      "Modified config file newly defaults to directory 'a', cannot merge",
    );
    expect(() => plan(dir({ d: dir({}) }), dir({ d: dir({ x: file() }) }), dir({ d: file() }))).toThrow(
      "'d' newly defaults to a file",
    );
  });
});
