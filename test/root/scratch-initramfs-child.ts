/** Runs inside `unshare --mount` (scratch-initramfs.ts): builds the scratch initramfs, enters it and reports as JSON. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '#native/load.ts';
import { MS, type Syscalls } from '#native/syscalls.ts';
import { PROJECT, type ProgramResult, type ScratchRequest, type ScratchResult } from './scratch-initramfs.ts';

/** Inside the mount namespace only; the folder itself is the machine's. */
const ROOT = '/mnt';
/** Their absolute paths are the same inside. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];
const MOVED_TO_NEW_ROOT = ['/proc', '/dev', '/run'];

const request = JSON.parse(process.argv[2] ?? '{}') as ScratchRequest;
const sys = loadSyscalls();
buildRoot(sys, request);
process.stdout.write(JSON.stringify(runAll(sys, request)));

function buildRoot(sys: Syscalls, request: ScratchRequest): void {
  sys.mount('initramfs', ROOT, 'tmpfs', 0, 'mode=755');
  for (const directory of ['usr', 'etc', 'proc', 'dev', 'run', 'tmp', 'sysroot'])
    fs.mkdirSync(path.join(ROOT, directory));
  for (const name of MERGED) fs.symlinkSync(`usr/${name}`, path.join(ROOT, name));
  bind(sys, request.usr ?? '/usr', `${ROOT}/usr`);
  fs.mkdirSync(ROOT + PROJECT, { recursive: true });
  bind(sys, PROJECT, ROOT + PROJECT);
  fs.symlinkSync(path.join(PROJECT, 'cli/main.ts'), `${ROOT}/ostree-prepare-root`);
  bind(sys, '/dev', `${ROOT}/dev`);
  sys.mount('proc', `${ROOT}/proc`, 'proc', 0, null);
  sys.mount('run', `${ROOT}/run`, 'tmpfs', 0, 'mode=755');
  bind(sys, request.sysroot, `${ROOT}/sysroot`);
  if (request.sysrootReadOnly === true)
    sys.mount(null, `${ROOT}/sysroot`, null, MS.BIND | MS.REMOUNT | MS.RDONLY, null);
  writeFiles({ '/cmdline': request.cmdline + '\n', ...request.files });
  bind(sys, `${ROOT}/cmdline`, `${ROOT}/proc/cmdline`);
  if (request.shared ?? true) sys.mount(null, ROOT, null, MS.REC | MS.SHARED, null);
}

function bind(sys: Syscalls, from: string, to: string): void {
  sys.mount(from, to, null, MS.BIND, null);
}

function writeFiles(files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(ROOT + file), { recursive: true });
    fs.writeFileSync(ROOT + file, text);
  }
}

function runAll(sys: Syscalls, request: ScratchRequest): ScratchResult {
  sys.chroot(ROOT);
  sys.chdir('/');
  const runs = request.runs.map(run);
  const { dev, ino } = fs.statSync('/sysroot');
  return {
    runs,
    mountinfo: fs.readFileSync('/proc/self/mountinfo', 'utf8'),
    booted: fs.existsSync('/run/ostree-booted') ? fs.readFileSync('/run/ostree-booted', 'hex') : null,
    leftovers: ['/sysroot.tmp', ...under('/run')].filter((file) => fs.existsSync(file)).map(described),
    root: [dev, ino],
    entered: request.enter === undefined ? null : enter(sys, request.enter),
  };
}

function under(directory: string): string[] {
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    return entry.isDirectory() ? [file, ...under(file)] : [file];
  });
}

function described(file: string): string {
  const { mode } = fs.lstatSync(file);
  return `${mode.toString(8)} ${file}`;
}

/** What systemd does between the initramfs and the first service: switch-root and the generated mount units. */
function enter(sys: Syscalls, command: readonly string[]): ProgramResult {
  for (const directory of MOVED_TO_NEW_ROOT)
    if (fs.existsSync('/sysroot' + directory))
      sys.mount(directory, '/sysroot' + directory, null, MS.MOVE, null);
  sys.chdir('/sysroot');
  sys.mount('.', '/', null, MS.MOVE, null);
  sys.chroot('.');
  sys.chdir('/');
  return run(command);
}

function run(argv: readonly string[]): ProgramResult {
  const [program = '', ...args] = argv;
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 30_000 });
  return {
    status: done.status,
    stdout: done.stdout ?? '',
    stderr: (done.stderr ?? '') + (done.error ? String(done.error) : ''),
  };
}
