/** `ostree admin post-copy`, `state-overlay` and `instutil selinux-ensure-labeled`: for installers and units. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { adminVerb, changeSysroot, readSysroot, type SysrootFlags } from '#cli/ostree-admin-context.ts';
import { currentDirectory } from '#cli/ostree-admin-status.ts';
import { UserError } from '#ostree/format/errors.ts';
import { updatePostCopy } from '#ostree/sysroot/post-copy.ts';
import { mountStateOverlay } from '#ostree/sysroot/state-overlay.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { deployedPolicy, ensureLabels } from '#layering/ensure-labels.ts';

export function addInstallerVerbs(admin: Command, context: CliContext): void {
  adminVerb(admin, 'post-copy', 'Update the repo and deployments as needed after a copy').action(
    async (flags: SysrootFlags) => changeSysroot(flags, context, updatePostCopy),
  );
  adminVerb(admin, 'state-overlay <name> <path>', 'Mount a state overlay over a directory').action(
    (name: string, path: string, flags: SysrootFlags) =>
      readSysroot(flags, context, (sysroot) => {
        if (sysroot.booted === null)
          throw new UserError('NOT_BOOTED', 'Must be booted into an OSTree deployment');
        mountStateOverlay(context.sys, { name, path }, sysroot.booted);
      }),
  );
}

/** Beside the other verbs of `instutil`. */
export function addLabelVerb(instutil: Command, context: CliContext): void {
  adminVerb(
    instutil,
    'selinux-ensure-labeled [subpath] [prefix]',
    'Relabel all or part of a deployment; labels that are there stay',
  ).action((subpath: string | undefined, prefix: string | undefined, flags: SysrootFlags) =>
    readSysroot(flags, context, (sysroot) => ensureLabeled(sysroot, { subpath, prefix }, context)),
  );
}

async function ensureLabeled(
  sysroot: Sysroot,
  { subpath, prefix }: { readonly subpath: string | undefined; readonly prefix: string | undefined },
  context: CliContext,
): Promise<void> {
  if (subpath !== undefined && prefix === undefined)
    throw new UserError('USAGE', 'SUBPATH needs PREFIX, too: where the policy finds it', {
      hint: `'selinux-ensure-labeled /mnt/var var' labels /mnt/var as /var`,
    });
  const deployment = currentDirectory(sysroot);
  const policy = deployedPolicy(sysroot.sys, deployment);
  if (policy === null) return context.out(`No SELinux policy found in deployment '${deployment}'\n`);
  context.out(`Relabeling using policy '${policy.name}'\n`);
  const tree = { path: subpath ?? deployment, prefix: prefix ?? '' };
  const { labelled, shared } = await ensureLabels(sysroot.repo, policy, tree);
  context.out(
    labelled.map(({ path, as, label }) => `Set label of '${path}' (as '${as}') to '${label}'\n`).join(''),
  );
  if (shared > 0)
    context.err(
      `warning: ${shared} files without a label are those of the repository, and stay as they are; ` +
        `'ostree commit --selinux-policy=DIR' makes a commit with labels\n`,
    );
}
