import { describe, expect, test } from '#test/both-engines.ts';
import { parseArguments } from '#prepare-root/arguments.ts';

const NOTHING = { cmdline: null, configFiles: null, printPlan: false };

describe('the arguments', () => {
  test.for([
    [['/sysroot'], { ...NOTHING, sysroot: '/sysroot' }],
    [['/sysroot', 'a b'], { ...NOTHING, sysroot: '/sysroot', cmdline: 'a b' }],
    [['--cmdline', 'a', '/x'], { ...NOTHING, sysroot: '/x', cmdline: 'a' }],
    [
      ['--print-plan', '--sysroot', '/x', '--config', 'a', '--config', 'b'],
      { sysroot: '/x', cmdline: null, configFiles: ['a', 'b'], printPlan: true },
    ],
  ] as const)('%j', ([argv, parsed]) => {
    expect(parseArguments(argv, false)).toEqual(parsed);
  });

  test('process 1 may get any words of the kernel command line', () => {
    expect(parseArguments(['single', '--x'], true)).toEqual({ ...NOTHING, sysroot: '/' });
    expect(parseArguments([], true)).toEqual({ ...NOTHING, sysroot: '/' });
    expect(parseArguments(['/sysroot'], true)).toEqual({ ...NOTHING, sysroot: '/sysroot' });
  });

  test.for([[[]], [['--what', '/x']], [['/x', 'a', 'b']], [['/x', '--cmdline']]] as const)(
    'refused: %j',
    ([argv]) => {
      expect(() => parseArguments(argv, false)).toThrow(
        'usage: ostree-prepare-root SYSROOT [KERNEL_CMDLINE]',
      );
    },
  );
});
