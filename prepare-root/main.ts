/** `ostree-prepare-root SYSROOT [KERNEL_CMDLINE]`: in the initramfs, before the root is switched to SYSROOT. */
import { parseArguments, USAGE, type Arguments } from '#prepare-root/arguments.ts';
import { readFacts, resolvePath } from '#prepare-root/facts.ts';
import { planReset } from '#prepare-root/leftovers.ts';
import { describeOp, type MountOp } from '#prepare-root/mount-op.ts';
import { parseMountTable } from '#prepare-root/mount-table.ts';
import { planRoot } from '#prepare-root/plan.ts';
import { reportFailure } from '#prepare-root/report-failure.ts';
import { run } from '#prepare-root/run.ts';
import { AT_FDCWD, MNT_DETACH, type Syscalls } from '#native/syscalls.ts';

const HELP = `${USAGE}

Makes the OSTree deployment that the kernel command line names the root at SYSROOT.

  --print-plan     print the steps and change nothing
  --cmdline TEXT   the kernel command line (default: that of /proc/cmdline)
  --config FILE    read this instead of the initramfs' prepare-root.conf; may be repeated
  --sysroot DIR    SYSROOT
`;

/** 0 done; 1 failed, with one message on standard error, and what was mounted is unmounted again. */
export function main(argv: readonly string[], sys: Syscalls): number {
  try {
    if (argv.includes('--help')) sys.write(1, HELP);
    else prepareRoot(sys, parseArguments(argv, sys.getpid() === 1));
    return 0;
  } catch (error) {
    return reportFailure(sys, 'ostree-prepare-root', error);
  }
}

function prepareRoot(sys: Syscalls, request: Arguments): void {
  if (request.printPlan) {
    const steps = planRoot(readFacts(sys, request));
    sys.write(1, steps.map((op) => `${describeOp(op)}\n`).join(''));
    return;
  }
  run(
    sys,
    withProc(sys, () => planOn(sys, request)),
  );
}

/** What earlier runs left is undone first: it would hide the facts. */
function planOn(sys: Syscalls, request: Arguments): readonly MountOp[] {
  const mounts = parseMountTable(sys.readText(AT_FDCWD, '/proc/self/mountinfo') ?? '');
  run(sys, planReset(mounts, resolvePath(sys, request.sysroot)));
  return planRoot(readFacts(sys, request));
}

/** Without an initramfs nobody has mounted `/proc` before process 1. */
function withProc<T>(sys: Syscalls, action: () => T): T {
  const missing = sys.getpid() === 1 && sys.stat(AT_FDCWD, '/proc/cmdline') === null;
  if (missing) sys.mount('proc', '/proc', 'proc', 0, null);
  try {
    return action();
  } finally {
    if (missing) sys.umount('/proc', MNT_DETACH);
  }
}
