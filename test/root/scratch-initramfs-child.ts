/** Runs inside `unshare --mount` (scratch-initramfs.ts): builds the scratch initramfs, enters it and reports as JSON. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { systemGenerator } from '#prepare-root/generator.ts';
import { loadSyscalls } from '#native/load.ts';
import { MS, type Syscalls } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { PROJECT, type ProgramResult, type ScratchRequest, type ScratchResult } from './scratch-initramfs.ts';

/** Their absolute paths are the same inside. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8' };
const PROPAGATION: Readonly<Record<string, number>> = { slave: MS.SLAVE, shared: MS.SHARED };
/** Milliseconds; a busy machine takes half a minute to start Node ten times. */
const RUN_TIMEOUT = 200_000;
const MOVED_TO_NEW_ROOT = ['/proc', '/dev', '/run'];

/** An empty folder of the machine; what is mounted there is seen in this mount namespace only. */
const ROOT = process.argv[2] ?? '';
const request = JSON.parse(process.argv[3] ?? '{}') as ScratchRequest;
const sys = loadSyscalls();
buildRoot(sys, request);
process.stdout.write(`\n${JSON.stringify(runAll(sys, request))}`);

function buildRoot(sys: Syscalls, request: ScratchRequest): void {
  sys.mount('initramfs', ROOT, 'tmpfs', 0, 'mode=755');
  for (const directory of ['usr', 'etc', 'proc', 'dev', 'run', 'tmp', 'sysroot'])
    fs.mkdirSync(path.join(ROOT, directory));
  for (const name of MERGED) fs.symlinkSync(`usr/${name}`, path.join(ROOT, name));
  mountUsr(sys, request);
  fs.mkdirSync(ROOT + PROJECT, { recursive: true });
  bind(sys, PROJECT, ROOT + PROJECT);
  fs.symlinkSync(path.join(PROJECT, 'cli/main.ts'), `${ROOT}/ostree-prepare-root`);
  fs.writeFileSync(`${ROOT}/node`, '');
  bind(sys, process.execPath, `${ROOT}/node`);
  bind(sys, '/dev', `${ROOT}/dev`);
  sys.mount('proc', `${ROOT}/proc`, 'proc', 0, null);
  sys.mount('run', `${ROOT}/run`, 'tmpfs', 0, 'mode=755');
  mountSysroot(sys, request);
  writeFiles({ '/cmdline': request.cmdline + '\n', ...request.files });
  bind(sys, `${ROOT}/cmdline`, `${ROOT}/proc/cmdline`);
  if (request.shared ?? true) sys.mount(null, ROOT, null, MS.REC | MS.SHARED, null);
}

/** The machine's own, without its prepare-root.conf: files that are to be in it are put above it. */
function mountUsr(sys: Syscalls, { usr = '/usr', files = {} }: ScratchRequest): void {
  const target = `${ROOT}/usr`;
  const hidden = '/lib/ostree/prepare-root.conf';
  const hides = fs.existsSync(usr + hidden);
  if (hides || Object.keys(files).some((file) => file.startsWith('/usr/'))) {
    for (const name of ['.usr-upper', '.usr-work']) fs.mkdirSync(path.join(ROOT, name));
    const layers = `lowerdir=${usr},upperdir=${ROOT}/.usr-upper,workdir=${ROOT}/.usr-work`;
    sys.mount('overlay', target, 'overlay', 0, layers);
    if (hides) fs.rmSync(target + hidden);
    return;
  }
  bind(sys, usr, target);
  sys.mount(null, target, null, MS.BIND | MS.REMOUNT | MS.RDONLY, null);
}

function mountSysroot(sys: Syscalls, request: ScratchRequest): void {
  const mountPoint = ROOT + (request.mountPoint ?? '/sysroot');
  fs.mkdirSync(mountPoint, { recursive: true });
  bind(sys, request.sysroot, mountPoint);
  if (request.sysrootFlags !== undefined)
    sys.mount(null, mountPoint, null, MS.BIND | MS.REMOUNT | request.sysrootFlags, null);
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
  return {
    runs,
    mountinfo: fs.readFileSync('/proc/self/mountinfo', 'utf8'),
    booted: fs.existsSync('/run/ostree-booted') ? fs.readFileSync('/run/ostree-booted', 'hex') : null,
    leftovers: [...(fs.existsSync('/sysroot.tmp') ? ['/sysroot.tmp'] : []), ...under('/run')].map(described),
    entered: request.enter === undefined || runs.at(-1)?.status !== 0 ? null : enter(sys, request.enter),
  };
}

function under(directory: string): string[] {
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    return entry.isDirectory() ? [file, ...under(file)] : [file];
  });
}

function described(file: string): string {
  const stat = fs.lstatSync(file);
  const to = stat.isSymbolicLink() ? ` -> ${fs.readlinkSync(file)}` : '';
  return `${stat.mode.toString(8)} ${file}${to}`;
}

/** What systemd does between the initramfs and the first service: switch-root, generators, their mount units. */
function enter(sys: Syscalls, command: readonly string[]): ProgramResult {
  for (const directory of MOVED_TO_NEW_ROOT)
    if (fs.existsSync('/sysroot' + directory))
      sys.mount(directory, '/sysroot' + directory, null, MS.MOVE, null);
  sys.chdir('/sysroot');
  sys.mount('.', '/', null, MS.MOVE, null);
  sys.chroot('.');
  sys.chdir('/');
  sys.mount(null, '/', null, MS.REC | MS.SHARED, null);
  mountGeneratedUnits(sys);
  return run(command);
}

function mountGeneratedUnits(sys: Syscalls): void {
  const units = '/run/systemd/generator';
  fs.mkdirSync(units, { recursive: true });
  if (systemGenerator([units, units, units], sys) !== 0) throw new Error('the generator failed');
  for (const name of fs.readdirSync(units).filter((file) => file.endsWith('.mount'))) {
    const text = fs.readFileSync(path.join(units, name), 'utf8');
    const [where, what, options] = ['Where', 'What', 'Options'].map((key) => valueIn(text, key));
    mountAsUnit(sys, { where: where ?? '', what: what ?? '', options: (options ?? '').split(',') });
  }
}

function valueIn(unit: string, key: string): string {
  const line = unit.split('\n').find((one) => one.startsWith(`${key}=`));
  if (line === undefined) throw new Error(`a generated unit has no ${key}`);
  return line.slice(key.length + 1).replaceAll('%%', '%');
}

/** As mount(8), which systemd calls: the bind first, then each propagation. */
function mountAsUnit(
  sys: Syscalls,
  unit: { readonly where: string; readonly what: string; readonly options: readonly string[] },
): void {
  bind(sys, unit.what, unit.where);
  for (const option of unit.options)
    if (PROPAGATION[option] !== undefined) sys.mount(null, unit.where, null, PROPAGATION[option], null);
}

function run(argv: readonly string[]): ProgramResult {
  const [program = '', ...args] = argv;
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: RUN_TIMEOUT, env: ENVIRONMENT });
  // What it leaves tells nothing: it may have been about to mount /proc.
  if (codeOf(done.error) === 'ETIMEDOUT')
    throw new Error(`${program} was ended: it ran for ${RUN_TIMEOUT / 1000} s`);
  const notStarted = done.error === undefined ? '' : `${done.error.message}\n`;
  return { status: done.status, stdout: done.stdout ?? '', stderr: (done.stderr ?? '') + notStarted };
}
