// The copyright notices and licence texts of everything inside the executables, from the packages' own files.
import fs from 'node:fs';
import path from 'node:path';
import { sourceFolder } from './pinned-sources.mjs';

const root = path.join(import.meta.dirname, '..');

/** A linker argument of native/binding.gyp → what it brings in, and the Debian package with its copyright file. */
const STATIC_LIBRARIES = {
  'liblzma.a': ['liblzma', 'liblzma-dev'],
  'libz.a': ['zlib', 'zlib1g-dev'],
  'libzstd.a': ['zstd', 'libzstd-dev'],
  'libsolv.a': ['libsolv', null],
  'libsolvext.a': ['libsolv', null],
};

/** npm packages whose npm tarball lacks a text: where it is kept instead, or what has to go with it. */
const FURTHER_TEXTS = {
  saxes: ['docs/notices/saxes.txt'],
  openpgp: ['docs/notices/noble.txt', '/usr/share/common-licenses/GPL-3'],
};

const WIDE = '='.repeat(100);

/**
 * The text of notices.txt. `modules`: the npm packages in the bundles; `node`: the folder of the Node package;
 * `documents`: the folder with the Debian packages' copyright files; `libsolv`: its folder in native/vendor.
 * @throws Error where a component's text is missing
 */
export function noticesText({ modules, node, documents, libsolv }) {
  const components = [
    component('Node.js', [path.join(node, 'LICENSE')]),
    // Its headers are compiled into the addons.
    ...[...modules, 'node-addon-api'].map(npmComponent),
    component('SQLite', [], sqliteDedication()),
    ...libraryComponents(documents, libsolv),
    component('Lua', [path.join(documents, 'liblua5.3-dev/copyright')]),
    component('libselinux', [path.join(documents, 'libselinux1-dev/copyright')]),
    component('PCRE2', [path.join(documents, 'libpcre2-dev/copyright')]),
    component('GNU C library', ['/usr/share/doc/libc6-dev/copyright', '/usr/share/common-licenses/LGPL-2.1']),
    gccRuntime(),
  ];
  return joined(
    'yum-ostree, yum-ostree.cjs, the addons (*.node) and the programs rpm-lua and\nselinux-labels beside them',
    components,
  );
}

/** The text of notices-compact.txt. @throws Error where a component's text is missing */
export function compactNoticesText() {
  const musl = path.join(sourceFolder('musl-amd64'), 'usr/share/doc/musl-dev/copyright');
  return joined('ostree-prepare-root and the other compact executables', [
    component('QuickJS', [path.join(sourceFolder('quickjs'), 'LICENSE')]),
    component('libsodium', [path.join(sourceFolder('libsodium'), 'LICENSE')]),
    component('musl', [musl]),
    gccRuntime(),
  ]);
}

function joined(programs, components) {
  const own = component('yum-ostree', [path.join(root, 'LICENSE')]);
  const head = `${programs} contain the following components, each\nunder the terms given here. licences.md says where each comes from.\n`;
  return [head, own, ...components].join(`\n${WIDE}\n`);
}

/** The components that linking native/binding.gyp brings into the addons. @throws Error for one that is not known */
function staticLibraries() {
  const gyp = fs.readFileSync(path.join(root, 'native/binding.gyp'), 'utf8');
  const files = [...gyp.matchAll(/"(?:-l:|[^"]*\/)(lib\w+\.a)"/g)].map(([, file]) => file);
  return new Map(
    files.map((file) => {
      const known = STATIC_LIBRARIES[file];
      if (known === undefined)
        throw new Error(`${file}: scripts/collect-notices.mjs does not know its licence`);
      return known;
    }),
  );
}

function libraryComponents(documents, libsolv) {
  return [...staticLibraries()].map(([name, debian]) =>
    component(name, [
      debian === null ? path.join(libsolv, 'LICENSE.BSD') : path.join(documents, debian, 'copyright'),
    ]),
  );
}

/** libgcc, and in the addons libstdc++; one text for both, and for every architecture. */
function gccRuntime() {
  return component('GCC runtime libraries', ['/usr/share/doc/libgcc-12-dev/copyright']);
}

function npmComponent(name) {
  const folder = path.join(root, 'node_modules', name);
  const own = fs.readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const further = (FURTHER_TEXTS[name] ?? []).map((file) => path.resolve(root, file));
  const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return component(`${name} ${version}`, [...own.map((file) => path.join(folder, file)), ...further]);
}

/** The first comment of its header, which puts it into the public domain. */
function sqliteDedication() {
  const header = path.join(root, 'node_modules/better-sqlite3/deps/sqlite3/sqlite3.h');
  const text = fs.readFileSync(header, 'utf8');
  return text.slice(0, text.indexOf('*********', 10)).trimEnd();
}

function component(title, files, text) {
  const texts = text === undefined ? files.map((file) => fs.readFileSync(file, 'utf8').trimEnd()) : [text];
  if (texts.length === 0 || texts.some((one) => one.length < 100))
    throw new Error(`${title}: its licence text is missing; give it one in scripts/collect-notices.mjs`);
  return `${title}\n${'-'.repeat(title.length)}\n\n${texts.join('\n\n')}\n`;
}
