import { AT_FDCWD } from '#native/syscalls.ts';
import { expect, sys, test } from '#test/both-engines.ts';

function shell(script: string, env: readonly string[] = []): number | null {
  return sys.spawn('sh', ['sh', '-c', script], env);
}

test.each([
  ['exit 0', 0],
  ['exit 7', 7],
  ['kill -9 $$', 137],
  // Its own default: a writer to a closed pipe ends silently.
  ['kill -PIPE $$', 141],
] as const)("spawn '%s' gives %i", (script, code) => {
  expect(shell(script)).toBe(code);
});

test('the environment is what was given', () => {
  expect(shell('[ "$A-$HOME" = "b c-" ]', ['A=b c'])).toBe(0);
});

test('a program that is not there', () => {
  expect(sys.spawn('no-such-program-of-ours', ['x'], [])).toBeNull();
  expect(() => sys.spawn('/etc/passwd', ['x'], [])).toThrow('Permission denied');
});

function limited(
  script: string,
  seconds: number,
): { readonly code: number | null | 'timeout'; readonly said: string } {
  const file = `/tmp/yum-ostree-limited-${sys.getpid()}`;
  const output = sys.open(AT_FDCWD, file, ['read-write', 'create', 'truncate'], 0o600);
  try {
    const code = sys.spawnLimited('sh', ['sh', '-c', script], ['PATH=/usr/bin:/bin'], output, seconds);
    return { code, said: sys.readText(AT_FDCWD, file) ?? '' };
  } finally {
    sys.close(output);
    sys.unlink(AT_FDCWD, file);
  }
}

test('spawnLimited keeps both outputs and gives no input', () => {
  expect(limited('echo one; echo two >&2; cat; exit 3', 20)).toEqual({ code: 3, said: 'one\ntwo\n' });
  expect(limited('kill -9 $$', 20)).toEqual({ code: 137, said: '' });
});

test('spawnLimited ends what takes too long, with what it started', () => {
  const { code, said } = limited('(sleep 30; echo late) & echo $!; sleep 30', 1);
  expect(code).toBe('timeout');
  expect(hasEnded(said.trim())).toBe(true);
});

test('spawnLimited keeps all of 64 kB, and of more the start and the end', () => {
  const whole = limited('head -c 65536 /dev/zero | tr "\\0" x', 20);
  expect(whole).toEqual({ code: 0, said: 'x'.repeat(65536) });
  const { code, said } = limited('echo start; head -c 3000000 /dev/zero | tr "\\0" x; echo; echo end', 20);
  expect(code).toBe(0);
  const cut = 3000000 + 'start\n\nend\n'.length - 65536;
  const [start, end = ''] = said.split(`\n[cut: ${cut} bytes left out]\n`);
  expect(start).toBe(`start\n${'x'.repeat(16 * 1024 - 6)}`);
  expect(end).toBe(`${'x'.repeat(48 * 1024 - 5)}\nend\n`);
});

test('spawnLimited waits for no end of the output: not of a program for ever, nor of one that is left', () => {
  const endless = limited('yes', 1);
  expect(endless.code).toBe('timeout');
  expect(endless.said.length < 66_000).toBe(true);
  const left = limited('yes & echo $! >/tmp/yum-ostree-left; exit 4', 20);
  expect(left.code).toBe(4);
  expect(hasEnded((sys.readText(AT_FDCWD, '/tmp/yum-ostree-left') ?? '').trim())).toBe(true);
  sys.unlink(AT_FDCWD, '/tmp/yum-ostree-left');
});

/** Whether it ends within some seconds: a signal takes effect a moment after it was sent, and its new parent reaps it later. */
function hasEnded(pid: string): boolean {
  for (let tries = 0; tries < 50; tries += 1) {
    const state = sys.readText(AT_FDCWD, `/proc/${pid}/stat`);
    if (state === null || state.includes(') Z ')) return true;
    shell('sleep 0.1', ['PATH=/usr/bin:/bin']);
  }
  return false;
}

test('a program that cannot be started', () => {
  expect(sys.spawnLimited('no-such-program-of-ours', ['x'], [], 1, 1)).toBeNull();
  expect(() => sys.spawnLimited('/etc/passwd', ['x'], [], 1, 1)).toThrow('Permission denied');
});
