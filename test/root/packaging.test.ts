/** The packages of packaging/, built for real from the tarball of `npm run dist` with the compact program of the sources as they are. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { PROJECT } from './scratch-initramfs.ts';

const PROGRAM = compactPrepareRoot();
const { version } = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as {
  version: string;
};
const NAME = `yum-ostree-${version}`;

let folder = '';
/** Of sources alone, from which the RPM package compiles the program. */
let sources = '';
/** With the program: the others do not compile it again. */
let tarball = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'packaging-'));
  sources = makeTarball('sources');
  tarball = makeTarball('first', '--program', PROGRAM);
});
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

function makeTarball(name: string, ...options: readonly string[]): string {
  const script = path.join(PROJECT, 'scripts/dist.mjs');
  return run('node', [script, '--output', path.join(folder, name), ...options]).trim();
}

function run(command: string, args: readonly string[], cwd = folder): string {
  // The packages' builds take the Node that runs this.
  const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH ?? ''}` };
  const done = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stdout}\n${done.stderr}`);
  return done.stdout;
}

/** Unpacks the tarball in a new folder. @returns the folder of the sources */
function unpack(name: string): string {
  fs.mkdirSync(path.join(folder, name));
  run('tar', ['-xf', tarball, '-C', path.join(folder, name)]);
  return path.join(folder, name, NAME);
}

