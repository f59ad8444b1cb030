/** `yum-ostree-boot fsck-boot` on sysroots with something broken; the C ostree says whether they are whole again. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ARCHITECTURES, board, copyOf, everything, makePattern, type Pattern } from './board-program.ts';
import { makeScratch, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

let scratch: string;
let pattern: Pattern;
beforeAll(() => {
  scratch = makeScratch();
  pattern = makePattern(scratch);
});
afterAll(() => {
  removeScratch(scratch);
});

/** The boot links in use, by the commit they lead to. */
function bootLinks(sysroot: string): Map<string, string> {
  const links = fs
    .globSync(`${sysroot}/ostree/boot.0/testos/*/*`)
    .map((link) => [fs.readlinkSync(link).slice(-66, -2), link] as const);
  return new Map(links);
}

function bootLink(sysroot: string, commit: string): string {
  const link = bootLinks(sysroot).get(commit);
  if (link === undefined) throw new Error(`no boot link of ${commit}`);
  return link;
}

function kernelFile(sysroot: string, glob: string): string {
  const [file] = fs.globSync(`${sysroot}/boot/ostree/*/${glob}`);
  if (file === undefined) throw new Error(`no ${glob} in /boot`);
  return file;
}

interface Damage {
  readonly name: string;
  readonly damage: (sysroot: string) => void;
  /** A part of what fsck-boot says. */
  readonly told: string;
}

const MENDED: readonly Damage[] = [
  {
    name: 'a boot link that is gone',
    damage: (sysroot) => fs.rmSync(bootLink(sysroot, pattern.commits[1])),
    told: 'leads to no deployment',
  },
  {
    name: 'a boot link that leads nowhere',
    damage: (sysroot) => {
      const link = bootLink(sysroot, pattern.commits[0]);
      fs.rmSync(link);
      fs.symlinkSync(`../../../deploy/testos/deploy/${'0'.repeat(64)}.0`, link);
    },
    told: 'leads to no deployment',
  },
  {
    name: 'all boot links gone',
    damage: (sysroot) =>
      fs.globSync(`${sysroot}/ostree/boot.*`).forEach((link) => fs.rmSync(link, { recursive: true })),
    told: 'it leads neither to /ostree/boot.0.0 nor to /ostree/boot.0.1',
  },
  {
    name: 'the link to the boot links gone',
    damage: (sysroot) => fs.rmSync(`${sysroot}/ostree/boot.0`),
    told: 'it leads neither to /ostree/boot.0.0 nor to /ostree/boot.0.1',
  },
  {
    name: 'no /boot/loader',
    damage: (sysroot) => fs.rmSync(`${sysroot}/boot/loader`),
    told: '/boot/loader: it leads neither to loader.0 nor to loader.1',
  },
  {
    name: 'a kernel that is gone',
    damage: (sysroot) => fs.rmSync(kernelFile(sysroot, 'vmlinuz-*')),
    told: 'is missing, or not as it is in the deployment',
  },
  {
    name: 'an initramfs that is cut short',
    damage: (sysroot) => {
      const file = kernelFile(sysroot, 'initramfs-*');
      fs.rmSync(file);
      fs.writeFileSync(file, 'initr');
    },
    told: 'is missing, or not as it is in the deployment',
  },
  {
    name: 'a device tree without one of its files',
    damage: (sysroot) => fs.rmSync(kernelFile(sysroot, 'dtb/vendor/other.dtb')),
    told: 'vendor/other.dtb is missing, or not as it is in the deployment',
  },
];

/** Boot links may be in the other set of the two. */
function withoutSets(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.startsWith('ostree/boot.'));
}

test('a whole sysroot is whole', () => {
  expect(board('x86-64', pattern.sysroot, ['fsck-boot'])).toEqual({ status: 0, stdout: '', stderr: '' });
});

test.for(MENDED)('$name is told, and mended', ({ name, damage, told }) => {
  const sysroot = copyOf(pattern.sysroot, name.replaceAll(/\W/g, '-'));
  damage(sysroot);
  const damaged = everything(sysroot);
  const said = board('x86-64', sysroot, ['fsck-boot']);
  expect(said).toMatchObject({ status: 1, stdout: '' });
  expect(said.stderr).toContain('error: the boot menu of this sysroot is damaged:\n');
  expect(said.stderr).toContain(told);
  expect(everything(sysroot)).toEqual(damaged);

  const mended = board('x86-64', sysroot, ['fsck-boot', '--repair']);
  expect(mended).toMatchObject({ status: 0, stderr: '' });
  expect(mended.stdout).toMatch(/^repaired: /);
  expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(theirAdmin(sysroot, ['status'])).toBe(theirAdmin(pattern.sysroot, ['status']));
  expect(withoutSets(everything(sysroot))).toEqual(withoutSets(everything(pattern.sysroot)));
  expect([...bootLinks(sysroot).keys()].sort()).toEqual([...pattern.commits].sort());
});

