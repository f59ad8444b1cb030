/**
 * The parsers of the boot, each as a function from bytes to a text that says what came of them. That text is the same in
 * every engine. A parser may throw UserError; anything else is a finding, as is a result that `check` refuses.
 */
import { fakeSysroot, FAKE_SYSROOT } from './fake-sysroot.ts';
import { parseArguments } from '#prepare-root/arguments.ts';
import { readBootLinks } from '#prepare-root/boot-links.ts';
import { parsePublicKeys } from '#prepare-root/commit-trust.ts';
import { findOstreeTarget, kernelArgument, ostreeTarget } from '#prepare-root/cmdline.ts';
import { rootConfig } from '#prepare-root/config.ts';
import { diagnose } from '#prepare-root/diagnose.ts';
import { fallbackOrder } from '#prepare-root/fallback.ts';
import { fallbackTaken } from '#prepare-root/fallback-record.ts';
import { findDeployment } from '#prepare-root/find-deployment.ts';
import { planReset } from '#prepare-root/leftovers.ts';
import { describeOp } from '#prepare-root/mount-op.ts';
import { parseMountTable } from '#ostree/format/mount-table.ts';
import { planUnits } from '#prepare-root/units.ts';
import { decodeCommit, lookupVariant } from '#ostree/format/commit.ts';
import { parse, serialize, type VariantDict } from '#ostree/format/gvariant.ts';
import { formatKeyFile, parseKeyFile } from '#ostree/format/keyfile.ts';
import { utf8Bytes, utf8Text } from '#ostree/format/utf8.ts';

export interface FuzzTarget {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Words of the format, which mutations put in. */
  readonly words: readonly string[];
  readonly run: (input: Uint8Array) => string;
}

const LINK = '/ostree/boot.1/os/bbbb/0';
const CMDLINE_WORDS = [
  'ostree=',
  LINK,
  ' ',
  'androidboot.',
  'androidboot.slot_suffix=',
  '_a',
  '_b',
  'root=',
  'rootfstype=',
  'ostree.prepare-root.composefs=',
  'ostree.prepare-root.fallback=',
  'signed',
  'verity',
  'maybe',
  'yes',
  '1',
  '0',
];
const SYSROOT_WORDS = [
  '/',
  '..',
  '/..',
  ' > ',
  '\n/',
  '/ostree/boot.0',
  '/ostree/boot.1',
  'deploy/os/deploy/',
  '/os',
  '.',
  '/usr',
];
const MOUNT_LINES = `1 1 0:1 / / rw - tmpfs none rw
2 1 8:1 / /sysroot rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw,errors=continue
3 2 8:1 /ostree/deploy/os/deploy/abc.0 /sysroot.tmp rw - ext4 /dev/sda1 rw
4 3 8:1 / /sysroot.tmp/sysroot ro - ext4 /dev/sda1 rw
5 2 0:9 / /sysroot/a\\040b rw - overlay composefs ro,lowerdir=/a,upperdir=/b\n`;

const commandLine: FuzzTarget = {
  name: 'command line',
  seeds: texts(
    `root=UUID=x ro ${'ostree='}${LINK} quiet\n`,
    'androidboot.slot_suffix=_b ostree=true',
    'ostree.prepare-root.composefs=signed ostree.prepare-root.fallback=1',
  ),
  words: CMDLINE_WORDS,
  run: (input) => {
    const cmdline = textOf(input);
    const found = findOstreeTarget(cmdline);
    check(
      found === null || (found !== '' && !found.includes(' ') && !found.includes('\n')),
      'a target is one word',
    );
    check((kernelArgument(cmdline, 'root') ?? '').includes(' ') === false, 'a value is one word');
    return `${JSON.stringify(rootConfig([], cmdline))} ${ostreeTarget(cmdline)}`;
  },
};

const configuration: FuzzTarget = {
  name: 'key file',
  seeds: texts(
    '[sysroot]\nreadonly=true\n[etc]\ntransient = false\n# x\n[composefs]\nenabled=signed\nkeypath=/etc/k\\s\n',
    '[yum-ostree]\nmount-var=1\nfallback=true\r\n\n[root]\ntransient-ro=0\n',
    '[fallback]\ntaken=/ostree/boot.1/os/bbbb/0\nasked=/x\n',
  ),
  words: [
    '[',
    ']',
    '=',
    '\n',
    '#',
    '\\',
    '\\s',
    ';',
    'true',
    '[sysroot]',
    'readonly=',
    'enabled=',
    '[composefs]',
    '[fallback]',
    'taken=',
  ],
  run: (input) => {
    const text = textOf(input);
    const written = formatKeyFile(parseKeyFile(text, 'fuzz'));
    // A carriage return at the end of a value is taken for a part of the line's end, as in GKeyFile.
    const same = text.includes('\r\r') || formatKeyFile(parseKeyFile(written, 'fuzz')) === written;
    check(same, 'a key file that is written is read the same');
    return `${JSON.stringify(rootConfig([{ path: '/fuzz', text }], ''))} ${fallbackTaken(text) ?? ''}`;
  },
};

