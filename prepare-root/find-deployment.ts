/** From the target's link to the deployment: found inside the physical root, and looked at before anything is changed. */
import { resolveInSysroot } from '#prepare-root/resolve-in-sysroot.ts';
import { UserError } from '#ostree/format/errors.ts';
import { AT_FDCWD, S, type Stat, type Syscalls } from '#native/syscalls.ts';

export interface FoundDeployment {
  /** Without symlinks, below the physical root, with a leading slash. */
  readonly path: string;
  readonly stat: Stat;
}

/**
 * @param sysroot the physical root, without symlinks
 * @param target as the kernel command line names it; neither it nor a link on the way leads out of `sysroot`
 * @throws UserError TARGET_MISSING, TARGET_INVALID
 */
export function findDeployment(sys: Syscalls, sysroot: string, target: string): FoundDeployment {
  const link = `${sysroot}/${target}`;
  const named = resolveInSysroot(sys, sysroot, target, 'itself');
  if (named.kind === 'failed')
    throw new UserError('TARGET_MISSING', `Couldn't find specified OSTree root '${link}': ${named.reason}`);
  if ((named.stat.mode & S.IFMT) !== S.IFLNK)
    throw new UserError('TARGET_INVALID', `OSTree target is not a symbolic link: ${link}`);
  const led = resolveInSysroot(sys, sysroot, target);
  if (led.kind === 'failed') throw new UserError('TARGET_MISSING', `realpath(${link}) failed: ${led.reason}`);
  if ((led.stat.mode & S.IFMT) !== S.IFDIR)
    throw new UserError('TARGET_INVALID', `OSTree target does not lead to a directory: ${link}`);
  if (led.path === '')
    throw new UserError('TARGET_INVALID', `OSTree target leads to the physical root itself: ${link}`);
  return led;
}

/** What a deployment must have depends on how it becomes the root. */
export interface DeploymentNeeds {
  /** It is mounted from a composefs image: its own `/usr` is not looked at. */
  readonly image: boolean;
  readonly transientEtc: boolean;
  /** `/var` is bound here. */
  readonly mountsVar: boolean;
  /** `/run` is mounted here. */
  readonly mountsRun: boolean;
  /** The full path of the stateroot's `/var`. */
  readonly variable: string;
}

/**
 * A link at a mount point would have the mount made elsewhere, also outside of the new root.
 * @param deployment its full path
 * @throws UserError DEPLOYMENT_BROKEN
 */
export function refuseBroken(sys: Syscalls, deployment: string, needs: DeploymentNeeds): void {
  const etc = needs.transientEtc || kindAt(sys, `${deployment}/usr/etc`) === null ? 'optional' : 'needed';
  const own = needs.image
    ? []
    : ([
        ['usr', 'needed'],
        ['sysroot', 'needed'],
      ] as const);
  const places: readonly (readonly [name: string, presence: 'needed' | 'optional'])[] = [
    ...own,
    ['etc', etc],
    ...(needs.mountsVar && !needs.image ? ([['var', 'needed']] as const) : []),
    ...(needs.mountsRun && !needs.image ? ([['run', 'optional']] as const) : []),
    ['.usr-ovl-work', 'optional'],
    ['.usr-ovl-upper', 'optional'],
  ];
  for (const [name, presence] of places) {
    const kind = kindAt(sys, `${deployment}/${name}`);
    if (kind === S.IFDIR || (kind === null && presence === 'optional')) continue;
    const what = kind === null ? 'is missing' : kind === S.IFLNK ? 'is a symbolic link' : 'is no directory';
    throw new UserError('DEPLOYMENT_BROKEN', `The deployment ${deployment} is broken: its /${name} ${what}`);
  }
  if (kindAt(sys, needs.variable) === S.IFLNK)
    throw new UserError('DEPLOYMENT_BROKEN', `${needs.variable} is a symbolic link`);
}

function kindAt(sys: Syscalls, path: string): number | null {
  const stat = sys.lstat(AT_FDCWD, path);
  return stat === null ? null : stat.mode & S.IFMT;
}
