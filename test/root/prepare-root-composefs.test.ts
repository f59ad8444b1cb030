/** Our prepare-root beside that of ostree 2026.4, run live, on sysroots that the C ostree made. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { COMPOSEFS_CASES, enabled, SIGNED_CASES } from './composefs-cases.ts';
import { makeComposefsSysroot, removeSysroot, type ComposefsSysroot } from './composefs-sysroot.ts';
import { newerOstree } from './newer-ostree.ts';
import { underOlderKernel } from './older-kernel.ts';
import { bootComposefs, C_PREPARE_ROOT, type BootOutcome } from './prepare-root-cases.ts';
import { asOurs } from './prepare-root-differences.ts';

/** The compact executable. */
const OURS: readonly string[] = [compactPrepareRoot()];

let sysroot: ComposefsSysroot;
beforeAll(() => {
  sysroot = makeComposefsSysroot();
});
afterAll(() => removeSysroot(sysroot));

describe('as ostree 2026.4', () => {
  test.for(COMPOSEFS_CASES.map((boot) => [boot.name, boot] as const))('%s', ([name, boot]) => {
    const usr = `${newerOstree()}/usr`;
    const theirs = bootComposefs(boot, sysroot, { program: C_PREPARE_ROOT, usr });
    const expected: BootOutcome = { ...asOurs(theirs), ...BETTER[name] };
    expect(bootComposefs(boot, sysroot, { program: OURS })).toEqual(expected);
  });
});

/** Refused before anything is changed, propagation included. */
const UNCHANGED = { mounts: ['/sysroot / rw shared'] };

const keysMissing = (file: string): Partial<BootOutcome> => ({
  message: `ostree-prepare-root: Parsing rootfs config: Reading public key file '${file}': No such file or directory`,
});

/** docs/prepare-root.md gives the reasons. */
const BETTER: Readonly<Record<string, Partial<BootOutcome>>> = {
  'maybe, root.transient, no image': UNCHANGED,
  'kernel argument signed': UNCHANGED,
  'signed, no signature': UNCHANGED,
  'yes, no image': UNCHANGED,
  'verity, no image': UNCHANGED,
  'signed, detached metadata without signatures': UNCHANGED,
  // Without GLib's own words, which say the file's name again.
  'signed, no key file': keysMissing('/etc/ostree/initramfs-root-binding.key'),
  'signed, another key file': keysMissing('/etc/other.key'),
  'kernel argument no over signed, no key': keysMissing('/etc/ostree/initramfs-root-binding.key'),
};

test('/run/ostree may exist: /var and /boot are mounted here then', () => {
  const boot = { name: 'marked', config: '[composefs]\nenabled=yes\n' };
  const plain = bootComposefs(boot, sysroot, { program: OURS });
  const files = { '/run/ostree/initramfs-mount-var': '' };
  const marked = bootComposefs({ ...boot, files }, sysroot, { program: OURS });
  const state = ['/sysroot/boot /boot rw private', '/sysroot/var /ostree/deploy/os/var rw shared'];
  expect(marked).toEqual({ ...plain, mounts: [...plain.mounts, ...state].sort() });
});

describe('signed', () => {
  test.for(SIGNED_CASES.map((boot) => [boot.name, boot] as const))('%s', ([, boot]) => {
    const { status, message, mounts, booted } = bootComposefs(boot, sysroot, { program: OURS });
    expect(message).toContain(`ostree-prepare-root: ${boot.message}`);
    expect({ status, mounts, booted }).toMatchObject({ status: 1, booted: null });
    expect(mounts).toHaveLength(1);
  });
});

const TRANSIENT_ROOT = '[root]\ntransient=true\n';
const NO_FSOPEN = 'fsopen:error=ENOSYS';

/** What they answer; the number of an option differs between the programs, as that of the options before it does. */
const OLDER_KERNELS = [
  { name: 'Linux before 6.8, which has no lowerdir+: yes', config: enabled('yes'), ...unknownFrom(8) },
  { name: 'Linux before 6.8: verity', config: enabled('verity'), ...unknownFrom(9) },
  {
    name: 'Linux before 6.8: root.transient',
    config: enabled('yes', TRANSIENT_ROOT),
    ...unknownFrom(8),
  },
  { name: 'Linux before 5.2, which has no fsopen: yes', config: enabled('yes'), ...both(NO_FSOPEN) },
  { name: 'Linux before 5.2: verity', config: enabled('verity'), ...both(NO_FSOPEN) },
  {
    name: 'Linux before 5.2: root.transient',
    config: enabled('yes', TRANSIENT_ROOT),
    ...both(NO_FSOPEN),
  },
  {
    name: 'Linux before 6.5, which has no layers of data only: yes',
    config: enabled('yes'),
    ...both(NO_FSOPEN, 'mount:error=EINVAL:when=3'),
  },
];

interface Injections {
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

function both(...injections: readonly string[]): Injections {
  return { ours: injections, theirs: injections };
}

/** The C program first tries an option that no kernel has. */
function unknownFrom(option: number): Injections {
  const [ours = '', theirs = ''] = [option, option + 1].map((at) => `fsconfig:error=EINVAL:when=${at}+`);
  return { ours: [ours], theirs: [theirs] };
}

test.for(OLDER_KERNELS.map((boot) => [boot.name, boot] as const))(
  'as ostree 2026.4 on %s',
  ([, { ours, theirs, ...boot }]) => {
    const usr = `${newerOstree()}/usr`;
    const expected = bootComposefs(boot, sysroot, { program: underOlderKernel(theirs, C_PREPARE_ROOT), usr });
    expect(expected.mounts[0]).toContain('(r');
    expect(expected.mounts[0]).not.toContain('lowerdir+');
    expect(bootComposefs(boot, sysroot, { program: underOlderKernel(ours, OURS) })).toEqual(asOurs(expected));
  },
);
