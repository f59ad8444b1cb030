import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadSolver } from '#native/solver.ts';

const addon = loadSolver();
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-metadata-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const DIGEST = 'a'.repeat(64);
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

function packageXml(name: string, summary: string, checksum = DIGEST): string {
  return `<package type="rpm"><name>${name}</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>
<checksum type="sha256" pkgid="YES">${checksum}</checksum><summary>${summary}</summary></package>\n`;
}

function metadata(...packages: readonly string[]): string {
  return `${HEAD}<metadata xmlns="http://linux.duke.edu/metadata/common">${packages.join('')}</metadata>`;
}

/** The summaries of all packages whose names begin with `name`. */
async function summaries(xml: string | Uint8Array, name = 'a'): Promise<string[]> {
  const [input, output] = ['primary.xml', 'primary.solv'].map((file) => path.join(scratch, file)) as [
    string,
    string,
  ];
  fs.writeFileSync(input, xml);
  await addon.convertMetadata('x86_64', input, '', output, 'key');
  const sack = new addon.Sack('x86_64');
  sack.loadSolv('r', output, 'key', 99, 1000);
  return sack.details(`${name}*`).map(({ summary }) => summary);
}

describe('texts of metadata', () => {
  test.each([
    ['references', 'x &lt;&gt;&amp;&quot;&apos; &#65;&#x20AC;&#x1F600;', 'x <>&"\' A€😀'],
    ['bytes of UTF-8', 'é € 😀', 'é € 😀'],
    ['line ends', 'a\r\nb\rc\nd', 'a\nb\nc\nd'],
    ['a CDATA section', 'x<![CDATA[<&amp;>]] ]]>y', 'x<&amp;>]] y'],
    ['comments and instructions', 'x<!-- <y> - -->z<?php <a> ?>', 'xz'],
    ['brackets', ']] > ]', ']] > ]'],
  ])('%s', async (_, text, read) => {
    expect(await summaries(metadata(packageXml('a', text)))).toEqual([read]);
  });

  test('of values: references, line ends and the other quote', async () => {
    const provides = `<format><rpm:provides><rpm:entry name='b"&#x41;&amp;\r\nc'/></rpm:provides></format></package>`;
    const xml = metadata(packageXml('a', 'x').replace('</package>', provides));
    await summaries(xml);
    const sack = new addon.Sack('x86_64');
    sack.loadSolv('r', path.join(scratch, 'primary.solv'), 'key', 99, 1000);
    expect(sack.query('b"A& c', false).map(({ name }) => name)).toEqual(['a']);
  });

  test('are the same wherever a piece of the file ends', async () => {
    const count = 4000;
    const text = (at: number): string => `${at} &#8364;&lt;`.padEnd(100 + (at % 61), 'é') + '\r\n.';
    const packages = Array.from({ length: count }, (_, at) => packageXml(`a${at}`, text(at)));
    const found = await summaries(metadata(...packages));
    const wanted = Array.from({ length: count }, (_, at) =>
      text(at).replace('&#8364;&lt;', '€<').replace('\r\n', '\n'),
    );
    expect(found.sort()).toEqual(wanted.sort());
  });

  test('in another encoding are not guessed at', async () => {
    const latin = metadata(packageXml('a', 'x')).replace('UTF-8', 'ISO-8859-1');
    await expect(summaries(latin)).rejects.toThrow(
      /is in the encoding ISO-8859-1, and only UTF-8 is read at line 1:0/,
    );
    await expect(summaries(Buffer.from(`\ufeff${latin}`, 'utf16le'))).rejects.toThrow(/is not in UTF-8/);
  });
});

describe('what is not well-formed', () => {
  test.each([
    ['nothing', '', /no element/],
    ['no end', HEAD + '<metadata>', /an element does not end/],
    ['another end', HEAD + '<metadata></other>', /an end tag that fits no element/],
    ['two roots', HEAD + '<metadata/><metadata/>', /a second element outside of all/],
    ['text outside', HEAD + '<metadata/>x', /text outside of all elements/],
    ['a declaration later', `\n${HEAD}<metadata/>`, /a processing instruction/],
    ['an end within a tag', HEAD + '<metadata a="', /the end comes within a tag/],
    ['an attribute twice', HEAD + '<metadata a="1" b="" a="2"/>', /an attribute twice/],
    ['no space between attributes', HEAD + '<metadata a="1"b="2"/>', /without space/],
    ['no quotes', HEAD + '<metadata a=1/>', /a value without quotes/],
    ['a tag in a value', HEAD + '<metadata a="<"/>', /a character that no value may hold/],
    ['a comment with --', HEAD + '<metadata><!-- -- --></metadata>', /a comment with --/],
    ['an unknown entity', metadata(packageXml('a', '&nbsp;')), /an entity that is not declared/],
    ['a reference to NUL', metadata(packageXml('a', '&#0;')), /a reference to no character/],
    ['a reference to half a character', metadata(packageXml('a', '&#xD800;')), /a reference to no character/],
    ['a control character', metadata(packageXml('a', 'a\u0001')), /a character that no text may hold/],
    ['the end of CDATA', metadata(packageXml('a', ']]>')), /a character that no text may hold/],
  ])('%s is refused', async (_, xml, message) => {
    await expect(summaries(xml)).rejects.toThrow(message);
  });

  test.each([
    ['an overlong byte', [0xc0, 0x80]],
    ['half of a pair', [0xed, 0xa0, 0x80]],
    ['a byte too few', [0xe2, 0x82]],
    ['beyond the last', [0xf4, 0x90, 0x80, 0x80]],
  ])('UTF-8 with %s is refused', async (_, bytes) => {
    const [before = '', after = ''] = metadata(packageXml('a', '@')).split('@');
    const xml = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
    await expect(summaries(xml)).rejects.toThrow(/not UTF-8 at line 3:/);
  });

  test('a checksum is told of with its line', async () => {
    const packages = [packageXml('a', 'x\ny\n'), packageXml('b', 'x', 'no digest')];
    await expect(summaries(metadata(...packages))).rejects.toThrow(/line 7: invalid sha256 checksum/);
  });
});
