/** Our prepare-root beside the C ones: 2026.4 in a chroot, 2022.7 of this machine. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { MS } from '#native/syscalls.ts';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import {
  BOOT_CASES,
  bootCase,
  C_PREPARE_ROOT,
  type BootCase,
  type BootOutcome,
} from './prepare-root-cases.ts';
import { newerOstree } from './newer-ostree.ts';
import { asOurs } from './prepare-root-differences.ts';
import { UNDER_NODE } from './scratch-initramfs.ts';
import { OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

/** The compact executable. */
const OURS: readonly string[] = [compactPrepareRoot()];

const RECORDED = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, 'prepare-root-2026.4.json'), 'utf8'),
) as Readonly<Record<string, BootOutcome>>;

describe('as ostree 2026.4', () => {
  const usr = newerUsr();

  test.for(BOOT_CASES.map((boot) => [boot.name, boot] as const))('%s', ([name, boot]) => {
    const recorded = RECORDED[name];
    if (recorded === undefined) throw new Error(`'${name}' is not recorded: run record-prepare-root.ts`);
    if (usr !== null) expect(bootCase(boot, C_PREPARE_ROOT, usr)).toEqual(recorded);
    const expected = { ...asOurs(recorded), ...BETTER_THAN_2026[name] };
    expect(bootCase(boot, OURS)).toEqual(expected);
  });
});

/** null where there is no chroot: then what was recorded when there was one is compared. */
function newerUsr(): string | null {
  try {
    return `${newerOstree()}/usr`;
  } catch (error) {
    process.stderr.write(
      `\n*** NOT BESIDE THE PROGRAM, ONLY BESIDE ITS RECORD (prepare-root-2026.4.json): ${String(error)} ***\n\n`,
    );
    return null;
  }
}

/** docs/prepare-root.md gives the reasons. */
const BETTER_THAN_2026: Readonly<Record<string, Partial<BootOutcome>>> = {
  // /run/ostree may exist.
  'var to be mounted here': withStateMounts('plain'),
  'var to be mounted here, read-only': withStateMounts('sysroot.readonly'),
  // Refused before anything is changed, propagation included.
  'root.transient without composefs': { mounts: ['/sysroot / rw shared'] },
  'composefs.enabled=yes': { mounts: ['/sysroot / rw shared'] },
  // What was mounted is unmounted again, and the step is named.
  'hotfix on a read-only root': {
    mounts: ['/sysroot / ro private'],
    message:
      'ostree-prepare-root: Failed to mount overlay on /sysroot.tmp/usr (lowerdir=/sysroot.tmp/usr,upperdir=.usr-ovl-upper,workdir=.usr-ovl-work) read-only: Invalid argument',
  },
  // The file and the line are named.
  'a value that is no boolean': {
    message:
      'ostree-prepare-root: Failed to parse sysroot.readonly value: [sysroot] readonly=sometimes is neither true nor false',
  },
  'a line that is none': {
    message:
      "ostree-prepare-root: Failed to parse config: /etc/ostree/prepare-root.conf:1: 'readonly' is not a group, key=value or comment",
  },
};

/** The generator leaves them to prepare-root then. */
function withStateMounts(name: string): Partial<BootOutcome> {
  const state = ['/sysroot/boot /boot rw private', '/sysroot/var /ostree/deploy/os/var rw shared'];
  return { ...RECORDED[name], mounts: [...(RECORDED[name]?.mounts ?? []), ...state].sort() };
}

describe('as the ostree 2022.7 of this machine, but for the differences that are listed', () => {
  test('it is 2022.7', () => {
    expect(fs.existsSync(C_PREPARE_ROOT[0] ?? ''), 'the package ostree-boot is not installed').toBe(true);
  });

  test.for(BOOT_CASES.map((boot) => [boot.name, boot] as const))('%s', ([, boot]) => {
    const ours = bootCase(withoutNewInputs(boot), OURS);
    expect(bootCase(boot, C_PREPARE_ROOT)).toEqual(asIn2022(ours, boot));
  });
});

/** 2022.7 reads neither prepare-root.conf (2023.6), nor Android's arguments (2023.4), nor a second argument (2025.3). */
function withoutNewInputs(boot: BootCase): BootCase {
  const { config: _config, cmdline, arguments: given, ...rest } = boot;
  const words = cmdline?.split(' ').filter((word) => !word.startsWith('androidboot.'));
  const first = given?.slice(0, 1);
  return {
    ...rest,
    ...(words === undefined
      ? {}
      : { cmdline: words.filter((word) => !word.includes('composefs=')).join(' ') }),
    ...(first === undefined ? {} : { arguments: first }),
  };
}

