import { describe, expect, test } from '#test/both-engines.ts';
import { findBootPartition } from '#bootloader/boot-partition.ts';
import { formatPartitionName, parsePartitionName } from '#bootloader/partition-name.ts';
import {
  filesNamedIn,
  inMenuOrder,
  isLive,
  planPartition,
  sectorsOf,
  SECTOR,
  type PartitionFile,
  type WantedEntry,
} from '#bootloader/systemd-boot.ts';
import { parseBls, type BootTries } from '#ostree/format/bls.ts';
import { parseKeyFile } from '#ostree/format/keyfile.ts';
import { sys } from '#test/both-engines.ts';

const SUM = 'ab'.repeat(32);

function wanted(name: string, tries: BootTries | null = null, more = ''): WantedEntry {
  const directory = `/ostree/os-${SUM}`;
  const text =
    `title ${name}\nversion 9\noptions root=x ostree=/ostree/boot.1/os/${SUM}/0\n` +
    `linux ${directory}/vmlinuz-6.1\ninitrd ${directory}/initramfs-6.1.img\n${more}`;
  return { bls: parseBls(text), tries, deployment: name };
}

function filesOf(list: readonly WantedEntry[], found: readonly PartitionFile[] = []): PartitionFile[] {
  const { entries } = planPartition(list, found, null);
  return entries.map(({ name, text }, at) => ({ name, text, deployment: list[at]?.deployment ?? null }));
}

describe('names', () => {
  test.each<[string, string]>([
    ['yum-ostree-7.conf', '7 0 -'],
    ['yum-ostree-0-2-7.conf', '7 2 -'],
    ['yum-ostree-7+3.conf', '7 0 3,0'],
    ['yum-ostree-0-1-12+0-3.conf', '12 1 0,3'],
  ])('%s', (name, said) => {
    const parsed = parsePartitionName(name);
    const tries = parsed?.tries ?? null;
    const counters = tries === null ? '-' : `${tries.left},${tries.used}`;
    expect(`${parsed?.generation ?? '?'} ${parsed?.position ?? '?'} ${counters}`).toBe(said);
    expect(parsed === null ? null : formatPartitionName(parsed)).toBe(name);
  });

  test.for([
    'ostree-2.conf',
    'arch.conf',
    'yum-ostree-.conf',
    'yum-ostree-0.conf',
    'yum-ostree-0-0-7.conf',
    'yum-ostree-1-2-7.conf',
    'yum-ostree-7+.conf',
    'yum-ostree-7+a.conf',
    'yum-ostree-7+1-2-3.conf',
    'yum-ostree-7',
    'yum-ostree-7777777777.conf',
  ])('%s is not ours', (name) => {
    expect(parsePartitionName(name)).toBeNull();
  });
});

