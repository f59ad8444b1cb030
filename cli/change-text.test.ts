import { expect, test } from 'vitest';
import { outcomeJson, planText } from '#cli/change-text.ts';
import { parseNevra } from '#layering/nevra.ts';
import { NO_DIFFERENCE } from '#layering/package-diff.ts';
import type { ChangePlan } from '#layering/change.ts';
import { INITRAMFS_OF_TREE } from '#layering/initramfs-request.ts';
import type { Checksum } from '#ostree/format/checksum.ts';

const PLAN: ChangePlan = {
  treeName: 'base+nano',
  baseCommit: 'a'.repeat(64) as Checksum,
  baseChange: {
    from: { checksum: 'b'.repeat(64) as Checksum, version: '1', timestamp: 0 },
    to: { checksum: 'a'.repeat(64) as Checksum, version: '2', timestamp: 60 },
    packages: { ...NO_DIFFERENCE, added: [parseNevra('vim-1-1.noarch')] },
  },
  install: [
    {
      nevra: 'nano-1-1.x86_64',
      repo: 'r',
      reason: 'requested',
      packageSize: 64_000,
      installedSize: 1_000_000,
    },
  ],
  kept: ['time-1-1.x86_64'],
  remove: ['vi-1-1.x86_64'],
  restore: ['hostname-3-1.x86_64'],
  inactive: [],
  replace: [],
  inactiveOverrides: [],
  downloadSize: 64_000,
  installedSize: 1_000_000,
  initramfs: INITRAMFS_OF_TREE,
};

test('a plan tells what comes, comes back, goes and stays', () => {
  expect(planText(PLAN)).toMatchInlineSnapshot(`
    "base+nano
      base 1 -> 2: 1 added
      + nano-1-1.x86_64      r              64 kB
      + hostname-3-1.x86_64  of the base
      - vi-1-1.x86_64
      1 package stays layered
    1 package, 64 kB; installed 1.0 MB
    "
  `);
  const same = { ...PLAN, baseChange: PLAN.baseChange && { ...PLAN.baseChange, packages: NO_DIFFERENCE } };
  const unnamed = {
    ...same,
    baseChange: same.baseChange && { ...same.baseChange, to: { ...same.baseChange.to, version: null } },
  };
  expect(planText(unnamed)).toContain('\n  base 1 of 1970-01-01T00:00:00Z -> 1970-01-01T00:01:00Z\n');
  expect(planText({ ...PLAN, baseChange: null })).not.toContain('  base ');
  expect(outcomeJson({ kind: 'planned', plan: PLAN })).toMatchObject({ restore: ['hostname-3-1.x86_64'] });
});
