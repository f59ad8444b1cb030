/** The limits that memory is measured under. */
import { expect, test } from 'vitest';
import { runLimited } from '#test/bench/memory-limit.ts';

/** What the group says of memory and swap together (version 1) or of swap (version 2); a kernel that counts no swap has neither. */
const LOOK = `
first=/sys/fs/cgroup/memory$(sed -n 's|^[0-9]*:memory:||p' /proc/self/cgroup)/memory.memsw.limit_in_bytes
second=/sys/fs/cgroup$(sed -n 's|^0::||p' /proc/self/cgroup)/memory.swap.max
if test -e "$first"; then test "$(cat "$first")" = "$1"
elif test -e "$second"; then test "$(cat "$second")" = 0
fi`;

test('a group has the memory that it is given, and no swap', () => {
  const run = runLimited(['sh', '-c', LOOK, 'sh', String(64 << 20)], 64);
  expect(run.succeeded).toBe(true);
  expect(run.peak).toBeGreaterThan(0);
});

test('what needs more is ended', () => {
  const eater = 'const kept = []; for (let at = 0; at < 256; at++) kept.push(Buffer.alloc(1 << 20, 1));';
  expect(runLimited([process.execPath, '-e', eater], 128).succeeded).toBe(false);
  expect(runLimited([process.execPath, '-e', eater], 512).succeeded).toBe(true);
});
