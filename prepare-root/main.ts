/** `ostree-prepare-root SYSROOT [KERNEL_CMDLINE]`: in the initramfs, before the root is switched to SYSROOT. */
import { parseArguments, USAGE, type Arguments } from '#prepare-root/arguments.ts';
import { decide, type Attempt } from '#prepare-root/attempt.ts';
import { BOOTED_PATH } from '#prepare-root/booted.ts';
import { diagnose } from '#prepare-root/diagnose.ts';
import { resolvePath, type FactOptions } from '#prepare-root/facts.ts';
import { fallbackWarning } from '#prepare-root/fallback-record.ts';
import { planReset } from '#prepare-root/leftovers.ts';
import { describeOp } from '#prepare-root/mount-op.ts';
import { parseMountTable } from '#ostree/format/mount-table.ts';
import { WORK_ROOT } from '#prepare-root/plan.ts';
import { IMAGE_MOUNT } from '#prepare-root/root-steps.ts';
import { reasonOf } from '#prepare-root/reason.ts';
import { reportFailure } from '#prepare-root/report-failure.ts';
import { run } from '#prepare-root/run.ts';
import { readSituation } from '#prepare-root/situation.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { VERSION } from '#ostree/format/version.ts';
import { AT_FDCWD, MNT_DETACH, type Syscalls } from '#native/syscalls.ts';

const HELP = `${USAGE}

Makes the OSTree deployment that the kernel command line names the root at SYSROOT.

  --print-plan     print the steps and change nothing
  --cmdline TEXT   the kernel command line (default: that of /proc/cmdline)
  --config FILE    read this instead of the initramfs' prepare-root.conf; may be repeated
  --sysroot DIR    SYSROOT
  --version        print the version
`;

/** 0 done; 1 failed, with one message on standard error, and what was mounted is unmounted again. */
export function main(argv: readonly string[], sys: Syscalls): number {
  let request: Arguments | null = null;
  try {
    if (argv.includes('--help') || argv.includes('--version')) {
      sys.write(1, argv.includes('--help') ? HELP : `ostree-prepare-root (yum-ostree ${VERSION})\n`);
      return 0;
    }
    request = parseArguments(argv, sys.getpid() === 1);
    prepareRoot(sys, request);
    return 0;
  } catch (error) {
    return reportFailure(
      sys,
      'ostree-prepare-root',
      error,
      request === null ? [] : reportOn(sys, request, error),
    );
  }
}

/** Where the deployment, or all of the physical root, is not what was asked for, people need to see what is there. */
function reportOn(sys: Syscalls, request: FactOptions, error: unknown): readonly string[] {
  const isTarget = DIAGNOSED.includes(codeOf(error) ?? '');
  return isTarget ? withProc(sys, () => diagnose(readSituation(sys, request))) : [];
}

const DIAGNOSED: readonly string[] = [
  'NO_OSTREE_TARGET',
  'TARGET_MISSING',
  'TARGET_INVALID',
  'DEPLOYMENT_BROKEN',
];

function prepareRoot(sys: Syscalls, request: Arguments): void {
  withProc(sys, (ownProc) => {
    const options = { ...request, ownProc };
    const { steps, fallback } = request.printPlan ? decide(sys, options) : decideAnew(sys, options);
    if (fallback !== null) sys.write(2, fallbackWarning(fallback));
    if (request.printPlan) sys.write(1, steps.map((op) => `${describeOp(op)}\n`).join(''));
    else run(sys, steps);
  });
}

/** What earlier runs left is undone first: it would hide the facts. */
function decideAnew(sys: Syscalls, request: FactOptions): Attempt {
  if (sys.getpid() === 1 || TRACES.some((path) => sys.lstat(AT_FDCWD, path) !== null)) {
    const mounts = parseMountTable(sys.readText(AT_FDCWD, '/proc/self/mountinfo') ?? '');
    run(sys, planReset(mounts, resolvePath(sys, request.sysroot)));
  }
  return decide(sys, request);
}

/** Whatever `planReset` undoes, one of these is there; without, the kernel need not be asked for all mounts. */
const TRACES: readonly string[] = [WORK_ROOT, IMAGE_MOUNT, BOOTED_PATH];

/** Without an initramfs nobody has mounted `/proc` before process 1. An image is mounted through it. */
function withProc<T>(sys: Syscalls, action: (ownProc: boolean) => T): T {
  const missing = sys.getpid() === 1 && sys.stat(AT_FDCWD, '/proc/cmdline') === null;
  if (missing) mountProc(sys);
  try {
    return action(missing);
  } finally {
    if (missing) sys.umount('/proc', MNT_DETACH);
  }
}

/** Where the physical root has no such directory, the kernel's panic alone would not say what to do. */
function mountProc(sys: Syscalls): void {
  try {
    sys.mount('proc', '/proc', 'proc', 0, null);
  } catch (cause) {
    throw new UserError('BOOT_STEP_FAILED', `Failed to mount /proc: ${reasonOf(cause)}`, {
      hint: "without an initramfs the physical root needs /proc: 'ostree admin init-fs' without --modern makes it",
      cause,
    });
  }
}