function asIn2022(ours: BootOutcome, boot: BootCase): BootOutcome {
  if (boot.sysrootFlags === MS.RDONLY && boot.legacyReadonly === true) return refusedReadonly();
  if (boot.sysrootFlags === MS.RDONLY && boot.hotfix === true) return hotfixMadeWritable();
  if (ours.status !== 0) return { ...ours, message: messageIn2022(ours.message ?? '') };
  return {
    ...ours,
    mounts: mountsIn2022(ours.mounts, boot.mountPoint ?? '/sysroot'),
    booted: [],
    leftovers: [
      ...(boot.files === undefined ? [] : ['40755 /run/ostree']),
      '100640 /run/ostree-booted',
      ...(boot.legacyReadonly === true ? ['100644 /run/ostree-sysroot-ro.stamp'] : []),
    ],
  };
}

/** `/boot` was bound here until 2026.1; `/var` is a shared slave since 2024.8; the overlay's lower layer was relative. */
function mountsIn2022(mounts: readonly string[], mountPoint: string): string[] {
  const flags = mounts[0]?.split(' ')[2] ?? '';
  const boot = `${mountPoint}/boot /boot ${flags} private`;
  return [...mounts.filter((line) => line !== boot), boot]
    .map((line) => line.replace('/var rw shared', '/var rw private'))
    .map((line) => line.replace('lowerdir=/sysroot.tmp/usr', 'lowerdir=usr'))
    .sort();
}

function messageIn2022(message: string): string {
  return message.endsWith('No ostree target found')
    ? 'ostree-prepare-root: No OSTree target; expected ostree=/ostree/boot.N/...'
    : message;
}

/** No longer asked for since 2025. The deployment stays mounted on itself. */
function refusedReadonly(): BootOutcome {
  return {
    status: 1,
    message: 'ostree-prepare-root: sysroot.readonly=true requires /sysroot to be writable at this point',
    mounts: [
      '/sysroot / ro private',
      '/sysroot/ostree/deploy/os/deploy/aaaa.0 /ostree/deploy/os/deploy/aaaa.0 ro private',
    ],
    booted: null,
    leftovers: [],
  };
}

/** It remounted the root writable, against the `ro` of the command line. */
function hotfixMadeWritable(): BootOutcome {
  return {
    status: 0,
    message: null,
    mounts: [
      '/sysroot /ostree/deploy/os/deploy/aaaa.0 rw private',
      '/sysroot/boot /boot ro private',
      '/sysroot/sysroot / ro private',
      '/sysroot/usr overlay(lowerdir=usr,upperdir=.usr-ovl-upper,workdir=.usr-ovl-work) rw private',
    ],
    booted: [],
    leftovers: ['100640 /run/ostree-booted'],
  };
}

test('a mount point that is named through a link', () => {
  const plain = bootCase({ name: 'plain' }, OURS);
  const linked = { name: 'linked', cmdline: OSTREE_ARGUMENT, arguments: ['/proc/self/root/sysroot'] };
  expect(bootCase(linked, OURS)).toEqual(plain);
  expect(bootCase(linked, C_PREPARE_ROOT).mounts).toContain('/sysroot/sysroot / rw private');
});

test('[yum-ostree] mount-var=true binds /var as the marker does', () => {
  const marked = bootCase({ name: 'marker', files: { '/run/ostree/initramfs-mount-var': '' } }, OURS);
  const configured = bootCase({ name: 'config', config: '[yum-ostree]\nmount-var=true\n' }, OURS);
  expect(configured).toEqual(marked);
});

describe('under Node, as the compact executable', () => {
  const FEW = [
    'plain',
    'sysroot.readonly of the repository',
    'hotfix',
    'etc.transient',
    'an Android slot that is not there',
    'a link that is not there',
    'a line that is none',
  ];

  test.for(FEW)('%s', (name) => {
    const boot = BOOT_CASES.find((one) => one.name === name) ?? { name };
    expect(bootCase(boot, UNDER_NODE)).toEqual(bootCase(boot, OURS));
  });
});
