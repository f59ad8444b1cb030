// What libsolv and the compact executables are compiled from: packages of the distribution, pinned by checksum, kept in
// native/vendor/sources.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { run } from './run-command.mjs';

const VENDOR = path.join(import.meta.dirname, '../native/vendor/sources');

/** A folder with the packages' files for builds without a network. */
const LOCAL = process.env.YUM_OSTREE_SOURCES;
/** Tried in this order, after the machine's own. */
const MIRRORS = [
  'http://deb.debian.org/debian',
  'http://snapshot.debian.org/archive/debian/20251101T000000Z',
];

const SOURCES = {
  libsolv: {
    version: '0.7.23',
    file: 'pool/main/libs/libsolv/libsolv_0.7.23.orig.tar.gz',
    sha256: '0286155964373c6cc3802d025750786c3ee79608d5cb884598e110e3918bb2fe',
  },
  quickjs: {
    version: '2025.04.26',
    file: 'pool/main/q/quickjs/quickjs_2025.04.26.orig.tar.xz',
    sha256: 'ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe',
  },
  libsodium: {
    version: '1.0.18',
    file: 'pool/main/libs/libsodium/libsodium_1.0.18.orig.tar.gz',
    sha256: 'd59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4',
  },
  // Not for the programs: a test compares with its static prepare-root.
  ostree: {
    version: '2022.7',
    file: 'pool/main/o/ostree/ostree_2022.7.orig.tar.xz',
    sha256: '8be2a9261c94e8b9ec4113380ffc480f8598245fb321a009bad4fae4b822411f',
  },
  'musl-amd64': {
    version: '1.2.3',
    file: 'pool/main/m/musl/musl-dev_1.2.3-1_amd64.deb',
    sha256: '7c34f29a0c1aa12f6da1d25ed6de6fe6bbd9e048ee76b3dcb88c5e51fb65507f',
  },
  'musl-arm64': {
    version: '1.2.3',
    file: 'pool/main/m/musl/musl-dev_1.2.3-1_arm64.deb',
    sha256: '55c2ca4bc3041c8ed8ac7dc3ef6080d9551a21650568b2fd7610b59eaf98a4f4',
  },
  'musl-armhf': {
    version: '1.2.3',
    file: 'pool/main/m/musl/musl-dev_1.2.3-1_armhf.deb',
    sha256: '3a9dbb8ae66716f117dce87558fb47a161db0eebf0700cc6bf84ef6871ce7d38',
  },
};

/** The folder of an unpacked package, which is nobody's to change; fetched where it is not there yet. */
export function sourceFolder(name) {
  const folder = path.join(VENDOR, sourceName(name));
  if (!fs.existsSync(folder)) unpack(SOURCES[name], folder);
  return folder;
}

/** Changes whenever the package does. */
export function sourceName(name) {
  const { version, sha256 } = SOURCES[name];
  return `${name}-${version}-${sha256.slice(0, 8)}`;
}

/** A crash leaves the whole folder or none: it gets its name last. */
function unpack(source, folder) {
  fs.mkdirSync(VENDOR, { recursive: true });
  const work = fs.mkdtempSync(path.join(VENDOR, '.unpack-'));
  try {
    const archive = fetch(source, work);
    const unpacked = path.join(work, 'unpacked');
    fs.mkdirSync(unpacked);
    if (archive.endsWith('.deb')) run(work, 'dpkg-deb', ['-x', archive, unpacked]);
    else run(work, 'tar', ['-xf', archive, '-C', unpacked, '--strip-components=1']);
    fs.renameSync(unpacked, folder);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** apt's own downloader: it knows the machine's proxy and checks the sum. */
function fetch({ file, sha256 }, work) {
  const local = LOCAL === undefined ? null : path.join(LOCAL, path.basename(file));
  if (local !== null && fs.existsSync(local)) return checked(local, sha256);
  const target = path.join(work, path.basename(file));
  const errors = [];
  for (const mirror of [...machineMirrors(), ...MIRRORS]) {
    process.stderr.write(`set-up: fetching ${path.basename(file)}\n`);
    const args = [
      '-o',
      'APT::Sandbox::User=root',
      'download-file',
      `${mirror}/${file}`,
      target,
      `SHA256:${sha256}`,
    ];
    const done = spawnSync('/usr/lib/apt/apt-helper', args, { encoding: 'utf8' });
    if (done.status === 0) return checked(target, sha256);
    errors.push(`${mirror}: ${(done.error?.message ?? done.stderr).trim().split('\n').at(-1)}`);
  }
  throw new Error(
    `cannot fetch ${file}:\n  ${errors.join('\n  ')}\nhint: put the file into a folder and set YUM_OSTREE_SOURCES to it`,
  );
}

function checked(file, sha256) {
  const digest = createHash('sha256').update(fs.readFileSync(file)).digest('hex');
  if (digest !== sha256) throw new Error(`${file} has SHA-256 ${digest}, expected ${sha256}`);
  return file;
}

/** Those of Debian itself in the machine's package sources. */
function machineMirrors() {
  const directory = '/etc/apt/sources.list.d';
  const names = fs.existsSync(directory)
    ? fs.readdirSync(directory).map((name) => path.join(directory, name))
    : [];
  const text = [...names, '/etc/apt/sources.list']
    .filter((file) => /\.(sources|list)$/.test(file) && fs.existsSync(file))
    .map((file) => fs.readFileSync(file, 'utf8'))
    .join('\n');
  const found = [...text.matchAll(/https?:\/\/\S+\/debian(?=\/?\s)/g)].map(([url]) => url);
  return [...new Set(found)].filter((url) => !MIRRORS.includes(url) && !url.includes('snapshot.'));
}
