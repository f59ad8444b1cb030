// npm run dist -- [--output DIR] [--program FILE]
// Makes yum-ostree-VERSION.tar.gz from what git has, and from the sources that the build would download: packages build
// the compact executable from it without a network. With --program it also carries one, with the notices that are beside
// it, and they need no compiler. The same commit gives the same bytes.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sourceFolder } from './pinned-sources.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What the compact executable is compiled from, for every architecture. */
const SOURCES = ['quickjs', 'libsodium', 'musl-amd64', 'musl-arm64', 'musl-armhf'];

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: join(ROOT, 'dist') },
    program: { type: 'string' },
  },
});
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const name = `yum-ostree-${version}`;
const scratch = mkdtempSync(join(tmpdir(), 'yum-ostree-dist-'));
try {
  fill(join(scratch, name));
  const target = join(resolve(values.output), `${name}.tar.gz`);
  mkdirSync(dirname(target), { recursive: true });
  pack(target);
  process.stdout.write(`${target}\n`);
} catch (error) {
  process.stderr.write(`error: dist: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function fill(folder) {
  for (const file of git('ls-files', '-z').split('\0')) {
    if (file !== '' && existsSync(join(ROOT, file))) copy(join(ROOT, file), join(folder, file));
  }
  for (const source of SOURCES)
    copy(sourceFolder(source), join(folder, relative(ROOT, sourceFolder(source))));
  if (values.program === undefined) return;
  const program = realpathSync(values.program);
  copy(program, join(folder, 'dist/ostree-prepare-root'));
  for (const beside of ['yum-ostree-boot', 'notices-compact.txt'])
    copy(join(dirname(program), beside), join(folder, 'dist', beside));
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

/** Written beside its place and renamed: an interrupted run leaves the last archive. */
function pack(target) {
  const time = process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct').trim();
  const flags = [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    `--mtime=@${time}`,
    '--mode=go=rX,u+rw',
  ];
  execFileSync('tar', [
    ...flags,
    '--use-compress-program=gzip -n',
    '-cf',
    `${target}.new`,
    '-C',
    scratch,
    name,
  ]);
  renameSync(`${target}.new`, target);
}

function git(...args) {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' });
}
