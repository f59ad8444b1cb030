import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMetalink, parseMirrorlist } from '#layering/mirrors.ts';
import { hiddenModularPackages } from '#layering/modules.ts';
import { groupRecords, isSafeLocation, parseRepomd } from '#layering/repomd.ts';
import { UserError } from '#ostree/format/errors.ts';

const data = (type: string, location = `repodata/${type}.xml`, checksum = 'ab12') =>
  `<data type="${type}"><checksum type="sha256">${checksum}</checksum><location href="${location}"/><size>7</size></data>`;

describe('repomd.xml', () => {
  test('its records', () => {
    const repomd = parseRepomd(
      `<repomd><revision>1</revision>${data('primary')}${data('group_gz')}${data('group')}</repomd>`,
      'r',
    );
    expect(repomd.get('primary')).toEqual({
      type: 'primary',
      location: 'repodata/primary.xml',
      checksum: { type: 'sha256', hex: 'ab12' },
      size: 7,
    });
    expect(groupRecords(repomd).map(({ type }) => type)).toEqual(['group_gz', 'group']);
  });

  test.each([
    ['', 'not well-formed'],
    ['<html></html>', 'it is a <html>, not a <repomd>'],
    ['<repomd>', 'not well-formed'],
    ['<repomd></repomd>', 'it lists no primary metadata'],
    [`<repomd>${data('primary', '../../etc/passwd')}</repomd>`, 'outside the repository'],
    [`<repomd>${data('primary', 'http://elsewhere.example/x')}</repomd>`, 'outside the repository'],
    [`<repomd>${data('primary', 'x', 'zz')}</repomd>`, 'primary has no checksum'],
    [`<repomd>${data('../x')}</repomd>`, 'odd type'],
  ])('%j is refused', (xml, message) => {
    expect(() => parseRepomd(xml, 'here')).toThrow(message);
    expect(() => parseRepomd(xml, 'here')).toThrow(/^here: /);
  });

  test('whatever the bytes, it parses or fails with words', () => {
    fc.assert(
      fc.property(fc.string(), (noise) => {
        try {
          parseRepomd(`<repomd>${noise}${data('primary')}</repomd>`, 'r');
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
    );
  });
});

test.each([
  ['Packages/a.rpm', true],
  ['a..b.rpm', true],
  ['', false],
  ['/etc/passwd', false],
  ['a/../../b', false],
  ['file:x', false],
  ['a\nb', false],
])('%j is inside the repository: %j', (location, safe) => {
  expect(isSafeLocation(location)).toBe(safe);
});

describe('mirrors', () => {
  test('a mirror list', () => {
    const text = '# comment\nhttps://a.example/r\n\nhttp://b.example/r/\nftp://c.example/\n';
    expect(parseMirrorlist(text, 'm').baseUrls).toEqual(['https://a.example/r/', 'http://b.example/r/']);
    expect(() => parseMirrorlist('<html>', 'm')).toThrow('m: the mirror list names no mirror');
  });

  test('a metalink: by preference, with the digests that repomd.xml may have', () => {
    const xml = `<metalink xmlns:mm0="m"><files><file name="repomd.xml"><verification>
      <hash type="md5">11</hash><hash type="sha256">AA</hash></verification>
      <mm0:alternates><mm0:alternate><verification><hash type="sha256">BB</hash></verification></mm0:alternate></mm0:alternates>
      <resources><url protocol="http" preference="50">http://b.example/r/repodata/repomd.xml</url>
      <url protocol="rsync" preference="99">rsync://b.example/r/repodata/repomd.xml</url>
      <url protocol="https" preference="100">https://a.example/r/repodata/repomd.xml</url></resources></file></files></metalink>`;
    expect(parseMetalink(xml, 'm')).toEqual({
      baseUrls: ['https://a.example/r/', 'http://b.example/r/'],
      repomd: [
        { type: 'sha256', hex: 'aa' },
        { type: 'sha256', hex: 'bb' },
      ],
    });
  });
});

test('packages of module streams are hidden unless the stream is the default', () => {
  const module = (name: string, stream: string, one: string) =>
    `---\ndocument: modulemd\nversion: 2\ndata:\n  name: ${name}\n  stream: "${stream}"\n  profiles:\n    server:\n      rpms:\n      - x\n  artifacts:\n    rpms:\n    - ${one}\n    - ${one}.src\n...\n`;
  const yaml =
    `---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: node\n  stream: "18"\n...\n` +
    module('node', '18', 'node-0:18-1.x86_64') +
    module('node', '20', 'node-0:20-1.x86_64') +
    module('ruby', '3', 'ruby-0:3-1.x86_64');
  expect(hiddenModularPackages(yaml)).toEqual(['node-0:20-1.x86_64', 'ruby-0:3-1.x86_64']);
});
