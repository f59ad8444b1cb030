import { expect, test } from 'vitest';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';
import { ST_RDONLY, type Syscalls } from '#native/syscalls.ts';

/** A machine that records what is done to its mounts. */
function machine(state: { readonly booted: boolean; readonly readOnly: readonly string[] }) {
  const calls: string[] = [];
  const opened: string[] = [];
  const sys = {
    lstat: () => (state.booted ? {} : null),
    readText: () => '22 1 8:1 / / rw - ext4 x rw\n23 22 8:1 / /sysroot ro - ext4 x ro\n',
    open: (_dir: number, path: string) => opened.push(path) - 1,
    close: () => undefined,
    statfs: (fd: number) => ({ flags: state.readOnly.includes(opened[fd] ?? '') ? ST_RDONLY : 0 }),
    unshare: () => calls.push('unshare'),
    mount: (_source: unknown, target: string) => calls.push(`mount ${target}`),
  } as unknown as Syscalls;
  return { sys, calls };
}

test('only what is read-only on the booted system is remounted, in a namespace of its own', () => {
  const { sys, calls } = machine({ booted: true, readOnly: ['/sysroot'] });
  makeSysrootWritable(sys, '/');
  expect(calls).toEqual(['unshare', 'mount /', 'mount /sysroot']);
});

test.each([
  ['another sysroot', { booted: true, readOnly: ['/sysroot'] }, '/mnt'],
  ['a machine without ostree', { booted: false, readOnly: ['/sysroot'] }, '/'],
  ['what is no mount point', { booted: true, readOnly: ['/boot'] }, '/'],
  ['a writable sysroot', { booted: true, readOnly: [] }, '/'],
])('%s is left alone', (_what, state, path) => {
  const { sys, calls } = machine(state);
  makeSysrootWritable(sys, path);
  expect(calls).toEqual([]);
});
