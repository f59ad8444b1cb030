/** The process of one sandbox: what it is fed, what it says, its end, and how it is ended before its time. */
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '#ostree/format/errors.ts';

export interface SandboxLife {
  readonly stdin: string;
  readonly signal: AbortSignal;
  /** Each piece of output as it comes. */
  readonly output: (text: string) => void;
  /** The same for standard error, where it is not to go to `output`. */
  readonly errors?: (text: string) => void;
}

/** Descriptors that bubblewrap is told of: an empty file's content, and where it writes its child's process id. */
export const EMPTY_FD = 4;
export const INFO_FD = 3;

const O_CLOEXEC = 0o2000000;

/** How long bubblewrap may take to say which process the sandbox is, when it has to be ended. Milliseconds. */
const START_GRACE = 2000;
const POLL = 20;
/** How long a killed process may take to be gone. Milliseconds. */
const KILL_GRACE = 3000;
/** How long after the end somebody may hold the output open. Milliseconds. */
const OUTPUT_GRACE = 1000;

/**
 * Runs bubblewrap to its end. It is in a session of its own: Ctrl-C on the terminal reaches this process only, which
 * then ends the sandbox from the inside out.
 * @returns how it ended; null where all is well
 * @throws UserError SANDBOX where it cannot be started
 */
export async function runSandbox(args: readonly string[], life: SandboxLife): Promise<string | null> {
  const info = openInfo();
  const nothing = fs.openSync('/dev/null', 'r');
  const child = spawn('bwrap', ['--info-fd', String(INFO_FD), ...args], {
    stdio: ['pipe', 'pipe', 'pipe', info, 'pipe', ...coverInherited(EMPTY_FD + 1, nothing)],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    detached: true,
  });
  fs.closeSync(nothing);
  const exited = endOf(child);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const aborted = new Promise<void>((resolve) => {
    if (life.signal.aborted) resolve();
    life.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const killNow = (): void => {
    killInner(child, info);
    killGroup(child);
  };
  process.once('exit', killNow);
  try {
    feed(child, life.stdin);
    child.stdout?.setEncoding('utf8').on('data', life.output);
    child.stderr?.setEncoding('utf8').on('data', life.errors ?? life.output);
    const ending = await Promise.race([exited, aborted.then(() => endSandbox(child, { info, exited }))]);
    await Promise.race([closed, grace(OUTPUT_GRACE)]);
    return ending;
  } finally {
    process.off('exit', killNow);
    for (const stream of child.stdio) stream?.destroy();
    fs.closeSync(info);
  }
}

/** A file without a name. Not a pipe: bubblewrap gives up, and leaves its child waiting, where nobody reads that. */
function openInfo(): number {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-sandbox-'));
  try {
    return fs.openSync(path.join(directory, 'info'), 'wx+');
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Descriptors that this process was started with would go on to the script, and with them what they lead to. They are
 * covered by `nothing` (of /dev/null), from `first` to the highest.
 */
function coverInherited(first: number, nothing: number): number[] {
  const inherited = fs
    .readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd >= first && !closesOnExec(fd));
  return Array.from({ length: Math.max(first, ...inherited.map((fd) => fd + 1)) - first }, () => nothing);
}

function closesOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return (parseInt(flags ?? '0', 8) & O_CLOEXEC) !== 0;
  } catch {
    // The descriptor by which the directory was read is gone.
    return true;
  }
}

/** The script's standard input, and the empty file. */
function feed(child: ChildProcess, stdin: string): void {
  const empty = child.stdio[EMPTY_FD];
  if (empty !== null && empty !== undefined && 'end' in empty) {
    empty.on('error', () => undefined);
    empty.end();
  }
  // A script need not read what it is given: EPIPE is no failure.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(stdin);
}

/** The host's process id of the sandbox's first process; null where bubblewrap has not told it yet. */
function innerProcess(info: number): number | null {
  const bytes = Buffer.alloc(4096);
  const text = bytes.toString('latin1', 0, fs.readSync(info, bytes, 0, bytes.length, 0));
  const found = /"child-pid": *([0-9]+)[^0-9]/.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

/**
 * Kills the sandbox's first process, and with it all that runs inside. Never bubblewrap itself first: between making
 * that process and letting it go it is the only one that can, and an orphan would wait for ever.
 */
async function endSandbox(
  child: ChildProcess,
  { info, exited }: { readonly info: number; readonly exited: Promise<unknown> },
): Promise<string> {
  const deadline = performance.now() + START_GRACE;
  while (isRunning(child) && !killInner(child, info) && performance.now() < deadline)
    await Promise.race([exited, grace(POLL)]);
  if (isRunning(child) && innerProcess(info) !== null) await Promise.race([exited, grace(KILL_GRACE)]);
  if (isRunning(child)) {
    killGroup(child);
    await Promise.race([exited, grace(KILL_GRACE)]);
  }
  return 'killed';
}

/** @returns whether it is known which process that is. Its id is its own for as long as bubblewrap runs. */
function killInner(child: ChildProcess, info: number): boolean {
  const pid = innerProcess(info);
  if (pid !== null && isRunning(child)) kill(pid);
  return pid !== null;
}

async function endOf(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(
        new UserError('SANDBOX', `bubblewrap cannot be started: ${cause.message}`, {
          hint: "scripts of packages run in bubblewrap: install the package 'bubblewrap'",
          cause,
        }),
      );
    });
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(null);
      else resolve(code === null ? `killed by ${signal ?? 'a signal'}` : `exit code ${code}`);
    });
  });
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Bubblewrap, and the sandbox's first process for as long as it has not a session of its own. */
function killGroup(child: ChildProcess): void {
  if (isRunning(child) && child.pid !== undefined) kill(-child.pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** Not a reason for the process to stay. */
function grace(milliseconds: number): Promise<void> {
  return sleep(milliseconds, undefined, { ref: false });
}