/** Files and links below a folder, without those that only packages have. */
function filesIn(root: string): string[] {
  return run(
    'find',
    ['.', '!', '-type', 'd', '!', '-path', './usr/share/doc/*', '!', '-path', './usr/share/licenses/*'],
    root,
  )
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(1).replace(/^\/lib\//, '/usr/lib/'))
    .sort();
}

/** Where `npm run install:boot` puts the files of these parts. */
function places(parts: string): string[] {
  const list = run('node', [path.join(unpackedOnce(), 'scripts/install.mjs'), '--list', '--parts', parts]);
  return list.trim().split('\n').sort();
}

let unpacked = '';
function unpackedOnce(): string {
  if (unpacked === '') unpacked = unpack('unpacked');
  return unpacked;
}

function expectPackaged(root: string, parts: string): void {
  expect(filesIn(root)).toEqual(places(parts));
  const program = path.join(root, 'usr/lib/ostree/ostree-prepare-root');
  expect(digest(program)).toBe(digest(PROGRAM));
  expect(fs.readlinkSync(path.join(root, 'usr/lib/ostree/ostree-remount'))).toBe('ostree-prepare-root');
  const service = fs.readFileSync(path.join(root, 'usr/lib/systemd/system/ostree-remount.service'), 'utf8');
  expect(service).toContain('ExecStart=/usr/lib/ostree/ostree-remount\n');
}

/** The licences of what the program contains, which debhelper compresses. */
function expectNotices(root: string): void {
  const [notices = ''] = run('find', [root, '-name', 'notices-compact.txt*']).trim().split('\n');
  expect(run('zcat', ['-f', notices])).toContain('QuickJS');
}

function digest(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

test('the same commit makes the same tarball, of what git has', () => {
  expect(digest(makeTarball('second'))).toBe(digest(sources));
  const files = run('tar', ['-tf', sources]).split('\n');
  const tracked = execFileSync('git', ['ls-files', '--cached'], { cwd: PROJECT, encoding: 'utf8' })
    .trim()
    .split('\n');
  const there = tracked.filter((file) => fs.existsSync(path.join(PROJECT, file)));
  expect(files).toEqual(expect.arrayContaining(there.map((file) => `${NAME}/${file}`)));
  expect(files.filter((file) => /node_modules|\.git\/|\.demo|\/dist\//.test(file))).toEqual([]);
});

test('RPM: rpmbuild compiles and makes ostree-prepare-root without a network', () => {
  const topdir = path.join(folder, 'rpm');
  fs.mkdirSync(path.join(topdir, 'SOURCES'), { recursive: true });
  fs.copyFileSync(sources, path.join(topdir, 'SOURCES', `${NAME}.tar.gz`));
  const defines = [`_topdir ${topdir}`, `_dbpath ${topdir}/db`, '_binary_payload w1.gzdio'].flatMap((one) => [
    '--define',
    one,
  ]);
  // The build requirements are of no concern to this machine's empty rpm database.
  run('unshare', [
    '--net',
    'rpmbuild',
    '-bb',
    '--quiet',
    '--nodeps',
    ...defines,
    path.join(unpackedOnce(), 'packaging/rpm/yum-ostree.spec'),
  ]);
  const [rpm = ''] = run('find', [path.join(topdir, 'RPMS'), '-name', '*.rpm'])
    .trim()
    .split('\n');
  expect(path.basename(rpm)).toMatch(/^ostree-prepare-root-/);
  const root = path.join(topdir, 'root');
  fs.mkdirSync(root);
  run('sh', ['-c', `rpm2cpio ${rpm} | (cd ${root} && cpio -id --quiet)`]);
  expectPackaged(root, 'programs,systemd,dracut');
  expectNotices(root);
});

test('Debian: dpkg-buildpackage makes ostree-prepare-root', () => {
  const source = unpack('deb');
  fs.cpSync(path.join(source, 'packaging/debian'), path.join(source, 'debian'), { recursive: true });
  // -d: Node comes from npm here.
  run('dpkg-buildpackage', ['-b', '-us', '-uc', '-d'], source);
  const [deb = ''] = run('find', [path.join(folder, 'deb'), '-name', 'ostree-prepare-root_*.deb'])
    .trim()
    .split('\n');
  const root = path.join(folder, 'deb/root');
  run('dpkg-deb', ['-x', deb, root]);
  expectPackaged(root, 'programs,systemd,dracut,initramfs-tools');
  expectNotices(root);
  expect(run('dpkg-deb', ['-f', deb, 'Depends', 'Conflicts']).trim()).toBe('Conflicts: ostree-boot');
});

test('Arch: makepkg makes ostree-prepare-root', () => {
  const start = path.join(folder, 'arch');
  fs.mkdirSync(start);
  fs.copyFileSync(path.join(unpackedOnce(), 'packaging/arch/PKGBUILD'), path.join(start, 'PKGBUILD'));
  fs.copyFileSync(tarball, path.join(start, `${NAME}.tar.gz`));
  // makepkg refuses root, even where it needs no right of root's; pacman would only look for what is installed.
  const asSomebody = ['--user', '--map-user=1000', '--map-group=1000', 'env', 'PACMAN=true', `HOME=${start}`];
  run('unshare', [...asSomebody, 'makepkg', '--nodeps', '--nocolor'], start);
  const [file = ''] = fs.readdirSync(start).filter((name) => name.includes('.pkg.tar'));
  expect(file).toMatch(new RegExp(`^ostree-prepare-root-${version.replaceAll('.', '\\.')}-1-x86_64\\.pkg`));
  const root = path.join(start, 'root');
  fs.mkdirSync(root);
  run(
    'tar',
    ['-xf', file, '-C', root, '--exclude=.PKGINFO', '--exclude=.BUILDINFO', '--exclude=.MTREE'],
    start,
  );
  expectPackaged(root, 'programs,systemd,mkinitcpio');
  expectNotices(root);
  const information = run('tar', ['-xOf', file, '.PKGINFO'], start);
  expect(information).toContain('\nconflict = ostree\n');
  expect(information).not.toContain('\ndepend = ');
});

test("with the program inside, the machine's own Node is enough: 20 on a fresh machine", () => {
  const paths = (process.env.PATH ?? '').split(':').filter((folder) => !folder.includes('node_modules'));
  const env = { ...process.env, PATH: paths.join(':') };
  const own = spawnSync('node', ['--version'], { env, encoding: 'utf8' }).stdout;
  expect(Number(/^v(\d+)/.exec(own)?.[1])).toBeGreaterThanOrEqual(20);
  const source = unpack('own-node');
  const root = path.join(folder, 'own-node/root');
  const script = `cd ${source}; packaging/build-boot; node scripts/install.mjs --destdir ${root} --parts programs,systemd,dracut`;
  const done = spawnSync('sh', ['-euc', script], { env, encoding: 'utf8' });
  expect(done.stderr).toMatch(/^installed \d+ files/);
  expect(done.status).toBe(0);
  expectPackaged(root, 'programs,systemd,dracut');
});

describe('Yocto', () => {
  test('the recipe sets what bitbake needs, and its install step leaves only files of FILES', () => {
    const source = unpackedOnce();
    const recipes = fs
      .readdirSync(path.join(source, 'packaging/yocto'))
      .filter((file) => file.endsWith('.bb'));
    expect(recipes).toEqual([`ostree-prepare-root_${version}.bb`]);
    const { variables, functions } = parseRecipe(
      fs.readFileSync(path.join(source, 'packaging/yocto', recipes[0] ?? ''), 'utf8'),
    );
    expect([...variables.keys()]).toEqual(
      expect.arrayContaining(['SUMMARY', 'LICENSE', 'LIC_FILES_CHKSUM', 'SRC_URI', 'S', 'FILES:${PN}']),
    );
    // Newer releases refuse a recipe whose sources are told to be in WORKDIR.
    expect(variables.get('S')).toContain("d.getVar('UNPACKDIR')");
    const md5 = createHash('md5')
      .update(fs.readFileSync(path.join(source, 'LICENSE')))
      .digest('hex');
    expect(variables.get('LIC_FILES_CHKSUM')).toBe(`file://LICENSE;md5=${md5}`);
    const D = path.join(folder, 'yocto');
    const values = {
      ...{ D, S: source, BPN: 'ostree-prepare-root' },
      ...{ prefix: '/usr', bindir: '/usr/bin', datadir: '/usr/share' },
    };
    run('sh', [
      '-euc',
      expanded(`${functions.get('do_compile') ?? ''}\n${functions.get('do_install') ?? ''}`, values),
    ]);
    expectPackaged(D, 'programs,systemd');
    expectNotices(D);
    const packaged = expanded(variables.get('FILES:${PN}') ?? '', values)
      .split(' ')
      .filter((one) => one !== '');
    const files = run('find', ['.', '!', '-type', 'd'], D)
      .trim()
      .split('\n')
      .map((line) => line.slice(1));
    // A file itself, or a folder with all that is in it.
    const isPackaged = (file: string): boolean =>
      packaged.some((one) => file === one || file.startsWith(`${one}/`));
    expect(files.filter((file) => !isPackaged(file))).toEqual([]);
  });
});

/** Assignments and functions of a recipe; a line that is neither, a comment nor `inherit` fails. */
function parseRecipe(text: string): { variables: Map<string, string>; functions: Map<string, string> } {
  const variables = new Map<string, string>();
  const functions = new Map<string, string>();
  const rest = text
    .replaceAll('\\\n', ' ')
    .replace(/^(\w+)\(\) \{\n([^]*?)\n\}$/gm, (_, name: string, body: string) => {
      functions.set(name, body);
      return '';
    })
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('inherit '));
  for (const line of rest) {
    const match = /^([\w:${}[\]]+) (\?|\+)?= "(.*)"$/.exec(line);
    if (match === null) throw new Error(`not a line of a recipe: ${line}`);
    variables.set(match[1] ?? '', (match[3] ?? '').trim());
  }
  return { variables, functions };
}

function expanded(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}

/** A part of the table in docs/packaging.md → places below the prefix; one that ends in '/' is a folder. */
function documentedPlaces(): Map<string, string[]> {
  const page = fs.readFileSync(path.join(PROJECT, 'docs/packaging.md'), 'utf8');
  const [, table = ''] = page.split('| part ');
  const parts = new Map<string, string[]>();
  let current = '';
  for (const line of (table.split('\n\n')[0] ?? '').split('\n').slice(2)) {
    const [, part = '', place = ''] = line.split('|').map((cell) => cell.trim());
    if (part !== '') current = part;
    const names = [...place.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
    const [first = ''] = names;
    const full = names.map((name) => (name.includes('/') ? name : path.join(path.dirname(first), name)));
    parts.set(current, [...(parts.get(current) ?? []), ...full.flatMap(alternatives)]);
  }
  return parts;
}

/** `a{,-b}.service` as the shell has it. */
function alternatives(text: string): string[] {
  const match = /^(.*)\{(.*)\}(.*)$/.exec(text);
  if (match === null) return [text];
  const [, before = '', inside = '', after = ''] = match;
  return inside.split(',').map((one) => before + one + after);
}

test('docs/packaging.md lists the places of every file', () => {
  const source = unpack('documented');
  const documented = documentedPlaces();
  const boot = ['programs', 'systemd', 'dracut', 'mkinitcpio', 'initramfs-tools'];
  expect([...documented.keys()]).toEqual([...boot, 'client']);
  for (const [part, listed] of documented) {
    const script = path.join(source, 'scripts/install.mjs');
    const real = run('node', [script, '--list', '--parts', part]).trim().split('\n');
    const covers = (place: string, file: string) =>
      place.endsWith('/') ? file.startsWith(`/usr/${place}`) : file === `/usr/${place}`;
    expect(real.filter((file) => !listed.some((place) => covers(place, file)))).toEqual([]);
    expect(listed.filter((place) => !real.some((file) => covers(place, file)))).toEqual([]);
  }
});

test('every package has the version of package.json', () => {
  const text = (file: string): string => fs.readFileSync(path.join(PROJECT, 'packaging', file), 'utf8');
  expect(text('rpm/yum-ostree.spec')).toContain(`\nVersion:        ${version}\n`);
  expect(text('debian/changelog')).toMatch(
    new RegExp(`^yum-ostree \\(${version.replaceAll('.', '\\.')}-1\\)`),
  );
  expect(text('arch/PKGBUILD')).toContain(`\npkgver=${version}\n`);
});
