import { describe, expect, sys as realCalls, test } from '#test/both-engines.ts';
import { mountComposefs, mountImage } from '#prepare-root/mount-image.ts';
import type { ComposefsMount } from '#prepare-root/mount-op.ts';
import type { Syscalls } from '#native/syscalls.ts';

const DIGEST = new Uint8Array(32).fill(5);
const IMAGE = { image: '/image', to: '/lower', digest: DIGEST };
const COMPOSEFS: ComposefsMount = {
  ...{ to: '/new', lower: '/lower', objects: '/objects' },
  ...{ verity: false, changes: null, readonly: true },
};

interface Kernel {
  /** The fs-verity digest of the image. */
  readonly measured?: Uint8Array | null;
  readonly header?: Uint8Array;
  /** The error of a call with this text in it, as many times. */
  readonly failing?: readonly (readonly [call: string, code: string])[];
}

const HEADER = new Uint8Array(32);
HEADER.set([0x9a, 0x62, 0x78, 0xd0]);

/** A kernel that only writes down what it is asked for. */
function recorded(kernel: Kernel, action: (sys: Syscalls) => void): string[] {
  const calls: string[] = [];
  const failing = [...(kernel.failing ?? [])];
  const record = (name: string, ...values: readonly unknown[]): void => {
    const call = [name, ...values.map((value) => (value === null ? '-' : `${value as string}`))].join(' ');
    calls.push(call);
    const at = failing.findIndex(([text]) => call.includes(text));
    const [failure] = at === -1 ? [] : failing.splice(at, 1);
    if (failure !== undefined) throw Object.assign(new Error(call), { code: failure[1] });
  };
  const { measured = DIGEST, header = HEADER } = kernel;
  const fake: Partial<Syscalls> = {
    open: () => 3,
    close: () => undefined,
    read: () => header,
    measureVerity: () => measured,
    attachLoop: () => (record('attachLoop'), 4),
    fsopen: (type) => (record('fsopen', type), 5),
    fsconfig: (_, key, value) => record('fsconfig', key, value),
    fsmount: (_, attributes) => (record('fsmount', attributes), 6),
    moveMount: (_, to) => record('moveMount', to),
    mount: (source, to, type, _, data) => record('mount', source, to, type, data),
  };
  action(Object.assign(Object.create(realCalls) as Syscalls, fake));
  return calls;
}

describe('the digest that was signed', () => {
  test('is that of the image: it is mounted', () => {
    expect(recorded({}, (sys) => mountImage(sys, IMAGE))).toEqual([
      'fsopen erofs',
      'fsconfig source /proc/self/fd/3',
      'fsconfig ro -',
      'fsconfig noacl -',
      'fsmount 1',
      'moveMount /lower',
    ]);
  });

  test.each<readonly [string, Uint8Array | null, string]>([
    ['another digest', new Uint8Array(32).fill(6), 'Wrong fsverity digest in composefs image'],
    ['a part of it', DIGEST.slice(0, 31), 'Wrong fsverity digest in composefs image'],
    ['a longer one, of SHA-512', new Uint8Array(64).fill(5), 'Wrong fsverity digest in composefs image'],
    ['no fs-verity', null, 'fsverity not enabled on composefs image'],
  ])('%s: nothing is mounted', (_, measured, message) => {
    const calls = recorded({ measured }, (sys) =>
      expect(() => mountImage(sys, IMAGE)).toThrow(`Failed to mount composefs: composefs: ${message}`),
    );
    expect(calls).toEqual([]);
  });

  test('is not asked for: an image without fs-verity is mounted', () => {
    const calls = recorded({ measured: null }, (sys) => mountImage(sys, { ...IMAGE, digest: null }));
    expect(calls).toContain('moveMount /lower');
  });
});

describe('the image on an older kernel', () => {
  test('before Linux 6.12: through a loop device', () => {
    const failing = [['fsmount', 'ENOTBLK']] as const;
    const calls = recorded({ failing }, (sys) => mountImage(sys, IMAGE));
    expect(calls.slice(5)).toEqual([
      'attachLoop',
      'fsopen erofs',
      'fsconfig source /proc/self/fd/4',
      'fsconfig ro -',
      'fsconfig noacl -',
      'fsmount 1',
      'moveMount /lower',
    ]);
  });

  test('before Linux 5.2: with mount(2), through a loop device too', () => {
    const failing = [
      ['fsopen', 'ENOSYS'],
      ['mount /proc/self/fd/3', 'ENOTBLK'],
      ['fsopen', 'ENOSYS'],
    ] as const;
    expect(recorded({ failing }, (sys) => mountImage(sys, IMAGE))).toEqual([
      'fsopen erofs',
      'mount /proc/self/fd/3 /lower erofs noacl',
      'attachLoop',
      'fsopen erofs',
      'mount /proc/self/fd/4 /lower erofs noacl',
    ]);
  });

  test('access control lists in the image stay', () => {
    const header = HEADER.slice();
    header[8] = 1;
    const failing = [['fsopen', 'ENOSYS']] as const;
    expect(recorded({ header, failing }, (sys) => mountImage(sys, IMAGE))).toContain(
      'mount /proc/self/fd/3 /lower erofs ',
    );
  });
});

describe('the overlay on an older kernel', () => {
  const OPTIONS = 'metacopy=on,redirect_dir=on';

  test('objects are data only where the kernel can, else a layer', () => {
    const failing = [
      ['lowerdir+', 'EINVAL'],
      ['::', 'EINVAL'],
    ] as const;
    expect(recorded({ failing }, (sys) => mountComposefs(sys, COMPOSEFS)).slice(-2)).toEqual([
      `mount composefs /new overlay ${OPTIONS},lowerdir=/lower::/objects`,
      `mount composefs /new overlay ${OPTIONS},lowerdir=/lower:/objects`,
    ]);
  });

  test('never as a layer where every file is to be checked', () => {
    const failing = [
      ['fsopen', 'ENOSYS'],
      ['::', 'EINVAL'],
    ] as const;
    const calls = recorded({ failing }, (sys) =>
      expect(() => mountComposefs(sys, { ...COMPOSEFS, verity: true })).toThrow('verity=require'),
    );
    expect(calls).toEqual([
      'fsopen overlay',
      `mount composefs /new overlay ${OPTIONS},verity=require,lowerdir=/lower::/objects`,
    ]);
  });

  test('another failure is no reason to try again', () => {
    const failing = [['fsmount', 'EPERM']] as const;
    const calls = recorded({ failing }, (sys) =>
      expect(() => mountComposefs(sys, COMPOSEFS)).toThrow('fsmount'),
    );
    expect(calls[calls.length - 1]).toBe('fsmount 1');
  });
});
