/** Our prepare-root beside that of ostree 2026.4, run live, on sysroots that the C ostree made. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { COMPOSEFS_CASES, SIGNED_CASES } from './composefs-cases.ts';
import { makeComposefsSysroot, removeSysroot, type ComposefsSysroot } from './composefs-sysroot.ts';
import { newerOstree } from './newer-ostree.ts';
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
