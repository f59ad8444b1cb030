import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capabilityXattr } from '#layering/capabilities.ts';
import { importRpm } from '#layering/import-rpm.ts';
import { loadPackageTree, packageRef } from '#layering/package-tree.ts';
import { readRpmFile } from '#layering/rpm-file.ts';
import { formatTmpfiles } from '#layering/tmpfiles-lines.ts';
import { loadSyscalls } from '#native/load.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { closeRepo, createRepo, type Repo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import { forgeRpm, type ForgedRpm } from './rpm-forge.ts';
import { MANY_FILES, SAMPLE } from './rpm-samples.ts';

const sys = loadSyscalls();
const scratch = fs.mkdtempSync(path.join('/var/tmp', 'yum-ostree-test-import-'));
let repo: Repo;
beforeAll(() => {
  repo = createRepo(sys, path.join(scratch, 'repo'), 'bare');
});
afterAll(() => {
  closeRepo(repo);
  fs.rmSync(scratch, { recursive: true, force: true });
});

describe('an imported package', () => {
  let commit: Checksum;
  let file: string;
  beforeAll(() => {
    const files = [
      { path: '/var/lib/sample data/seed', content: 'seed', mode: 0o640, group: 'daemon' },
      { kind: 'directory', path: '/run/sample', mode: 0o750, owner: 'daemon' },
      { path: '/opt/Vendor/bin/tool', content: 'tool', mode: 0o755 },
      { path: '/boot/extra', content: 'boot' },
    ] as const;
    file = buildRpm(scratch, { ...SAMPLE, files: [...(SAMPLE.files ?? []), ...files] });
    commit = importOne(repo, file);
  });

  test('lies in the store as the C tool sees it: root owned, unlabelled, where such systems have it', () => {
    expect(ostree(['ls', '-R', '-X', commit])).toMatchInlineSnapshot(`
      "d00755 0 0      0 { @a(ayay) [] } /
      d00755 0 0      0 { @a(ayay) [] } /usr
      d00755 0 0      0 { @a(ayay) [] } /usr/bin
      -00755 0 0      7 { @a(ayay) [] } /usr/bin/capable
      l00777 0 0      0 { @a(ayay) [] } /usr/bin/link -> ../lib/third name
      -02711 0 0      1 { @a(ayay) [] } /usr/bin/of-others
      -00755 0 0  18000 { @a(ayay) [] } /usr/bin/plain
      -00755 0 0  18000 { @a(ayay) [] } /usr/bin/second-name
      -04755 0 0      6 { @a(ayay) [] } /usr/bin/setuid
      d00755 0 0      0 { @a(ayay) [] } /usr/etc
      -00644 0 0      0 { @a(ayay) [] } /usr/etc/missing.conf
      -00644 0 0      4 { @a(ayay) [] } /usr/etc/sample.conf
      d00755 0 0      0 { @a(ayay) [] } /usr/lib
      l00777 0 0      0 { @a(ayay) [] } /usr/lib/dangling -> /nowhere/at all
      -00755 0 0  18000 { @a(ayay) [] } /usr/lib/third name
      d00755 0 0      0 { @a(ayay) [] } /usr/lib/opt
      d00755 0 0      0 { @a(ayay) [] } /usr/lib/opt/Vendor
      d00755 0 0      0 { @a(ayay) [] } /usr/lib/opt/Vendor/bin
      -00755 0 0      4 { @a(ayay) [] } /usr/lib/opt/Vendor/bin/tool
      d00755 0 0      0 { @a(ayay) [] } /usr/lib/ostree-boot
      -00644 0 0      4 { @a(ayay) [] } /usr/lib/ostree-boot/extra
      d00755 0 0      0 { @a(ayay) [] } /usr/lib/tmpfiles.d
      -00644 0 0    133 { @a(ayay) [] } /usr/lib/tmpfiles.d/yum-ostree-sample.x86_64.conf
      d00755 0 0      0 { @a(ayay) [] } /usr/share
      -00644 0 0      4 { @a(ayay) [] } /usr/share/-dash
      -00644 0 0      0 { @a(ayay) [] } /usr/share/empty
      d00755 0 0      0 { @a(ayay) [] } /usr/share/closed
      d00755 0 0      0 { @a(ayay) [] } /usr/share/doc
      d00755 0 0      0 { @a(ayay) [] } /usr/share/doc/sample
      -00644 0 0      7 { @a(ayay) [] } /usr/share/doc/sample/README
      d00755 0 0      0 { @a(ayay) [] } /usr/share/factory
      d00755 0 0      0 { @a(ayay) [] } /usr/share/factory/var
      d00755 0 0      0 { @a(ayay) [] } /usr/share/factory/var/lib
      d00755 0 0      0 { @a(ayay) [] } /usr/share/factory/var/lib/sample data
      -00640 0 0      4 { @a(ayay) [] } /usr/share/factory/var/lib/sample data/seed
      d00755 0 0      0 { @a(ayay) [] } /usr/share/licenses
      d00755 0 0      0 { @a(ayay) [] } /usr/share/licenses/sample
      -00644 0 0      3 { @a(ayay) [] } /usr/share/licenses/sample/LICENSE
      d00755 0 0      0 { @a(ayay) [] } /usr/share/münchen
      -00644 0 0      8 { @a(ayay) [] } /usr/share/münchen/grüße ☃
      d01777 0 0      0 { @a(ayay) [] } /usr/share/open
      "
    `);
    expect(ostree(['fsck'])).toContain('no errors found');
  });

  test('has a line of tmpfiles.d for all that does not live in a tree', () => {
    expect(ostree(['cat', commit, '/usr/lib/tmpfiles.d/yum-ostree-sample.x86_64.conf']))
      .toMatchInlineSnapshot(`
        "L /opt/Vendor - - - - ../../usr/lib/opt/Vendor
        d /run/sample 0750 daemon root - -
        C "/var/lib/sample data/seed" 0640 root daemon - -
        "
      `);
  });

  test('keeps its content, and all names of a file are one object', () => {
    expect(ostree(['cat', commit, '/usr/lib/third name'])).toBe('plain\n'.repeat(3000));
    const checksums = ['/usr/bin/plain', '/usr/bin/second-name', '/usr/lib/third name'].map(
      (name) => ostree(['ls', '-C', commit, name]).split(/\s+/)[4],
    );
    expect(new Set(checksums).size).toBe(1);
  });

  test('is found by its ref and says what it is', () => {
    const rpm = readRpmFile(file);
    const ref = packageRef(rpm.nevra, rpm.headerSha256);
    expect(ref).toBe(`yum-ostree/pkg/sample-1_3A2.0_7Erc1-3.fc40.x86__64/${rpm.headerSha256}`);
    expect(ostree(['rev-parse', ref]).trim()).toBe(commit);
    const tree = loadPackageTree(repo, commit);
    expect(tree.nevra).toEqual(rpm.nevra);
    expect(Buffer.from(tree.header.bytes).equals(rpm.header.bytes)).toBe(true);
    expect(Buffer.from(tree.signatureHeader.bytes).equals(rpm.signatureHeader.bytes)).toBe(true);
    expect(tree.buildTime).toBe(1700000000);
  });

  test('is the same commit wherever it is imported', () => {
    const other = createRepo(sys, path.join(scratch, 'other'), 'archive');
    try {
      expect(importOne(other, file)).toBe(commit);
      expect(importOne(other, file)).toBe(commit);
    } finally {
      closeRepo(other);
    }
  });
});

