/** The place where a package's script runs: bubblewrap's arguments (pure) and the run of one script. */
import { UserError } from '#ostree/format/errors.ts';
import { EMPTY_FD, runSandbox } from '#layering/sandbox-process.ts';
import { isLua, type PackageScript } from '#layering/scripts-plan.ts';

/** What stands at the top of the composed tree: `bin` → `usr/bin`, and the directories. */
export interface TopLevel {
  readonly symlinks: readonly { readonly name: string; readonly target: string }[];
  readonly directories: readonly string[];
  /** Names in /var/lib that lead to directories of the same name in /usr/lib, as on the running system. */
  readonly inVarLib: readonly string[];
}

export interface SandboxRoot {
  /** Host path of the merged view of the tree (an overlay); its `usr/etc` is seen as /etc. */
  readonly merged: string;
  readonly top: TopLevel;
  /** Host path of a directory that all scripts of one run share as /var/lib/rpm-state. */
  readonly rpmState: string;
  /** Paths in the tree that hold the rpm database: empty for scripts. */
  readonly databases: readonly string[];
  /** Seconds since the epoch, of the newest package. */
  readonly sourceDateEpoch: number;
  /** Host path of a program that does nothing; it stands in for those at `silenced`. */
  readonly nothing: string;
  /** Programs that would change the running machine: absolute paths in the tree. */
  readonly silenced: readonly string[];
  /** Host path of the program that runs scripts in Lua; null where there is none. */
  readonly lua: string | null;
}

export interface ScriptRun {
  /** Host path of the file with the script's text. */
  readonly scriptFile: string;
  /** Arguments for the script: `1` for an installation. */
  readonly args: readonly string[];
  readonly stdin: string;
  readonly place?: ScriptPlace | undefined;
}

/** What one script has beside what all have. */
export interface ScriptPlace {
  readonly environment: readonly (readonly [name: string, value: string])[];
  /** Host paths that are seen in places of their own, over what all see there. */
  readonly binds: readonly {
    readonly source: string;
    readonly target: string;
    readonly isWritable: boolean;
  }[];
}

export interface ScriptOptions {
  readonly signal: AbortSignal;
  /** Each piece of output as it comes. */
  readonly output: (text: string) => void;
  /** The same for standard error. */
  readonly errors: (text: string) => void;
}

const CAPABILITIES = 'CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP SYS_CHROOT SETFCAP'.split(
  ' ',
);
const SCRIPT_PATH = '/run/yum-ostree/scriptlet';
const LUA_PATH = '/run/yum-ostree/lua';
/** Directories that /var has for scripts (roothome: what /root leads to); it is otherwise empty, and read-only except for these two. */
const VAR_DIRECTORIES = 'lib log cache spool opt roothome'.split(' ').map((name) => `/var/${name}`);
/** Characters. */
const OUTPUT_KEPT = 64 * 1024;
const LAST_LINES = 20;