describe('plan', () => {
  test('the text of an entry, its first line in the first sector', () => {
    const [file] = filesOf([wanted('New')]);
    expect(`${file?.name ?? ''}\n${(file?.text ?? '').trimEnd()}`).toMatchInlineSnapshot(`
      "yum-ostree-1.conf
      linux /ostree/abababababababababababababababababababababababababababababababab/vmlinuz
      version 1
      sort-key yum-ostree
      title New
      initrd /ostree/abababababababababababababababababababababababababababababababab/initramfs.img
      options root=x ostree=/ostree/boot.1/os/abababababababababababababababababababababababababababababababab/0"
    `);
    expect(filesNamedIn(file?.text ?? '')).toEqual([`ostree/${SUM}/vmlinuz`, `ostree/${SUM}/initramfs.img`]);
  });

  test('with a blank first sector it is no entry; the rest is there', () => {
    const [file] = filesOf([wanted('x'.repeat(900))]);
    const { first, prepared } = sectorsOf(file?.text ?? '');
    expect(first).toHaveLength(SECTOR);
    expect(prepared.length).toBeGreaterThan(2 * SECTOR - 1);
    const text = String.fromCharCode(...prepared);
    expect(isLive({ text })).toBe(false);
    expect(String.fromCharCode(...first) + text.slice(SECTOR)).toBe(file?.text);
  });

  test('a generation comes before the one before, whatever of both is there', () => {
    const old = filesOf([wanted('B'), wanted('A'), wanted('Z')]);
    const fresh = filesOf([wanted('C'), wanted('B'), wanted('A')], old);
    expect(inMenuOrder(old).map(({ deployment }) => deployment)).toEqual(['B', 'A', 'Z']);
    for (let mask = 0; mask < 8; mask++) {
      const part = fresh.filter((_, at) => (mask & (1 << at)) !== 0);
      const [first] = inMenuOrder([...old, ...part]);
      expect(first?.deployment).toBe(mask & 1 ? 'C' : 'B');
      for (let gone = 0; gone < 8; gone++) {
        const kept = old.filter((_, at) => (gone & (1 << at)) === 0);
        expect(inMenuOrder([...kept, ...fresh])[0]?.deployment).toBe('C');
      }
    }
  });

  test('what is as wanted is left alone', () => {
    const list = [wanted('B'), wanted('A')];
    const found = filesOf(list);
    expect(planPartition(list, found, null).isCurrent).toBe(true);
    expect(planPartition([...list].reverse(), found, null).isCurrent).toBe(false);
    expect(planPartition(list, found.slice(1), null).isCurrent).toBe(false);
    expect(planPartition([], found, null)).toMatchObject({ isCurrent: false, entries: [], obsolete: found });
  });

  test('counters are what systemd-boot made of them; a default without tries left starts anew', () => {
    const counting = { left: 3, used: 0 };
    const found = filesOf([wanted('B', counting), wanted('A')]).map((file) => ({
      ...file,
      name: file.name.split('+3').join('+0-3'),
    }));
    expect(inMenuOrder(found).map(({ deployment }) => deployment)).toEqual(['A', 'B']);
    const names = (list: readonly WantedEntry[]): string[] =>
      planPartition(list, found, counting).entries.map(({ name }) => name);
    expect(names([wanted('A'), wanted('B', counting)])).toEqual([
      'yum-ostree-2.conf',
      'yum-ostree-0-1-2+0-3.conf',
    ]);
    expect(names([wanted('B', counting), wanted('A')])).toEqual([
      'yum-ostree-2+3.conf',
      'yum-ostree-0-1-2.conf',
    ]);
    expect(names([wanted('C', counting), wanted('A', counting)])).toEqual([
      'yum-ostree-2+3.conf',
      'yum-ostree-0-1-2.conf',
    ]);
  });

  test('overlay initrds and a device tree come along, a directory of device trees does not', () => {
    const overlay = `/ostree/initramfs-overlays/${SUM}.img`;
    const tree = `devicetree /boot/ostree/os-${SUM}/devicetree-6.1\nfdtdir /ostree/os-${SUM}/dtb\ninitrd ${overlay}\n`;
    const { kernels, entries } = planPartition([wanted('A', null, tree)], [], null);
    expect(kernels.map(({ source, target }) => `${source} ${target}`)).toEqual([
      `boot/ostree/os-${SUM}/vmlinuz-6.1 ostree/${SUM}/vmlinuz`,
      `boot/ostree/os-${SUM}/initramfs-6.1.img ostree/${SUM}/initramfs.img`,
      `boot/ostree/os-${SUM}/devicetree-6.1 ostree/${SUM}/devicetree.dtb`,
      `boot${overlay} ostree/initramfs-overlays/${SUM}.img`,
    ]);
    expect(entries[0]?.text).toContain(`initrd ${overlay}\n`);
    expect(entries[0]?.text.includes('dtb/')).toBe(false);
  });

  test.for([
    'linux /vmlinuz',
    'linux /ostree/../etc/passwd',
    'title no kernel',
    'linux /ostree/os/x/vmlinuz',
  ])('refused: %s', (line) => {
    const entry = { bls: parseBls(`${line}\noptions x\n`), tries: null, deployment: 'A' };
    expect(() => planPartition([entry], [], null)).toThrow('a boot entry');
  });
});

test('the partition of the configuration, or none', () => {
  const root = sys.open(-100, '/', ['read', 'directory']);
  const find = (text: string): string | null =>
    findBootPartition({ sys, fd: root }, parseKeyFile(text, 'config'), false);
  expect(find('[yum-ostree]\nboot-partition=/tmp\n')).toBe('tmp');
  expect(find('[yum-ostree]\nboot-partition=none\n')).toBeNull();
  expect(find('[sysroot]\nbootloader=none\n')).toBeNull();
  expect(() => find('[yum-ostree]\nboot-partition=/no/such\n')).toThrow("no boot partition at '/no/such'");
  sys.close(root);
});