test('a package of many files is imported', () => {
  const commit = importOne(repo, buildRpm(scratch, MANY_FILES));
  expect(ostree(['cat', commit, '/usr/share/many/12/file-2062'])).toBe('2062\n'.repeat(4));
  expect(
    ostree(['ls', '-R', commit])
      .split('\n')
      .filter((line) => line.startsWith('-')),
  ).toHaveLength(2100);
});

test('a large package is streamed', () => {
  const big = { path: '/usr/share/big', content: Buffer.alloc(400 << 20, 'x') };
  const file = buildRpm(scratch, { name: 'big', files: [big], payload: 'w1.zstdio' });
  const script = path.join(import.meta.dirname, 'rpm-import-child.ts');
  const peak = execFileSync(process.execPath, [script, path.join(scratch, 'big-repo'), file], {
    encoding: 'utf8',
  });
  // What is read is freed when the engine gets round to it; how much that is does not depend on the package's size.
  expect(Number(peak)).toBeLessThan(280 << 20);
});

describe('what a package may lie about', () => {
  const FILE = 0o100644;
  const one = { path: '/usr/bin/one', mode: FILE, content: 'one' };
  const cases: readonly (readonly [string, ForgedRpm, RegExp])[] = [
    [
      'an archive name that climbs',
      { files: [one], entries: [{ name: '../../etc/passwd', content: 'one' }] },
      /holds '..\/..\/etc\/passwd', which the header does not list/,
    ],
    [
      'an absolute archive name',
      { files: [one], entries: [{ name: '/etc/shadow', content: 'x' }] },
      /holds '\/etc\/shadow', which the header does not list/,
    ],
    [
      'a header path that climbs',
      { files: [{ ...one, path: '/usr/../../etc/passwd' }] },
      /'\/usr\/..\/..\/etc\/passwd' is not an absolute path/,
    ],
    ['a relative header path', { files: [{ ...one, path: 'usr/bin/one' }] }, /is not an absolute path/],
    [
      'a link and a file through it',
      {
        files: [
          { path: '/usr/lib/x', mode: 0o120777, linkto: '/etc' },
          { path: '/usr/lib/x/passwd', mode: FILE, content: 'evil' },
        ],
      },
      /usr\/lib\/x/,
    ],
    [
      'the same path twice',
      { files: [one, { ...one, path: '/bin/one', content: 'other' }] },
      /two different files would both be '\/usr\/bin\/one'/,
    ],
    [
      'a file twice in the archive',
      {
        files: [one],
        entries: [
          { name: './usr/bin/one', content: 'one' },
          { name: './usr/bin/one', content: 'one' },
        ],
      },
      /holds '\/usr\/bin\/one' twice/,
    ],
    [
      'a file that is missing from the archive',
      {
        files: [one, { ...one, path: '/usr/bin/two' }],
        entries: [{ name: './usr/bin/one', content: 'one' }],
      },
      /'\/usr\/bin\/two' is missing/,
    ],
    [
      'a huge size in the header',
      { files: [{ ...one, size: 0xffffffff }] },
      /has 3 bytes, the header says 4294967295/,
    ],
    [
      'a huge size in the archive',
      { files: [one], entries: [{ name: './usr/bin/one', content: 'one', size: 0xffffffff }] },
      /has 4294967295 bytes, the header says 3/,
    ],
    [
      'another content',
      { files: [one], entries: [{ name: './usr/bin/one', content: 'two' }] },
      /'\/usr\/bin\/one' does not match its digest/,
    ],
    [
      'another link target',
      {
        files: [{ path: '/usr/lib/x', mode: 0o120777, linkto: 'a' }],
        entries: [{ name: './usr/lib/x', content: '/etc/shadow' }],
      },
      /the link '\/usr\/lib\/x' has another target/,
    ],
    [
      'a device',
      { files: [{ path: '/usr/lib/mem', mode: 0o020666 }] },
      /'\/usr\/lib\/mem' is a character device/,
    ],
    [
      'a ghost with content',
      { files: [{ ...one, ghost: true }], entries: [{ name: './usr/bin/one', content: 'one' }] },
      /which the header calls a ghost/,
    ],
    ['an archive that is cut off', { files: [one], archiveLength: 125 }, /ends too early/],
    ['an archive without end', { files: [one], archiveLength: 128 }, /ends too early/],
    [
      'a payload that was changed',
      { files: [one], payloadDigest: '0'.repeat(64) },
      /does not match its sha256 digest/,
    ],
    [
      'a payload that another of its digests does not fit',
      { files: [one], tags: [[5121, 'array', ['0'.repeat(128)]]] },
      /does not match its sha512 digest/,
    ],
    [
      'a payload without a digest',
      { files: [one], payloadDigest: null },
      /forged\.rpm has no digest of its payload/,
    ],
    [
      'a header without a digest',
      { files: [one], signed: () => [] },
      /forged\.rpm has no digest of its header/,
    ],
    [
      'a header that its third digest does not fit',
      { files: [one], signed: () => [[279, 'string', ['0'.repeat(64)]]] },
      /its header does not match its sha3-256 digest/,
    ],
    ['an unknown compression', { files: [one], compressor: 'rar' }, /its compression 'rar' is not supported/],
    ['another compression', { files: [one], compressor: 'xz' }, /not xz/],
    [
      'a stripped archive with a wrong index',
      { files: [one], entries: [{ name: '', index: 7, content: 'one' }] },
      /does not list/,
    ],
    [
      'fewer digests than files',
      { files: [one, { ...one, path: '/usr/x' }], digests: ['00'] },
      /lists 2 files and 1 values/,
    ],
  ];

  test.each(cases)('%s is refused and leaves the store as it was', (_, rpm, message) => {
    const file = forgeRpm(path.join(scratch, 'forged.rpm'), rpm);
    const before = storeListing();
    const error = failureOf(() => importOne(repo, file));
    expect(error).toBeInstanceOf(UserError);
    expect(messageOf(error)).toMatch(message);
    expect(messageOf(error)).toMatch(/forged/);
    expect(messageOf(error)).not.toContain('\n');
    expect(storeListing()).toEqual(before);
  });

  test('one that tells the truth is taken, stripped or not', () => {
    const links = [
      { ...one, inode: 5 },
      { ...one, path: '/usr/bin/two', inode: 5 },
    ];
    const right = forgeRpm(path.join(scratch, 'right.rpm'), {
      files: links,
      entries: [{ name: './usr/bin/one' }, { name: './usr/bin/two', content: 'one' }],
    });
    expect(ostree(['cat', importOne(repo, right), '/usr/bin/one'])).toBe('one');
    const stripped = forgeRpm(path.join(scratch, 'stripped.rpm'), {
      files: [one],
      entries: [{ name: '', index: 0, content: 'one' }],
    });
    expect(ostree(['cat', importOne(repo, stripped), '/usr/bin/one'])).toBe('one');
  });

  test('a package cut off or changed anywhere is refused in one line, never with a crash', () => {
    const whole = fs.readFileSync(
      buildRpm(scratch, { name: 'cut', files: [{ path: '/usr/x', content: 'x'.repeat(500) }] }),
    );
    const file = path.join(scratch, 'cut.rpm');
    const before = storeListing();
    for (let length = 0; length < whole.length; length += 7) {
      fs.writeFileSync(file, whole.subarray(0, length));
      const error = failureOf(() => importOne(repo, file));
      expect([length, codeOf(error)]).toEqual([
        length,
        expect.stringMatching(/^BAD_(RPM|RPM_HEADER|PAYLOAD)$/),
      ]);
    }
    for (let at = 96; at < whole.length; at += 3) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      fs.writeFileSync(file, changed);
      const error = failureOf(() => importOne(repo, file, false));
      if (error !== null) expect([at, error]).toEqual([at, expect.any(UserError)]);
    }
    expect(storeListing()).toEqual(before);
  });
});

