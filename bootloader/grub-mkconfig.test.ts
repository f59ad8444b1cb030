import { generatedBy, grubMkconfig, grubPrograms } from '#bootloader/grub-mkconfig.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { expect, sys, test } from '#test/both-engines.ts';

const PATH = '/usr/bin:/bin';

function generate(env: Readonly<Record<string, string>>, booted: unknown = null): boolean {
  const caller = { sys, env: { PATH, ...env }, path: '/tmp' };
  return grubMkconfig(caller, { booted } as Sysroot)({ file: 'no-such/grub.cfg', bootversion: 1 });
}

test('which programs', () => {
  expect(grubPrograms({}, true)).toEqual({ kind: 'any', programs: ['grub2-mkconfig', 'grub-mkconfig'] });
  expect(grubPrograms({}, false)).toEqual({ kind: 'any', programs: [] });
  expect(grubPrograms({ OSTREE_GRUB2_EXEC: '' }, true)).toEqual({ kind: 'any', programs: [] });
  expect(grubPrograms({ OSTREE_GRUB2_EXEC: 'x' }, false)).toEqual({ kind: 'named', program: 'x' });
});

test('one that is installed is taken, and where none is, none', () => {
  const programs = { kind: 'any', programs: ['a', 'b'] } as const;
  expect(generatedBy(programs, (program) => program === 'b')).toBe(true);
  expect(generatedBy(programs, () => false)).toBe(false);
});

test('one that is named and not there is an error, and no reason to write another file', () => {
  expect(() => generate({ OSTREE_GRUB2_EXEC: 'no-such-program' })).toThrow(
    "there is no program 'no-such-program', which OSTREE_GRUB2_EXEC names",
  );
  expect(generate({ OSTREE_GRUB2_EXEC: '' })).toBe(false);
  expect(generate({ OSTREE_GRUB2_EXEC: 'true' })).toBe(true);
  expect(() => generate({ OSTREE_GRUB2_EXEC: 'false' })).toThrow('exit code 1');
});
