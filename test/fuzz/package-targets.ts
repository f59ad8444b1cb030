/** The parsers of what comes with packages and repositories, as `targets.ts` has those of the boot. */
import { archive, forgedHeader, type ForgedRpm } from '#test/root/rpm-forge.ts';
import { check, textOf, texts, type FuzzTarget } from './targets.ts';
import { byteReader, readCpio } from '#layering/cpio.ts';
import { expandGroup, parseComps } from '#layering/comps.ts';
import { nevraAtStart, quickNevra } from '#layering/header-nevra.ts';
import { parseMetalink, parseMirrorlist } from '#layering/mirrors.ts';
import { hiddenModularPackages } from '#layering/modules.ts';
import { isSafeLocation, parseRepomd } from '#layering/repomd.ts';
import { parseRepositoryFile } from '#layering/repository-file.ts';
import { readChangelog } from '#layering/rpm-changelog.ts';
import { readDependencies } from '#layering/rpm-dependencies.ts';
import { filePaths, linkGroups, readFileList } from '#layering/rpm-file-list.ts';
import { nevraOf, usableNevra } from '#layering/rpm-file.ts';
import { parseHeader } from '#layering/rpm-header.ts';
import { readScripts, readTriggers } from '#layering/rpm-scripts.ts';
import { INDEX_TABLES, indexRows } from '#layering/rpmdb-index.ts';
import { parseCgroup, parseMaps, parseStatus } from '#layering/running-proc.ts';
import { UserError } from '#ostree/format/errors.ts';

const FILES: ForgedRpm['files'] = [
  { path: '/usr/bin/a', mode: 0o100755, content: 'aaaa' },
  { path: '/usr/bin/b', mode: 0o120777, linkto: 'a' },
  { path: '/usr/share/d', mode: 0o040755 },
  { path: '/usr/bin/c', mode: 0o100644, content: 'aaaa', inode: 1 },
];
const RPM: ForgedRpm = { name: 'fuzz', files: FILES };
const HEADERS = [forgedHeader(RPM), forgedHeader({ files: [] })];
/** Types, counts and offsets of an index, and tags of what is read. */
const HEADER_WORDS = [
  '\0\0\0\u0001',
  '\0\0\0\u0004',
  '\0\0\0\u0006',
  '\0\0\0\b',
  '\0\0\0\t',
  '\0\0\u0004\\',
  '\0\0\u0003\u00e8',
  '\u007f\u007f\u007f\u007f',
  '\0',
];

const packageHeader: FuzzTarget = {
  name: 'package header',
  seeds: HEADERS,
  words: HEADER_WORDS,
  run: (input) => {
    const header = parseHeader(input, 'fuzz');
    const files = readFileList(header);
    check(
      files.every(({ path }) => typeof path === 'string'),
      'every file has a path',
    );
    const kinds = ['requires', 'provides', 'conflicts', 'obsoletes'] as const;
    const relations = kinds.map((kind) => readDependencies(header, kind).length).join();
    const scripts = readScripts(header).length + readTriggers(header).length;
    return `${files.length} ${linkGroups(files).size} ${relations} ${scripts} ${readChangelog(header).length} ${usableNevra(header).name}`;
  },
};

const databaseHeader: FuzzTarget = {
  name: 'database header',
  seeds: HEADERS,
  words: HEADER_WORDS,
  run: (input) => {
    const header = parseHeader(input, 'fuzz');
    const nevra = JSON.stringify(nevraOf(header));
    // Both ways to a name without all of the header have to agree with the whole.
    const early = nevraAtStart(Buffer.from(input));
    const isSorted = [...header.entries.keys()].every((tag, at, all) => at === 0 || tag > (all[at - 1] ?? 0));
    if (early !== null && isSorted)
      check(JSON.stringify(early) === nevra, 'the start of a header tells its name');
    if (isSorted) check(JSON.stringify(quickNevra(input, 'fuzz')) === nevra, 'five entries tell the name');
    const rows = INDEX_TABLES.reduce((sum, table) => sum + indexRows(table, header).length, 0);
    return `${rows} ${filePaths(header).length} ${nevra}`;
  },
};

const payloadArchive: FuzzTarget = {
  name: 'package archive',
  seeds: [
    archive(RPM),
    archive({
      ...RPM,
      entries: [
        { name: '', index: 0, content: 'aaaa' },
        { name: '', index: 3 },
      ],
    }),
  ],
  words: [
    '070701',
    '070702',
    '07070X',
    '00000000',
    'ffffffff',
    '0000000b',
    'TRAILER!!!\0',
    './usr/bin/a\0',
    '\0',
  ],
  run: (input) => {
    const pieces = [input.subarray(0, input.length >> 1), input.subarray(input.length >> 1)];
    const reader = byteReader(pieces[Symbol.iterator]());
    let text = '';
    try {
      for (const entry of readCpio(reader, (index) => index % 7)) {
        let size = 0;
        for (const piece of entry.content()) size += piece.length;
        check(size === entry.size, 'an entry has the content that it promises');
        text += `${entry.index ?? textOf(entry.name ?? new Uint8Array(0))} ${size} `;
      }
    } catch (error) {
      throw plainReason(error);
    }
    return `${text}${reader.drain(1 << 20)}`;
  },
};

/** The archive's reader gives its reason in an Error of its own, which the payload's reader wraps. */
function plainReason(error: unknown): unknown {
  const isReason = error instanceof Error && error.constructor === Error && /archive|its/.test(error.message);
  return isReason ? new UserError('BAD_PAYLOAD', error.message, { cause: error }) : error;
}

