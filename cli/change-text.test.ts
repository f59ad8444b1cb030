import { expect, test } from 'vitest';
import { outcomeJson, planText } from '#cli/change-text.ts';
import type { ChangePlan } from '#layering/change.ts';
import { INITRAMFS_OF_TREE } from '#layering/initramfs-request.ts';
import type { Checksum } from '#ostree/format/checksum.ts';

const PLAN: ChangePlan = {
  treeName: 'base+nano',
  baseCommit: 'a'.repeat(64) as Checksum,
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
      + nano-1-1.x86_64      r              64 kB
      + hostname-3-1.x86_64  of the base
      - vi-1-1.x86_64
      1 package stays layered
    1 package, 64 kB; installed 1.0 MB
    "
  `);
  expect(outcomeJson({ kind: 'planned', plan: PLAN })).toMatchObject({ restore: ['hostname-3-1.x86_64'] });
});
