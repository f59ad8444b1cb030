// The copyright notices and licence texts of everything inside the executables, from the packages' own files.
import fs from 'node:fs';
import path from 'node:path';
import { sourceFolder } from './compact/sources.mjs';

const root = path.join(import.meta.dirname, '..');

/** A linker argument of native/binding.gyp → what it brings in, and the Debian package with its copyright file. */
const STATIC_LIBRARIES = {
  'libcrypto.a': ['OpenSSL', 'libssl-dev'],
  'libexpat.a': ['expat', 'libexpat1-dev'],
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
    ...compactComponents(),
  ];
  const head =
    'yum-ostree, the compact executables and the addons beside them contain the following components,\n' +
    'each under the terms given here. docs/licences.md says where each comes from.\n';
  return [head, ...components].join(`\n${WIDE}\n`);
}

/** The components that linking native/binding.gyp brings into the addons. @throws Error for one that is not known */
export function staticLibraries() {
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
  const found = [...staticLibraries()].map(([name, debian]) =>
    component(name, [
      debian === null ? path.join(libsolv, 'LICENSE.BSD') : path.join(documents, debian, 'copyright'),
    ]),
  );
  // Also libgcc's, for the compact executables; one text for both, and for every architecture.
  found.push(component('GCC runtime libraries', ['/usr/share/doc/libgcc-12-dev/copyright']));
  return found;
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

function compactComponents() {
  const musl = path.join(sourceFolder('musl-amd64'), 'usr/share/doc/musl-dev/copyright');
  return [
    component('QuickJS', [path.join(sourceFolder('quickjs'), 'LICENSE')]),
    component('libsodium', [path.join(sourceFolder('libsodium'), 'LICENSE')]),
    component('musl', [musl]),
  ];
}

function component(title, files, text) {
  const texts = text === undefined ? files.map((file) => fs.readFileSync(file, 'utf8').trimEnd()) : [text];
  if (texts.length === 0 || texts.some((one) => one.length < 100))
    throw new Error(`${title}: its licence text is missing; give it one in scripts/collect-notices.mjs`);
  return `${title}\n${'-'.repeat(title.length)}\n\n${texts.join('\n\n')}\n`;
}