test('the value of security.capability is what setcap writes', () => {
  for (const text of [
    'cap_net_raw=ep',
    'cap_net_admin,cap_net_raw+ep',
    'cap_setuid=p cap_setgid+p',
    'cap_sys_nice=i',
    '=ep',
    'cap_bpf,cap_perfmon=eip',
    'all=ep cap_sys_admin-ep',
  ]) {
    const file = path.join(scratch, 'capable');
    fs.writeFileSync(file, '');
    execFileSync('setcap', [text, file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const fd = sys.open(-100, file, ['read']);
    const theirs = Buffer.from(sys.fgetXattr(fd, 'security.capability') ?? []).toString('hex');
    sys.close(fd);
    expect([text, Buffer.from(capabilityXattr(text)).toString('hex')]).toEqual([text, theirs]);
  }
});

test('systemd-tmpfiles makes what the lines say', () => {
  const root = path.join(scratch, 'tmpfiles-root');
  fs.mkdirSync(path.join(root, 'usr/share/factory/var/lib/a b'), { recursive: true });
  fs.writeFileSync(path.join(root, 'usr/share/factory/var/lib/a b/50% "x"'), 'seed');
  const owner = { user: 'root', group: 'root' };
  const config = path.join(scratch, 'sample.conf');
  fs.writeFileSync(
    config,
    formatTmpfiles([
      { type: 'd', path: '/var/lib/a b', mode: 0o1750, ...owner },
      { type: 'C', path: '/var/lib/a b/50% "x"', mode: 0o600, ...owner },
      { type: 'L', path: "/var/lib/it's", target: '../a b/100%' },
    ]),
  );
  execFileSync('systemd-tmpfiles', ['--create', `--root=${root}`, '-'], { input: fs.readFileSync(config) });
  const stat = (name: string) => fs.lstatSync(path.join(root, name)).mode & 0o7777;
  expect(stat('var/lib/a b')).toBe(0o1750);
  expect(stat('var/lib/a b/50% "x"')).toBe(0o600);
  expect(fs.readFileSync(path.join(root, 'var/lib/a b/50% "x"'), 'utf8')).toBe('seed');
  expect(fs.readlinkSync(path.join(root, "var/lib/it's"))).toBe('../a b/100%');
});

function importOne(into: Repo, file: string, keep = true): Checksum {
  const txn = Transaction.begin(into);
  try {
    const commit = importRpm(txn, readRpmFile(file));
    if (keep) txn.commit();
    return commit;
  } finally {
    txn.abort();
  }
}

function failureOf(action: () => unknown): unknown {
  try {
    action();
    return null;
  } catch (error) {
    return error;
  }
}

/** All names in the repository. */
function storeListing(): string[] {
  return (fs.readdirSync(repo.path, { recursive: true }) as string[]).sort();
}

function ostree(args: readonly string[]): string {
  return execFileSync('ostree', [`--repo=${repo.path}`, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