const COMMIT_TYPE = '(a{sv}aya(say)sstayay)';
const SIGNED = serialize('a{sv}', [
  ['ostree.sign.ed25519', { type: 'aay', value: [bytesOf(64), bytesOf(64)] }],
]);
const BOOTED = serialize('a{sv}', [
  ['root.transient', { type: 'b', value: true }],
  ['composefs.signed', { type: 's', value: '/etc/key' }],
  ['n', { type: '(yqi)', value: [1, 2, -3] }],
  ['m', { type: 'mas', value: ['a', 'bc'] }],
]);

const commit: FuzzTarget = {
  name: 'commit',
  seeds: [
    serialize(COMMIT_TYPE, [
      [
        ['version', { type: 's', value: '1' }],
        ['ostree.composefs.digest.v0', { type: 'ay', value: bytesOf(32) }],
        ['ostree.container.image-config', { type: 's', value: '{}' }],
      ],
      bytesOf(32),
      [],
      'subject',
      'body',
      0n,
      bytesOf(32),
      bytesOf(32),
    ]),
  ],
  words: ['ostree.composefs.digest.v0', '\0', 'ay', 's', '\0\0\0\0', '(', ')', 'a{sv}', 'v'],
  run: (input) => {
    const read = decodeCommit(input);
    const digest = lookupVariant(read.metadata, 'ostree.composefs.digest.v0', 'ay');
    check(digest === undefined || digest instanceof Uint8Array, 'a digest is bytes');
    check(Number.isSafeInteger(read.timestamp), 'a timestamp is a number');
    return `${read.parent ?? ''} ${read.rootContents} ${read.metadata.length} ${read.subject.length}`;
  },
};

const variant: FuzzTarget = {
  name: 'GVariant',
  seeds: [SIGNED, BOOTED],
  words: ['ostree.sign.ed25519', '\0', 'aay', 'a{sv}', 'v', '(', ')', 'mas', 'x', 't', 'b', '\0v'],
  run: (input) => {
    const dict = parse('a{sv}', input) as unknown as VariantDict;
    const again = serialize('a{sv}', dict);
    check(
      JSON.stringify([...again]) === JSON.stringify([...input]),
      'what is read in normal form is written the same',
    );
    const signatures = lookupVariant(dict, 'ostree.sign.ed25519', 'aay');
    check(signatures === undefined || Array.isArray(signatures), 'signatures are a list');
    return dict.map(([key, { type }]) => `${key}:${type}`).join(' ');
  },
};

const mounts: FuzzTarget = {
  name: 'mount table',
  seeds: texts(MOUNT_LINES),
  words: [
    ' - ',
    '\\040',
    '\\',
    '/sysroot',
    '/sysroot.tmp',
    '/sysroot/sysroot',
    '\n',
    'overlay',
    'ro',
    ',',
    ' ',
  ],
  run: (input) => {
    const table = parseMountTable(textOf(input));
    check(table.length <= input.length, 'a mount is a line');
    return [
      ...table.map((line) => `${line.point}:${line.type}`),
      ...planReset(table, '/sysroot').map(describeOp),
    ].join('\n');
  },
};

const SYSROOT_LINES = `${LINK}
/ostree/boot.1 > boot.1.1
/ostree/boot.1.1/os/bbbb/0 > ../../../deploy/os/deploy/aaaa.0
/ostree/deploy/os/deploy/aaaa.0/usr/
/ostree/root.a > deploy/os/deploy/aaaa.0
/boot/loader > loader.1
/boot/loader.1/entries/ostree-1.conf`;

const bootLink: FuzzTarget = {
  name: 'boot link',
  seeds: texts(
    SYSROOT_LINES,
    SYSROOT_LINES.replace('../../../deploy', '/ostree/deploy'),
    `/a\n/a > b\n/b > /../a\n/c > /`,
  ),
  words: SYSROOT_WORDS,
  run: (input) => {
    const [target = '', ...lines] = textOf(input).split('\n');
    const sys = fakeSysroot(lines.slice(0, 64));
    const links = readBootLinks(sys, FAKE_SYSROOT);
    const order = fallbackOrder(links, target);
    const { path } = findDeployment(sys, FAKE_SYSROOT, target);
    check(path.startsWith('/') && !path.split('/').includes('..'), 'a deployment is below the sysroot');
    return `${path} ${order.join(' ')} ${links.unlinked.join(' ')}`;
  },
};

