/**
 * Records what a C ostree-prepare-root makes of the cases, to be compared with in prepare-root-compare.test.ts:
 *   node test/root/record-prepare-root.ts build/ostree-sid/usr > test/root/prepare-root-2026.4.json
 * where the chroot holds ostree-boot of that version (newer-ostree.ts). Needs root.
 */
import { BOOT_CASES, bootCase, C_PREPARE_ROOT } from './prepare-root-cases.ts';

const usr = process.argv[2];
if (usr === undefined) throw new Error('usage: record-prepare-root.ts USR');
const outcomes = Object.fromEntries(
  BOOT_CASES.map((boot) => [boot.name, bootCase(boot, C_PREPARE_ROOT, usr)]),
);
process.stdout.write(JSON.stringify(outcomes, null, 2) + '\n');
