import { describe, expect, sha256, test } from '#test/both-engines.ts';
import { decodeDirmeta, encodeDirmeta, encodeOwnedMeta } from '#ostree/format/dirmeta.ts';
import { contentHashPrefix } from '#ostree/format/file-header.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

// The checksums are those of objects that ostree 2022.7 made.
describe('checksums that ostree gives', () => {
  test('a file of root with mode 0644 and the content k', () => {
    const prefix = contentHashPrefix({ uid: 0, gid: 0, mode: 0o100644, xattrs: [], target: '' });
    expect(sha256(prefix, 'k\n')).toBe('6a3e5910366483f3fde44760efedd8f26f70e831cc7d3dc3e6eb315a1920581a');
  });

  test('a symlink', () => {
    const prefix = contentHashPrefix({ uid: 0, gid: 0, mode: 0o120777, xattrs: [], target: 'target' });
    expect(sha256(prefix)).toBe('a6b40a5400ed082fbe067d2c8397aab54046a089768651c392a36db46d24c1cd');
  });

  test('a set-uid file with an attribute', () => {
    const attribute = { name: 'user.foo', value: utf8Bytes('bar') };
    const prefix = contentHashPrefix({ uid: 0, gid: 0, mode: 0o104755, xattrs: [attribute], target: '' });
    expect(sha256(prefix, 'hi\n')).toBe('6fbc10f876fc896273075a18582aa70e933c6eba768a51c6c8931fd7362963c0');
  });

  test('a directory of 5:6', () => {
    expect(sha256(encodeDirmeta({ uid: 5, gid: 6, mode: 0o40755, xattrs: [] }))).toBe(
      '3b841db9e29b0f0edce6f7a5828a1660bf4c35ce55dfc0410056e3bd433a4952',
    );
  });
});

test('attributes are hashed in the order of their names', () => {
  const [a, b] = [
    { name: 'user.a', value: Uint8Array.of(1) },
    { name: 'user.b', value: Uint8Array.of(2) },
  ];
  const base = { uid: 0, gid: 0, mode: 0o100644, target: '' };
  expect(contentHashPrefix({ ...base, xattrs: [b, a] })).toEqual(
    contentHashPrefix({ ...base, xattrs: [a, b] }),
  );
});

test('a dirmeta that is no directory’s is refused', () => {
  const file = encodeOwnedMeta({ uid: 0, gid: 0, mode: 0o100644, xattrs: [] });
  expect(() => decodeDirmeta(file)).toThrow('not a directory’s'.replace('’', "'"));
});