const report: FuzzTarget = {
  name: 'report',
  seeds: texts(
    `${MOUNT_LINES}%root=UUID=x ostree=/ostree/boot.0/os/bbbb/0%${SYSROOT_LINES}`,
    `%root=/dev/sda1%`,
  ),
  words: ['%', ...SYSROOT_WORDS, ...CMDLINE_WORDS],
  run: (input) => {
    const [table = '', cmdline = '', tree = ''] = textOf(input).split('%');
    const mount = parseMountTable(table).findLast(({ point }) => point === '/sysroot') ?? null;
    const links = readBootLinks(fakeSysroot(tree.split('\n').slice(0, 64)), FAKE_SYSROOT);
    const lines = diagnose({
      sysroot: FAKE_SYSROOT,
      target: findOstreeTarget(cmdline),
      root: kernelArgument(cmdline, 'root'),
      unknownType: kernelArgument(cmdline, 'rootfstype'),
      mount,
      rootDevice: cmdline.length % 3 === 0 ? null : cmdline.length % 3 === 1,
      devices: tree.split('/').slice(0, 20),
      disks: tree.split('.').slice(1),
      links,
    });
    check(lines.length < 25, 'a report fits the console');
    check(
      lines.slice(0, -1).every((line) => line.length < 80),
      'its lines fit too',
    );
    check(
      lines.every((line) => [...line].every((c) => c >= ' ' && c <= '~')),
      'it has no control characters',
    );
    return lines.join('\n');
  },
};

const programArguments: FuzzTarget = {
  name: 'arguments',
  seeds: texts(
    '--print-plan\0--sysroot\0/x\0--config\0a\0--cmdline\0b c',
    '/sysroot\0ostree=/x',
    'single\0ro',
  ),
  words: ['\0', '--', '--print-plan', '--sysroot', '--cmdline', '--config', '/sysroot', '-', '='],
  run: (input) => {
    const words = textOf(input).split('\0');
    const given = parseArguments(words, input.length % 4 === 0);
    check(given.configFiles === null || given.configFiles.length > 0, 'files that are given are some');
    return JSON.stringify(given);
  },
};

const generatedUnits: FuzzTarget = {
  name: 'units',
  seeds: texts(
    `${LINK}\0\0/dev/sda1 /var ext4 rw 0 0\n#x\nLABEL=y\t/boot//\tvfat`,
    '/ostree/root.a\0deploy/os/deploy/a.0\0',
  ),
  words: ['\0', '/ostree/boot.0/', '/', '..', '.', 'deploy/', '%', '%%', '\t', '\n', '[Mount]'],
  run: (input) => {
    const [target = '', targetLink = '', fstab = ''] = textOf(input).split('\0');
    const units = planUnits({
      target,
      targetLink: targetLink === '' ? null : targetLink,
      fstab,
      bootOnRoot: true,
      services: [],
    });
    const what = units.map(({ content }) => (content.kind === 'file' ? content.text : content.to)).join('');
    check(!what.includes('/../') && !what.includes('/./'), 'a unit names no path that leads elsewhere');
    check(what.split('\nWhat=').length <= 3, 'a unit mounts one thing');
    return what;
  },
};

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const KEY = '2KKbXFTWlGa0UY9gvNf/jxCc+pTv6/k3RdeWdrfPYmU=';

const keys: FuzzTarget = {
  name: 'keys',
  seeds: texts(
    `${KEY}\n`,
    `\n ${KEY}\t\r\n\n${KEY}`,
    `${'/'.repeat(43)}=`,
    `${'A'.repeat(43)}=\n${'+'.repeat(42)}8=`,
  ),
  words: ['\n', '=', '==', '/', '+', '-', '_', ' ', '\r', '\0', KEY, 'A', 'AAAA', '\u00e9'],
  run: (input) => {
    const text = textOf(input);
    const read = parsePublicKeys(text, 'fuzz');
    const lines = text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    check(read.length === lines.length, 'a line is a key');
    // The last digit has two bits that stand for nothing.
    check(
      read.every(
        (key, index) => base64Start(key) === lines[index]?.slice(0, 42) && lines[index].length === 44,
      ),
      'a key has the bits of its line',
    );
    return read.map((key) => [...key].join()).join(' ');
  },
};

/** The 42 digits that the first 252 bits of a key make. */
function base64Start(key: Uint8Array): string {
  const bit = (index: number): number => ((key[index >> 3] ?? 0) >> (7 - (index & 7))) & 1;
  let digits = '';
  for (let at = 0; at < 252; at += 6) {
    let digit = 0;
    for (let i = at; i < at + 6; i++) digit = digit * 2 + bit(i);
    digits += BASE64.charAt(digit);
  }
  return digits;
}

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  commandLine,
  configuration,
  commit,
  variant,
  keys,
  mounts,
  bootLink,
  report,
  programArguments,
  generatedUnits,
];

export function check(holds: boolean, property: string): void {
  if (!holds) throw new Error(`does not hold: ${property}`);
}

/** Bytes that are no UTF-8 stand for themselves. */
export function textOf(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  if (text !== null) return text;
  let each = '';
  for (const byte of bytes) each += String.fromCharCode(byte);
  return each;
}

export function texts(...all: readonly string[]): Uint8Array[] {
  return all.map(utf8Bytes);
}

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7) & 255);
}
