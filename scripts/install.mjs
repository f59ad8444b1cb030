// npm run install:boot -- [--destdir DIR] [--prefix /usr] [--parts LIST] [--program FILE] [--list]
// Puts the programs that boot a machine, their units and the hooks of the initramfs generators in their places.
// Plain JavaScript without dependencies: packages call it with whatever Node they build with.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BOOT_PARTS = ['programs', 'systemd', 'dracut', 'mkinitcpio', 'initramfs-tools'];
/** The client is no part of what boots a machine: it is installed where it is asked for. */
const PARTS = [...BOOT_PARTS, 'client'];
const USAGE = `usage: npm run install:boot -- [--destdir DIR] [--prefix /usr] [--parts ${PARTS.join(',')}]
                               [--program FILE] [--list]

  --destdir DIR    below which everything is put; default: /
  --prefix DIR     default: /usr
  --parts LIST     only these, separated by commas; default: all but client
  --program FILE   the compact executable; default: dist/ostree-prepare-root
  --list           print the places, and install nothing
`;

/** Programs in files that are installed, as those name them; another prefix changes these. */
const PROGRAM_PATHS = /\/usr\/(lib\/ostree\/ostree-[a-z-]+|bin\/yum-ostree[a-z-]*)/g;

/** Units that need dist/yum-ostree-boot, which is installed where it was built. */
const UNITS_OF_BOOT_PROGRAM = [
  'ostree-boot-complete.service',
  'ostree-finalize-staged-hold.service',
  'ostree-finalize-staged.service',
  'yum-ostree-mark-good.service',
];

try {
  run(optionsOf(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`error: install: ${error.message}\n`);
  process.exit(error.code === 'USAGE' ? 2 : 1);
}

function run({ destdir, prefix, parts, program, list }) {
  const entries = parts.flatMap((part) => entriesOf(part, program));
  for (const entry of entries) {
    const place = join(prefix, entry.to);
    if (list) process.stdout.write(`${place}\n`);
    else install({ ...entry, to: join(destdir, place) }, prefix);
  }
  if (!list) process.stderr.write(`installed ${entries.length} files below ${resolve(destdir)}\n`);
}

function optionsOf(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        destdir: { type: 'string', default: '/' },
        prefix: { type: 'string', default: '/usr' },
        parts: { type: 'string', default: BOOT_PARTS.join(',') },
        program: { type: 'string', default: join(ROOT, 'dist/ostree-prepare-root') },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw wrongUsage(error.message);
  }
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const parts = values.parts.split(',');
  const unknown = parts.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw wrongUsage(`there is no part '${unknown}'`);
  if (!values.prefix.startsWith('/'))
    throw wrongUsage(`the prefix '${values.prefix}' is not an absolute path`);
  return { ...values, parts };
}

function wrongUsage(why) {
  return Object.assign(new Error(`${why}\n${USAGE}`), { code: 'USAGE' });
}

/** What a part consists of: `from` a file of the project, or `link` the text of a symbolic link; `to` below the prefix. */
function entriesOf(part, program) {
  const bootProgram = join(ROOT, 'dist/yum-ostree-boot');
  const hasBootProgram = existsSync(bootProgram);
  switch (part) {
    case 'programs':
      return [
        executable(program, 'lib/ostree/ostree-prepare-root'),
        { link: 'ostree-prepare-root', to: 'lib/ostree/ostree-remount' },
        {
          link: '../../ostree/ostree-prepare-root',
          to: 'lib/systemd/system-generators/ostree-system-generator',
        },
        executable('initramfs/ostree-initramfs-files', 'lib/ostree/ostree-initramfs-files'),
        ...(hasBootProgram ? [executable(bootProgram, 'bin/yum-ostree-boot')] : []),
      ];
    case 'systemd':
      return [
        ...[
          'ostree-prepare-root.service',
          'ostree-remount.service',
          ...(hasBootProgram ? UNITS_OF_BOOT_PROGRAM : []),
        ].map((name) => file(`prepare-root/units/${name}`, `lib/systemd/system/${name}`)),
        file('prepare-root/tmpfiles/ostree.conf', 'lib/tmpfiles.d/ostree.conf'),
      ];
    case 'client':
      return [
        executable('dist/yum-ostree', 'bin/yum-ostree'),
        ...['service', 'timer'].map((kind) =>
          file(
            `packaging/systemd/yum-ostree-automatic.${kind}`,
            `lib/systemd/system/yum-ostree-automatic.${kind}`,
          ),
        ),
      ];
    case 'dracut':
      return [
        ...['module-setup.sh', 'prepare-root.sh', 'usable-root.sh'].map((name) =>
          executable(`dracut-module/50ostree/${name}`, `lib/dracut/modules.d/50ostree/${name}`),
        ),
        file('dracut-module/dracut.conf.d/50-ostree.conf', 'lib/dracut/dracut.conf.d/50-ostree.conf'),
      ];
    case 'mkinitcpio':
      return ['install', 'hooks'].map((kind) =>
        file(`mkinitcpio-hook/${kind}/ostree`, `lib/initcpio/${kind}/ostree`),
      );
    case 'initramfs-tools':
      return [
        executable('initramfs-tools-hook/hooks/ostree', 'share/initramfs-tools/hooks/ostree'),
        ...['local-bottom', 'nfs-bottom'].map((stage) =>
          executable(
            'initramfs-tools-hook/scripts/local-bottom/ostree',
            `share/initramfs-tools/scripts/${stage}/ostree`,
          ),
        ),
      ];
  }
}

function file(from, to) {
  return { from: resolve(ROOT, from), to, mode: 0o644 };
}

function executable(from, to) {
  return { ...file(from, to), mode: 0o755 };
}

/** Each file is whole or as it was before: written beside its place and renamed. */
function install(entry, prefix) {
  mkdirSync(dirname(entry.to), { recursive: true });
  const scratch = join(dirname(entry.to), `.${basename(entry.to)}.new`);
  rmSync(scratch, { force: true });
  if (entry.link !== undefined) symlinkSync(entry.link, scratch);
  else {
    writeFileSync(scratch, contentOf(entry.from, prefix));
    chmodSync(scratch, entry.mode);
  }
  renameSync(scratch, entry.to);
}

function contentOf(from, prefix) {
  if (!existsSync(from))
    throw new Error(`${relative(ROOT, from)} is not there\nhint: npm run build makes it`);
  const content = readFileSync(from);
  const isText = !content.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'));
  if (prefix === '/usr' || !isText) return content;
  return content.toString().replace(PROGRAM_PATHS, (_, below) => join(prefix, below));
}