const XML_WORDS = [
  '<',
  '>',
  '</',
  '/>',
  '&',
  ';',
  '&amp;',
  '&#0;',
  '&#x110000;',
  '<![CDATA[',
  ']]>',
  '<!--',
  '-->',
  '<?xml ?>',
  '<!DOCTYPE x [<!ENTITY a "b">]>',
  '&a;',
  ' type="',
  '"',
  'xml:lang="x"',
  '__proto__',
];
const DIGEST = 'a'.repeat(64);

const repomd: FuzzTarget = {
  name: 'repomd.xml',
  seeds: texts(
    `<repomd><revision>1</revision><data type="primary"><checksum type="sha256">${DIGEST}</checksum><location href="repodata/p.xml.gz"/><size>12</size></data><data type="group"><checksum type="sha256">${DIGEST}</checksum><location href="repodata/c.xml"/></data></repomd>`,
  ),
  words: [
    ...XML_WORDS,
    '<data type="primary">',
    '</data>',
    '<location href="',
    '../',
    '/etc',
    'http://x/',
    '<size>9</size>',
    '</repomd>',
  ],
  run: (input) => {
    const records = [...parseRepomd(textOf(input), 'fuzz').values()];
    check(
      records.every(({ location }) => isSafeLocation(location)),
      'a location stays inside of the repository',
    );
    return JSON.stringify(records);
  },
};

const comps: FuzzTarget = {
  name: 'comps',
  seeds: texts(
    '<comps><group><id>a</id><name>A</name><name xml:lang="de">B</name><packagelist><packagereq type="mandatory">x</packagereq><packagereq type="conditional" requires="y">z</packagereq></packagelist></group><environment><id>e</id><grouplist><groupid>a</groupid><groupid>e</groupid></grouplist><optionlist><groupid>b</groupid></optionlist></environment></comps>',
  ),
  words: [
    ...XML_WORDS,
    '<group>',
    '</group>',
    '<id>',
    '</id>',
    '<packagereq type="',
    '</comps>',
    '<groupid>e</groupid>',
  ],
  run: (input) => {
    const read = parseComps(textOf(input), 'fuzz');
    const ids = [...read.groups.keys(), ...read.environments.keys()];
    return ids.map((id) => JSON.stringify(expandGroup([read], id))).join();
  },
};

const mirrors: FuzzTarget = {
  name: 'mirror lists',
  seeds: texts(
    `<metalink><files><file name="repomd.xml"><verification><hash type="sha256">${DIGEST}</hash></verification><resources><url preference="9">http://a/repodata/repomd.xml</url></resources></file></files></metalink>`,
    '# comment\nhttp://a/b\nfile:///x/\n',
  ),
  words: [...XML_WORDS, 'https://', 'file:///', '<url preference="', '</url>', 'repodata/repomd.xml', '\n'],
  run: (input) => {
    const text = textOf(input);
    const read = text.startsWith('<') ? parseMetalink(text, 'fuzz') : parseMirrorlist(text, 'fuzz');
    check(
      read.baseUrls.every((url) => url.endsWith('/')),
      'an address ends in a slash',
    );
    return JSON.stringify(read);
  },
};

const modules: FuzzTarget = {
  name: 'module metadata',
  seeds: texts(
    '---\ndocument: modulemd\nversion: 2\ndata:\n  name: a\n  stream: "1"\n  artifacts:\n    rpms:\n    - a-0:1-1.x86_64\n    - b-0:1-1.src\n...\n---\ndocument: modulemd-defaults\ndata:\n  module: a\n  stream: "1"\n',
  ),
  words: [
    '---\n',
    'document: modulemd\n',
    '  stream: ',
    '  artifacts:\n    rpms:\n',
    '    - ',
    '"',
    '\n',
    '  ',
    ':',
  ],
  run: (input) => hiddenModularPackages(textOf(input)).join(),
};

const repositoryFile: FuzzTarget = {
  name: 'repository file',
  seeds: texts(
    '[main]\nproxy=x\n[a]\nname=A\nbaseurl=http://x/$releasever\n  http://y\nenabled=1\ngpgcheck=yes\nmetadata_expire=6h\n',
  ),
  words: [
    '[',
    ']',
    '=',
    '\n',
    ' ',
    '#',
    'baseurl=',
    'enabled=0',
    '$releasever',
    '${basearch}',
    'cost=',
    '6h',
    '-1',
    '[a]\n',
  ],
  run: (input) => JSON.stringify([...parseRepositoryFile(textOf(input), 'fuzz.repo')]),
};

const processLists: FuzzTarget = {
  name: 'lists of /proc',
  seeds: texts(
    '5581a000-5581b000 r-xp 00001000 fe:00 12345   /usr/bin/a\\040b (deleted)\n7f00-7f01 rw-p 00000000 00:00 0 [heap]\n',
    '0::/user.slice/user-1.slice/user@1.service/app.slice/a.service\n1:name=systemd:/system.slice/x.scope\n',
    'Name:\ta\nUid:\t0\t0\t0\t0\nVmSize:\t1 kB\n',
    '41 40 0:50 / /a\\040b rw,relatime shared:1 - overlay composefs ro,lowerdir=/a\n',
  ),
  words: [
    ' - ',
    ':',
    '\\012',
    ' (deleted)',
    '.service',
    '.slice',
    'user@1.service',
    '0::',
    '\n',
    '\t',
    '/usr/',
  ],
  run: (input) => {
    const text = textOf(input);
    const maps = parseMaps(text);
    check(
      maps.every(({ device, inode }) => device >= 0 && inode > 0),
      'a file has a device and an inode',
    );
    return JSON.stringify([maps, parseCgroup(text), parseStatus(text)]);
  },
};

export const PACKAGE_TARGETS: readonly FuzzTarget[] = [
  packageHeader,
  databaseHeader,
  payloadArchive,
  repomd,
  comps,
  mirrors,
  modules,
  repositoryFile,
  processLists,
];
