import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';

const PROJECT = path.resolve(import.meta.dirname, '../..');
const scratch = fs.mkdtempSync('/var/tmp/yum-ostree-demo-');
afterAll(() => {
  loadSyscalls().removeTree(AT_FDCWD, scratch);
});

describe('npm run demo', () => {
  it('ends with facts that are all true, in a sysroot that it names', () => {
    const sysroot = path.join(scratch, 'sysroot');
    const script = path.join(PROJECT, 'test/demo/demo.ts');
    const done = spawnSync(process.execPath, [script, '--sysroot', sysroot], { encoding: 'utf8' });
    const untrue = done.stdout.split('\n').filter((line) => line.trim().startsWith('✗'));
    expect({ untrue, errors: done.stderr.split('\n').filter((line) => line.startsWith('error:')) }).toEqual({
      untrue: [],
      errors: [],
    });
    expect(done.status).toBe(0);
    expect(done.stdout).toContain(`ostree fsck --repo=${sysroot}/ostree/repo`);
  });
});
