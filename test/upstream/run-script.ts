/** Runs one script of the suite, unmodified, in an empty directory of its own with our `ostree` first in PATH. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { judge, parseTap, type TapSummary, type TapVerdict } from '#test/upstream/tap.ts';

export interface ScriptResult {
  readonly name: string;
  readonly summary: TapSummary;
  readonly verdict: TapVerdict;
  readonly seconds: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScriptRun {
  /** The directory of the scripts. */
  readonly scripts: string;
  /** Where the program `ostree` lies. */
  readonly programs: string;
  /** Seconds after which the script is ended and counts as failed. */
  readonly limit: number;
}

/** The suite of 2022.7 knows the boot entries' old names only. */
const ENVIRONMENT = { OSTREE_SYSROOT_OPTS: 'bootloader-naming-1', OT_TESTS_DEBUG: '1' };

export async function runScript(name: string, run: ScriptRun): Promise<ScriptResult> {
  // Not /tmp: it may be a tmpfs, which has no extended attributes of users on older kernels.
  const directory = fs.mkdtempSync(
    path.join(fs.existsSync('/var/tmp') ? '/var/tmp' : os.tmpdir(), 'upstream-'),
  );
  const start = performance.now();
  try {
    fs.writeFileSync(path.join(directory, '.testtmp'), '');
    const { code, stdout, stderr } = await execute(path.join(run.scripts, name), directory, run);
    const summary = parseTap(stdout);
    return {
      name,
      summary,
      verdict: judge(summary, code, lastError(stderr)),
      seconds: (performance.now() - start) / 1000,
      stdout,
      stderr,
    };
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function execute(
  script: string,
  cwd: string,
  run: ScriptRun,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  // A server that the script started outlives it for a moment and holds its output open: so output goes to files.
  const files = ['stdout', 'stderr'].map((stream) => `${cwd}.${stream}`);
  const [out, err] = files.map((file) => fs.openSync(file, 'w'));
  return new Promise((resolve, reject) => {
    const child = spawn(script, [], {
      cwd,
      env: { ...process.env, ...ENVIRONMENT, PATH: `${run.programs}:${process.env['PATH'] ?? ''}` },
      stdio: ['ignore', out, err],
      detached: true,
    });
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), run.limit * 1000);
    child.on('error', reject);
    child.on('exit', (code) => {
      clearTimeout(timer);
      const [stdout = '', stderr = ''] = files.map((file) => fs.readFileSync(file, 'utf8'));
      for (const fd of [out, err]) if (fd !== undefined) fs.closeSync(fd);
      for (const file of files) fs.rmSync(file);
      resolve({ code: code ?? 137, stdout, stderr });
    });
  });
}

/** The last line that is not the shell's trace or its clean-up's talk. */
function lastError(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '' && !/^(\+|gpg-connect-agent)/.test(line));
  return lines.slice(-2).join(' | ').slice(0, 300);
}
