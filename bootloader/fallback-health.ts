/** Health checks of the running system: executables in `/etc/yum-ostree/health.d/{required,wanted}`. */
import { AT_FDCWD, S, type Syscalls } from '#native/syscalls.ts';
import { codeOf, during, messageOf, UserError } from '#ostree/format/errors.ts';
import {
  EMPTY_KEYFILE,
  keyFileBoolean,
  keyFileGroups,
  keyFileKeys,
  keyFileString,
  parseKeyFile,
  type KeyFile,
} from '#ostree/format/keyfile.ts';
import { latin1Text } from '#ostree/format/latin1.ts';
import { makeDirectories, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

const CHECKS = '/etc/yum-ostree/health.d';
const SETTINGS = '/etc/yum-ostree/fallback.conf';
/** What each check printed, as long as the machine runs; of more than 64 kB the start and the end. */
const OUTPUTS = '/run/yum-ostree/health';
const DEFAULT_SECONDS = 60;
const MOST_SECONDS = 3600;
/** Of the end of a check's output that is shown. */
const SHOWN_BYTES = 2000;
const SHOWN_LINES = 20;

export interface HealthSettings {
  /** For each check. */
  readonly seconds: number;
  /** Boot again at once where a required check fails on trial. */
  readonly reboots: boolean;
  /** What the file has that means nothing, a line each. */
  readonly warnings?: readonly string[];
}

export interface CheckResult {
  readonly name: string;
  /** Without it the deployment is not good. */
  readonly isRequired: boolean;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** Why, for people; '' where it passed. */
  readonly reason: string;
  /** The end of what it printed. */
  readonly output: string;
}

/** @throws UserError BAD_KEYFILE */
export function readHealthSettings(sys: Syscalls): HealthSettings {
  const text = sys.readText(AT_FDCWD, SETTINGS);
  const file = text === null ? EMPTY_KEYFILE : parseKeyFile(text, SETTINGS);
  const seconds = keyFileString(file, 'health', 'timeout') ?? String(DEFAULT_SECONDS);
  const isNumber = seconds !== '' && [...seconds].every((c) => c >= '0' && c <= '9');
  if (!isNumber || Number(seconds) < 1 || Number(seconds) > MOST_SECONDS)
    throw new UserError(
      'BAD_KEYFILE',
      `${SETTINGS}: timeout in [health] is '${seconds}', not 1 to ${MOST_SECONDS} seconds`,
    );
  const reboots = during(SETTINGS, () => keyFileBoolean(file, 'health', 'reboot') ?? false);
  return { seconds: Number(seconds), reboots, warnings: unknownKeys(file) };
}

function unknownKeys(file: KeyFile): string[] {
  return keyFileGroups(file).flatMap((group) =>
    keyFileKeys(file, group)
      .filter((key) => group !== 'health' || (key !== 'timeout' && key !== 'reboot'))
      .map((key) => `${SETTINGS}: ${key} in [${group}] means nothing; timeout and reboot in [health] do`),
  );
}

/**
 * Runs the required checks, then the wanted ones, each list in the order of the names; all of them, whatever fails.
 * `env`: of the process, `NAME=VALUE`.
 */
export function runHealthChecks(
  sys: Syscalls,
  { seconds }: HealthSettings,
  env: readonly string[],
): CheckResult[] {
  return (['required', 'wanted'] as const).flatMap((kind) =>
    checkNames(sys, kind).map((name) => runCheck(sys, { kind, name, seconds, env })),
  );
}

export function isHealthy(results: readonly CheckResult[]): boolean {
  return !results.some(({ isRequired, result }) => isRequired && result === 'failed');
}

/** What editors and package managers leave beside a file is no check. */
function checkNames(sys: Syscalls, kind: string): string[] {
  const directory = `${CHECKS}/${kind}`;
  if (sys.stat(AT_FDCWD, directory) === null) return [];
  const isCheck = (name: string): boolean =>
    !name.startsWith('.') && !['~', '.rpmsave', '.rpmnew', '.rpmorig'].some((end) => name.endsWith(end));
  return sys
    .readdir(AT_FDCWD, directory)
    .map(({ name }) => name)
    .filter(isCheck);
}

interface Check {
  readonly kind: 'required' | 'wanted';
  readonly name: string;
  readonly seconds: number;
  readonly env: readonly string[];
}

function runCheck(sys: Syscalls, check: Check): CheckResult {
  const { kind, name, seconds, env } = check;
  const program = `${CHECKS}/${kind}/${name}`;
  const known = { name, isRequired: kind === 'required' };
  const mode = sys.stat(AT_FDCWD, program)?.mode;
  // Somebody means it to run.
  if (mode === undefined)
    return { ...known, result: 'failed', reason: 'it is a link to what is not there', output: '' };
  const skipped = reasonToSkip(mode);
  if (skipped !== null) return { ...known, result: 'skipped', reason: skipped, output: '' };
  const path = `${OUTPUTS}/${kind}/${name}`;
  const log = openLog(sys, `${OUTPUTS}/${kind}`, name);
  try {
    const code = sys.spawnLimited(program, [program], env, log, seconds);
    const output = endOf(sys, log, path);
    if (code === 0) return { ...known, result: 'passed', reason: '', output };
    return { ...known, result: 'failed', reason: reasonOf(code, seconds), output };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { ...known, result: 'failed', reason: messageOf(error), output: '' };
  } finally {
    sys.close(log);
  }
}

function reasonToSkip(mode: number): string | null {
  if ((mode & S.IFMT) === S.IFDIR) return 'it is a directory';
  if ((mode & S.IFMT) !== S.IFREG) return 'it is no file';
  return (mode & 0o111) === 0 ? 'it is not executable' : null;
}

function reasonOf(code: number | 'timeout' | null, seconds: number): string {
  if (code === 'timeout') return `it took longer than ${seconds} s`;
  return code === null ? 'it cannot be run: its interpreter is missing' : `exit code ${code}`;
}

function openLog(sys: Syscalls, directory: string, name: string): number {
  makeDirectories(sys, AT_FDCWD, directory);
  unlinkIfPresent(sys, AT_FDCWD, `${directory}/${name}`);
  return sys.open(AT_FDCWD, `${directory}/${name}`, ['read-write', 'create', 'exclusive', 'nofollow'], 0o600);
}

/** The last lines; the first of them says so where there were more. */
function endOf(sys: Syscalls, log: number, path: string): string {
  const { size } = sys.fstat(log);
  const start = Math.max(0, size - SHOWN_BYTES);
  sys.seek(log, start);
  const text = printable(sys.read(log, SHOWN_BYTES));
  const lines = text.split('\n');
  const isCut = start > 0 || lines.length > SHOWN_LINES + 1;
  return isCut ? `(cut: more is in ${path})\n${lines.slice(-SHOWN_LINES - 1).join('\n')}` : text;
}

/** What a terminal would obey, and what is not ASCII, is left out: the output is somebody else's. */
function printable(bytes: Uint8Array): string {
  return latin1Text(bytes.filter((byte) => byte === 10 || byte === 9 || (byte >= 32 && byte < 127)));
}
