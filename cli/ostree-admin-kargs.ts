/** `ostree admin instutil set-kargs`, `kargs edit-in-place` and `instutil grub2-generate`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { verbGroup } from '#cli/verb-group.ts';
import {
  adminVerb,
  changeSysroot,
  readSysroot,
  several,
  type SysrootFlags,
} from '#cli/ostree-admin-context.ts';
import { runningKernelArgs } from '#cli/ostree-admin-deploy.ts';
import { grubGenerate, grubGenerator } from '#cli/ostree-admin-grub.ts';
import { addLabelVerb } from '#cli/ostree-admin-installer.ts';
import { bootList, describeSwap } from '#bootloader/next-boot.ts';
import { blsValue, formatBls, withBlsValue } from '#ostree/format/bls.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  appendKernelArgs,
  appendMissingKernelArgs,
  formatKernelArgs,
  parseKernelArgs,
  replaceKernelArg,
  requireKernelArg,
  type KernelArgs,
} from '#ostree/format/kernel-args.ts';
import { readEntries } from '#ostree/sysroot/load-state.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { replaceFile } from '#ostree/sysroot/write-file.ts';

interface SetKargsFlags extends SysrootFlags {
  readonly importProcCmdline?: boolean;
  readonly merge?: boolean;
  readonly replace: readonly string[];
  readonly append: readonly string[];
}

export function addKargsVerbs(admin: Command, context: CliContext): void {
  const instutil = verbGroup(admin.command('instutil').description('for installers').exitOverride(), context);
  addLabelVerb(instutil, context);
  adminVerb(instutil, 'set-kargs [args...]', 'Set new kernel command line arguments')
    .option('--import-proc-cmdline', 'start with those of the running kernel')
    .option('--merge', 'start with the present ones')
    .option('--replace <name=value>', 'replace', several, [])
    .option('--append <name=value>', 'add', several, [])
    .action(async (args: string[], flags: SetKargsFlags) =>
      changeSysroot(flags, context, (sysroot) => setKargs(sysroot, { args, flags }, context)),
    );
  adminVerb(
    instutil,
    'grub2-generate [bootversion]',
    'Generate GRUB2 configuration from boot entries',
  ).action((bootversion: string | undefined, flags: SysrootFlags) =>
    readSysroot(flags, context, (sysroot) => context.out(grubGenerate(sysroot, bootversion, context))),
  );
  const kargs = verbGroup(admin.command('kargs').description('kernel arguments').exitOverride(), context);
  adminVerb(kargs, 'edit-in-place', 'Modify the kernel arguments of all deployments in place')
    // ostree takes further words and ignores them.
    .allowExcessArguments(true)
    .option('--append-if-missing <name=value>', 'add where it is missing', several, [])
    .action(async (flags: SysrootFlags & { readonly appendIfMissing: readonly string[] }) =>
      changeSysroot(flags, context, (sysroot) => editInPlace(sysroot, flags.appendIfMissing)),
    );
}

function setKargs(
  sysroot: Sysroot,
  { args, flags }: { readonly args: readonly string[]; readonly flags: SetKargsFlags },
  context: CliContext,
): void {
  const [first, ...others] = sysroot.deployments;
  if (first === undefined) throw new UserError('NO_DEPLOYMENT', 'Unable to find a deployment in sysroot');
  const present = flags.merge === true ? first.kargs : [];
  const start: KernelArgs = flags.importProcCmdline === true ? runningKernelArgs(context) : present;
  const kargs = appendKernelArgs(flags.replace.reduce(replaceKernelArg, start), [...flags.append, ...args]);
  // A changed entry is a new one for boot counting.
  const list = [{ ...first, kargs, tries: null }, ...others];
  const result = bootList(sysroot, list, { generateGrub: grubGenerator(sysroot, context) });
  if (result.swap !== 'none') context.out(`${describeSwap(result)}\n`);
}

/** Each entry is replaced by itself; the boot loader's own file is not written anew (as with ostree). */
function editInPlace({ sys, fd, bootversion, deployments }: Sysroot, added: readonly string[]): void {
  if (deployments.length === 0) throw new UserError('NO_DEPLOYMENT', 'No deployments');
  for (const token of added) requireKernelArg(token);
  for (const { file, bls } of readEntries(sys, fd, bootversion)) {
    const options = parseKernelArgs(blsValue(bls, 'options') ?? '');
    const changed = formatKernelArgs(appendMissingKernelArgs(options, added));
    replaceFile(sys, fd, { path: file.slice(1), text: formatBls(withBlsValue(bls, 'options', changed)) });
  }
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    sys.syncfs(boot);
  } finally {
    sys.close(boot);
  }
}
