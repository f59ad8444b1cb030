/** `yum-ostree-boot fsck-boot` and the files that boot loaders read beside the entries. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runYumOstree } from '#cli/yum-ostree.ts';
import { loadSyscalls } from '#native/load.ts';
import { board, copyOf, makePattern, type Pattern } from './board-program.ts';
import { makeScratch, ourAdmin, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

let scratch: string;
let pattern: Pattern;
beforeAll(() => {
  scratch = makeScratch();
  pattern = makePattern(scratch);
});
afterAll(() => {
  removeScratch(scratch);
});

const WHOLE = { status: 0, stdout: '', stderr: '' };

/** Where each loader looks, by a link to the file that is written for it. */
const LOADERS = {
  'grub.cfg': { place: 'grub2/grub.cfg', target: '../loader/grub.cfg' },
  'syslinux.cfg': { place: 'syslinux/syslinux.cfg', target: '../loader/syslinux.cfg' },
  'extlinux.conf': { place: 'extlinux/extlinux.conf', target: '../loader/extlinux.conf' },
  'boot.scr': { place: 'boot.scr', target: 'loader/boot.scr' },
  'uEnv.txt': { place: 'uEnv.txt', target: 'loader/uEnv.txt' },
} as const;
type LoaderFileName = keyof typeof LOADERS;
const NAMES = Object.keys(LOADERS) as LoaderFileName[];

let number = 0;
/** A copy whose list was written with that loader. */
function withLoader(name: LoaderFileName): string {
  const sysroot = copyOf(pattern.sysroot, `loader-${number++}`);
  const { place, target } = LOADERS[name];
  fs.mkdirSync(`${sysroot}/boot/${place}`.replace(/\/[^/]+$/, ''), { recursive: true });
  fs.symlinkSync(target, `${sysroot}/boot/${place}`);
  if (name === 'uEnv.txt') fs.writeFileSync(`${sysroot}/boot/loader/${name}`, '');
  expect(board('x86-64', sysroot, ['kargs', '--append=quiet'])).toMatchObject({ status: 0, stderr: '' });
  return sysroot;
}

describe.each(NAMES)('%s', (name) => {
  test('is whole as it is written, and by the C implementation', () => {
    const sysroot = withLoader(name);
    expect(fs.statSync(`${sysroot}/boot/loader/${name}`).size).toBeGreaterThan(0);
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual(WHOLE);
    if (name !== 'uEnv.txt' && name !== 'syslinux.cfg') return;
    theirAdmin(sysroot, ['deploy', '--os=testos', '--karg-append=their=1', 'os/1']);
    expect(fs.readFileSync(`${sysroot}/boot/loader/${name}`, 'utf8')).toContain('their=1');
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual(WHOLE);
  });

  test.each([
    ['gone', 'it is missing', (file: string) => fs.rmSync(file)],
    ['empty', 'it is empty', (file: string) => fs.writeFileSync(file, '')],
    [
      'garbage',
      name === 'grub.cfg' ? 'it does not name the kernel' : 'it is not what the entries say',
      (file: string) => fs.writeFileSync(file, 'garbage\n'),
    ],
    [
      'cut short',
      'it is not what the entries say',
      (file: string) => fs.truncateSync(file, fs.statSync(file).size - 20),
    ],
  ] as const)('%s: it is told, and written anew', (_, told, damage) => {
    const sysroot = withLoader(name);
    const file = fs.realpathSync(`${sysroot}/boot/loader/${name}`);
    const text = fs.readFileSync(file);
    damage(file);
    const said = board('x86-64', sysroot, ['fsck-boot']);
    expect(said).toMatchObject({ status: 1, stdout: '' });
    expect(said.stderr).toContain(`${file.slice(sysroot.length)}: ${told}`);
    expect(board('x86-64', sysroot, ['fsck-boot', '--repair'])).toEqual({
      status: 0,
      stdout: `repaired: ${file.slice(sysroot.length)} written anew from the entries\n`,
      stderr: '',
    });
    // In a menu in which lines of other people stay, the garbage is one.
    const mended = fs.readFileSync(file).toString('latin1').replace('garbage\n', '');
    if (told !== 'it is not what the entries say') expect(mended).toBe(text.toString('latin1'));
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual(WHOLE);
  });

  test('an entry that is set aside is not booted by it any more', () => {
    const sysroot = withLoader(name);
    const [first = ''] = fs.globSync(`${sysroot}/boot/loader/entries/ostree-2*.conf`);
    const kernel = /^linux (.*)$/m.exec(fs.readFileSync(first, 'utf8'))?.[1] ?? '';
    expect(fs.readFileSync(`${sysroot}/boot/loader/${name}`, 'latin1')).toContain(kernel);
    fs.writeFileSync(first, 'garbage\n');
    const mended = board('x86-64', sysroot, ['fsck-boot', '--repair']);
    expect(mended).toMatchObject({ status: 0, stderr: '' });
    expect(mended.stdout).toContain('.conf.damaged: it boots nothing\n');
    expect(fs.readFileSync(`${sysroot}/boot/loader/${name}`, 'latin1')).not.toContain(kernel);
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual(WHOLE);
  });
});

