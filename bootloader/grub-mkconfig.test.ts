import { generatedBy, grubMkconfig, grubPrograms } from '#bootloader/grub-mkconfig.ts';
import { hasDuplicateMenu, willBeDuplicate } from '#bootloader/grub-duplicates.ts';
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

test('a menu that shows each deployment twice', () => {
  const stanza =
    "menuentry 'OS (ostree:0)' {\nlinux /ostree/os-1/vmlinuz root=x ostree=/ostree/boot.1/os/1/0\n}\n";
  expect(hasDuplicateMenu(`insmod blscfg\nblscfg\n${stanza}`)).toBe(true);
  expect(hasDuplicateMenu(`insmod blscfg\n# blscfg\n${stanza}`)).toBe(false);
  expect(hasDuplicateMenu('insmod blscfg\n  blscfg --path /boot/loader/entries\n')).toBe(false);
  expect(hasDuplicateMenu("blscfg\nmenuentry 'Other' {\nlinux /vmlinuz root=x\n}\n")).toBe(false);
});

test('a menu that the next grub2-mkconfig makes one that shows each deployment twice', () => {
  const will = (text: string, script: boolean, defaults: string, isMarked: boolean): boolean =>
    willBeDuplicate(text, { script, defaults, isMarked });
  expect(will('blscfg\n', true, '', false)).toBe(true);
  expect(will('blscfg\n', true, 'GRUB_ENABLE_BLSCFG=true\n', false)).toBe(true);
  expect(will('blscfg\n', true, 'GRUB_ENABLE_BLSCFG="true"\n', true)).toBe(false);
  expect(will('blscfg\n', true, '#GRUB_ENABLE_BLSCFG=true\n', true)).toBe(true);
  expect(will('blscfg\n', false, '', false)).toBe(false);
  expect(will('insmod blscfg\n', true, '', false)).toBe(false);
});