describe('the partition of systemd-boot', () => {
  let number = 0;
  function withPartition(): string {
    const sysroot = copyOf(pattern.sysroot, `partition-${number++}`);
    fs.mkdirSync(`${sysroot}/efi`);
    const config = ['config', `--repo=${sysroot}/ostree/repo`, 'set', 'yum-ostree.boot-partition', 'efi'];
    run('/usr/bin/ostree', config);
    expect(board('x86-64', sysroot, ['cleanup'])).toMatchObject({ status: 0, stderr: '' });
    return sysroot;
  }
  const found = (sysroot: string, glob: string): string => {
    const [name = ''] = fs.globSync(glob, { cwd: `${sysroot}/efi` });
    return `${sysroot}/efi/${name}`;
  };

  test.each([
    ['a kernel is gone', 'ostree/*/vmlinuz', (file: string) => fs.rmSync(file), /vmlinuz is missing/],
    [
      'a kernel is cut short',
      'ostree/*/vmlinuz',
      (file: string) => fs.truncateSync(file, 3),
      /vmlinuz: it is not as \/boot\/ostree/,
    ],
    [
      'an entry is gone',
      'loader/entries/*',
      (file: string) => fs.rmSync(file),
      /the entries are not those of \/boot\/loader\/entries/,
    ],
  ] as const)('%s: it is told, and mended', (_, glob, damage, told) => {
    const sysroot = withPartition();
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual({ status: 0, stdout: '', stderr: '' });
    damage(found(sysroot, glob));
    const said = board('x86-64', sysroot, ['fsck-boot']);
    expect(said.status).toBe(1);
    expect(said.stderr).toMatch(told);
    const mended = board('x86-64', sysroot, ['fsck-boot', '--repair']);
    expect(mended).toMatchObject({ status: 0, stderr: '' });
    expect(mended.stdout).toMatch(/^repaired: \/efi\/\S+ written anew from the entries$/m);
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('an entry that boots nothing is set aside, where another one is left', () => {
  const entries = (sysroot: string): string[] => fs.readdirSync(`${sysroot}/boot/loader/entries`).sort();

  test.each([
    ['garbage', (file: string) => fs.writeFileSync(file, 'garbage\n')],
    ['empty', (file: string) => fs.writeFileSync(file, '')],
    ['without ostree=', (file: string) => fs.writeFileSync(file, 'title x\noptions root=x\n')],
    [
      'of a deployment that is gone',
      (_file: string, sysroot: string) => {
        const directory = path.join(sysroot, 'ostree/deploy/testos/deploy', `${pattern.commits[0]}.0`);
        run('chattr', ['-i', directory]);
        fs.rmSync(directory, { recursive: true });
      },
    ],
  ] as const)('%s', (name, damage) => {
    const sysroot = copyOf(pattern.sysroot, `aside-${name.replaceAll(/\W/g, '-')}`);
    const [file = '', other = ''] = entries(sysroot);
    damage(`${sysroot}/boot/loader/entries/${file}`, sysroot);
    expect(board('x86-64', sysroot, ['status']).stderr).toContain(
      "hint: 'yum-ostree-boot fsck-boot --repair' sets aside an entry that boots nothing\n",
    );
    expect(board('x86-64', sysroot, ['fsck-boot', '--repair'])).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining(
        `entries/${file} set aside as ${file}.damaged: it boots nothing\n`,
      ) as string,
    });
    expect(entries(sysroot)).toEqual([`${file}.damaged`, other].sort());
    expect(board('x86-64', sysroot, ['fsck-boot'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(theirAdmin(sysroot, ['status'])).toContain(pattern.commits[1]);
    expect(board('x86-64', sysroot, ['cleanup']).status).toBe(0);
  });
});

describe('what is not clear is not guessed', () => {
  function expectLeftAlone(sysroot: string, told: string): void {
    const damaged = everything(sysroot);
    const said = board('x86-64', sysroot, ['fsck-boot', '--repair']);
    expect(said).toMatchObject({ status: 1, stdout: '' });
    expect(said.stderr).toContain(told);
    expect(everything(sysroot)).toEqual(damaged);
  }

  test('/boot/loader is a directory', () => {
    const sysroot = copyOf(pattern.sysroot, 'loader-directory');
    fs.rmSync(`${sysroot}/boot/loader`);
    fs.mkdirSync(`${sysroot}/boot/loader`);
    expectLeftAlone(
      sysroot,
      '/boot/loader: it is no symbolic link: move it away, then --repair makes the link',
    );
  });

  test('no entry boots anything', () => {
    const sysroot = copyOf(pattern.sysroot, 'all-garbage');
    for (const file of fs.globSync(`${sysroot}/boot/loader/entries/*`)) fs.writeFileSync(file, 'garbage\n');
    expectLeftAlone(sysroot, 'it has no kernel argument ostree=');
  });

  test('two deployments with the same kernel have both lost their links', () => {
    const sysroot = copyOf(pattern.sysroot, 'ambiguous');
    theirAdmin(sysroot, ['deploy', '--os=testos', '--retain', 'os/2']);
    for (const set of fs.globSync(`${sysroot}/ostree/boot.1*`)) fs.rmSync(set, { recursive: true });
    expectLeftAlone(sysroot, 'leads to no deployment');
  });
});

test.for(ARCHITECTURES.filter((one) => one !== 'x86-64'))('%s mends the same', (architecture) => {
  const sysroot = copyOf(pattern.sysroot, `fsck-${architecture}`);
  fs.rmSync(bootLink(sysroot, pattern.commits[1]));
  fs.rmSync(kernelFile(sysroot, 'vmlinuz-*'));
  expect(board(architecture, sysroot, ['fsck-boot']).status).toBe(1);
  expect(board(architecture, sysroot, ['fsck-boot', '--repair'])).toMatchObject({ status: 0, stderr: '' });
  expect(theirAdmin(sysroot, ['status'])).toBe(theirAdmin(pattern.sysroot, ['status']));
});