/** Bubblewrap's arguments for one script. Nothing of the machine is visible but the composed tree. */
export function sandboxArguments(root: SandboxRoot, script: PackageScript, run: ScriptRun): string[] {
  return [
    ...['--unshare-pid', '--unshare-uts', '--unshare-ipc', '--unshare-net', '--unshare-cgroup-try'],
    ...['--die-with-parent', '--new-session', '--hostname', 'localhost', '--chdir', '/'],
    ...['--bind', `${root.merged}/usr`, '/usr', '--bind', `${root.merged}/usr/etc`, '/etc'],
    ...root.top.symlinks.flatMap(({ name, target }) => ['--symlink', target, `/${name}`]),
    ...root.top.directories.filter(isPlainTop).flatMap((name) => ['--dir', `/${name}`]),
    // To root, the kernel's settings below /proc/sys are files of its own: no capability is asked for.
    ...['--dev', '/dev', '--proc', '/proc', '--remount-ro', '/proc', '--dir', '/sys', '--tmpfs', '/tmp'],
    ...['--tmpfs', '/run', '--file', String(EMPTY_FD), '/run/ostree-booted'],
    ...['--ro-bind', run.scriptFile, SCRIPT_PATH],
    ...(root.lua !== null && isLua(script) ? ['--ro-bind', root.lua, LUA_PATH] : []),
    ...['--tmpfs', '/var', ...VAR_DIRECTORIES.flatMap((dir) => ['--dir', dir])],
    ...root.top.inVarLib.flatMap((name) => ['--symlink', `../../usr/lib/${name}`, `/var/lib/${name}`]),
    ...['--symlink', '../run', '/var/run', '--symlink', '../run/lock', '/var/lock'],
    ...['--dir', '/var/tmp', '--dir', '/var/lib/rpm-state', '--remount-ro', '/var'],
    ...['--tmpfs', '/var/tmp', '--bind', root.rpmState, '/var/lib/rpm-state'],
    ...root.databases.flatMap((database) => ['--tmpfs', `/${database}`]),
    ...root.silenced.flatMap((program) => ['--ro-bind', root.nothing, program]),
    ...(run.place?.binds ?? []).flatMap(({ source, target, isWritable }) => [
      isWritable ? '--bind' : '--ro-bind',
      source,
      target,
    ]),
    ...['--cap-drop', 'ALL', ...CAPABILITIES.flatMap((name) => ['--cap-add', `CAP_${name}`])],
    ...environment(root, script, run),
    ...(isLua(script) ? [LUA_PATH] : script.interpreter),
    // A program without a script (%post -p /usr/bin/x) is run as it is.
    ...(script.body === '' ? [] : [SCRIPT_PATH, ...run.args]),
  ];
}

/** How a script ended; null is well. */
export interface ScriptEnd {
  readonly ending: string | null;
  /** All that it said; of very much the last part. */
  readonly output: string;
}

/** Runs a script to its end, which comes soon once the signal is given. @throws UserError SANDBOX */
export async function runScript(
  root: SandboxRoot,
  script: PackageScript,
  options: ScriptOptions & { readonly run: ScriptRun },
): Promise<ScriptEnd> {
  let kept = '';
  const keeping =
    (tell: (text: string) => void) =>
    (text: string): void => {
      kept = (kept + text).slice(-OUTPUT_KEPT);
      tell(text);
    };
  const ending = await runSandbox(sandboxArguments(root, script, options.run), {
    stdin: options.run.stdin,
    signal: options.signal,
    output: keeping(options.output),
    errors: keeping(options.errors),
  });
  return { ending, output: kept };
}

/** The end of what a script said, for an error; '' where it said nothing. */
export function lastLines(output: string): string {
  if (output.trim() === '') return '';
  return `; its last lines:\n${output.trimEnd().split('\n').slice(-LAST_LINES).join('\n')}`;
}

/** SCRIPT_FAILED, naming package, phase and how the script ended, with its last lines. */
export function scriptFailure(
  { package: name, phase }: PackageScript,
  { ending, output }: ScriptEnd,
): UserError {
  const said = lastLines(output);
  return new UserError('SCRIPT_FAILED', `package ${name}: %${phase} failed (${ending ?? 'well'})${said}`, {
    hint: 'nothing was deployed; the system is as before',
  });
}

function environment(root: SandboxRoot, { prefixes = [] }: PackageScript, { place }: ScriptRun): string[] {
  const variables: readonly (readonly [string, string])[] = [
    ['PATH', '/usr/sbin:/usr/bin'],
    ['HOME', '/root'],
    ['LANG', 'C.UTF-8'],
    ['TZ', 'UTC'],
    ['SYSTEMD_OFFLINE', '1'],
    ['SOURCE_DATE_EPOCH', String(root.sourceDateEpoch)],
    ...prefixes.slice(0, 1).map((path) => ['RPM_INSTALL_PREFIX', path] as const),
    ...prefixes.map((path, at) => [`RPM_INSTALL_PREFIX${at}`, path] as const),
    ...(place?.environment ?? []),
  ];
  return ['--clearenv', ...variables.flatMap(([name, value]) => ['--setenv', name, value])];
}

function isPlainTop(name: string): boolean {
  return !['usr', 'etc', 'dev', 'proc', 'sys', 'tmp', 'run', 'var'].includes(name);
}