describe('a grub.cfg that GRUB made', () => {
  function theirs(sysroot: string, more: string): void {
    const text = fs.readFileSync(`${sysroot}/boot/loader/grub.cfg`, 'utf8');
    fs.writeFileSync(
      `${sysroot}/boot/loader/grub.cfg`,
      `# of grub2-mkconfig\n### BEGIN /etc/grub.d/15_ostree ###\n${text}${more}### END /etc/grub.d/15_ostree ###\n`,
    );
  }

  test('is checked for the kernels and the boot links only', () => {
    const sysroot = withLoader('grub.cfg');
    theirs(sysroot, 'whatever\n');
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual(WHOLE);
  });

  test('that boots what no entry boots is told', () => {
    const sysroot = withLoader('grub.cfg');
    theirs(sysroot, `linux /x ostree=/ostree/boot.1/testos/${'0'.repeat(64)}/0\n`);
    expect(board('x86-64', sysroot, ['fsck-boot']).stderr).toContain('which no entry does');
  });

  test('of which GRUB reads another one than ours is no concern', () => {
    const sysroot = withLoader('grub.cfg');
    fs.rmSync(`${sysroot}/boot/grub2/grub.cfg`);
    fs.writeFileSync(`${sysroot}/boot/grub2/grub.cfg`, 'insmod blscfg\nblscfg\n');
    fs.rmSync(`${sysroot}/boot/loader/grub.cfg`);
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual(WHOLE);
  });

  test('nor is one with sysroot.bootloader=none', () => {
    const sysroot = withLoader('grub.cfg');
    run('/usr/bin/ostree', ['config', `--repo=${sysroot}/ostree/repo`, 'set', 'sysroot.bootloader', 'none']);
    fs.rmSync(`${sysroot}/boot/loader/grub.cfg`);
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual(WHOLE);
  });
});

test('ostree admin, yum-ostree and yum-ostree-boot say the same as data', async () => {
  const sysroot = withLoader('grub.cfg');
  const file = fs.realpathSync(`${sysroot}/boot/loader/grub.cfg`);
  fs.rmSync(file);
  const path = file.slice(sysroot.length);
  const finding = (repaired: boolean): unknown => ({
    findings: [{ path, what: 'it is missing', repaired }],
    done: repaired ? [`${path} written anew from the entries`] : [],
    warnings: [],
  });
  const said = board('x86-64', sysroot, ['fsck-boot', '--json']);
  expect(said.status).toBe(1);
  expect(JSON.parse(said.stdout)).toEqual(finding(false));
  let text = '';
  const context = {
    sys: loadSyscalls(),
    env: { OSTREE_SYSROOT: sysroot },
    isTerminal: false,
    out: (more: string) => void (text += more),
    err: () => undefined,
  };
  await expect(runYumOstree(['fsck-boot', '--json'], context)).rejects.toThrow('it is missing');
  expect(JSON.parse(text)).toEqual(finding(false));
  expect(JSON.parse(await ourAdmin(sysroot, ['fsck-boot', '--repair', '--json']))).toEqual(finding(true));
  text = '';
  expect(await runYumOstree(['fsck-boot', '--json'], context)).toBe(0);
  expect(JSON.parse(text)).toEqual({ findings: [], done: [], warnings: [] });
});
