import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runSandbox } from '#layering/sandbox-process.ts';

let directory: string;
let pathBefore: string | undefined;

beforeEach(() => {
  directory = fs.mkdtempSync('/tmp/yum-ostree-sandbox-');
  pathBefore = process.env['PATH'];
  process.env['PATH'] = `${directory}:${pathBefore ?? ''}`;
});

afterEach(() => {
  process.env['PATH'] = pathBefore;
  fs.rmSync(directory, { recursive: true });
});

/** Runs a stand-in for bubblewrap. `said` is called with each piece of its output. */
function run(program: string, signal: AbortSignal, said?: (text: string) => void): Promise<string | null> {
  fs.writeFileSync(path.join(directory, 'bwrap'), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  return runSandbox([], { stdin: '', signal, output: (text) => said?.(text) });
}

function isAlive(pid: number): boolean {
  try {
    // A killed process whose parent does not look is still listed.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('what bubblewrap started before it could say so is ended too, and the run ends', async () => {
  const controller = new AbortController();
  let text = '';
  const ending = run('sleep 600 & echo $!; wait', controller.signal, (piece) => {
    text += piece;
    controller.abort();
  });
  expect(await ending).not.toBeNull();
  expect(isAlive(Number(text))).toBe(false);
});

test('the sandbox is ended from the inside out', async () => {
  const controller = new AbortController();
  const program = `sleep 600 & echo "{ \\"child-pid\\": $! }" >&3; exec 3>&-; wait $!; code=$?; echo said; exit $code`;
  setTimeout(() => controller.abort(), 200);
  let text = '';
  expect(await run(program, controller.signal, (piece) => (text += piece))).toBe('exit code 137');
  expect(text).toContain('said');
});

test('who holds the output open after the end does not hold up the run', async () => {
  const started = performance.now();
  expect(await run('setsid sleep 5 & exit 3', new AbortController().signal)).toBe('exit code 3');
  expect(performance.now() - started).toBeLessThan(4000);
});
