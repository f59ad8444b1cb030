/** From the target's link to the deployment: found inside the physical root, and looked at before anything is changed. */
import { followInSysroot, resolveInSysroot } from '#prepare-root/resolve-in-sysroot.ts';
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
  const led = followInSysroot(sys, sysroot, named);
  if (led.kind === 'failed') throw new UserError('TARGET_MISSING', `realpath(${link}) failed: ${led.reason}`);
  if ((led.stat.mode & S.IFMT) !== S.IFDIR)
    throw new UserError('TARGET_INVALID', `OSTree target does not lead to a directory: ${link}`);
  if (led.path === '')
    throw new UserError('TARGET_INVALID', `OSTree target leads to the physical root itself: ${link}`);
  return led;
}

/** What a deployment must have depends on how it becomes the root. */
export interface DeploymentNeeds {
  /** The name of the composefs image that it is mounted from: its own `/usr` is not looked at. null: none. */
  readonly image: string | null;
  readonly transientEtc: boolean;
  readonly hotfix: boolean;
  /** `/var` is bound here. */
  readonly mountsVar: boolean;
  /** `/run` is mounted here. */
  readonly mountsRun: boolean;
  /** The full path of the stateroot's `/var`, and whether it is bound at all. */
  readonly variable: string;
  readonly bindsVariable: boolean;
}

type Presence = 'needed' | 'optional';

/**
 * A link at a mount point would have the mount made elsewhere, also outside of the new root; a pipe in place of the
 * image would be waited for.
 * @param deployment its full path
 * @throws UserError DEPLOYMENT_BROKEN
 */
export function refuseBroken(sys: Syscalls, deployment: string, needs: DeploymentNeeds): void {
  const broken = (what: string): UserError =>
    new UserError('DEPLOYMENT_BROKEN', `The deployment ${deployment} is broken: its ${what}`);
  for (const [name, presence] of directoriesOf(sys, deployment, needs)) {
    const wrong = wrongKind(kindAt(sys, `${deployment}/${name}`), S.IFDIR, presence);
    if (wrong !== null) throw broken(`/${name} ${wrong}`);
  }
  const image = needs.image === null ? null : wrongKind(kindAt(sys, `${deployment}/${needs.image}`), S.IFREG);
  if (image !== null) throw broken(`/${needs.image} ${image}`);
  const presence = needs.bindsVariable ? 'needed' : 'optional';
  const variable = wrongKind(kindAt(sys, needs.variable), S.IFDIR, presence);
  if (variable !== null) throw new UserError('DEPLOYMENT_BROKEN', `${needs.variable} ${variable}`);
}

function directoriesOf(
  sys: Syscalls,
  deployment: string,
  needs: DeploymentNeeds,
): readonly (readonly [name: string, presence: Presence])[] {
  const keepsEtc = !needs.transientEtc && kindAt(sys, `${deployment}/usr/etc`) !== null;
  const own: readonly (readonly [string, Presence, boolean])[] = [
    ['usr', 'needed', true],
    ['usr/etc', 'needed', needs.transientEtc],
    ['sysroot', 'needed', true],
    ['var', 'needed', needs.mountsVar],
    ['run', 'optional', needs.mountsRun],
  ];
  return [
    ...own.filter(([, , looked]) => looked && needs.image === null).map(([name, at]) => [name, at] as const),
    ['etc', keepsEtc ? 'needed' : 'optional'],
    ['.usr-ovl-work', 'optional'],
    ['.usr-ovl-upper', needs.hotfix ? 'needed' : 'optional'],
  ];
}

/** null where it is right. */
function wrongKind(kind: number | null, right: number, presence: Presence = 'needed'): string | null {
  if (kind === right || (kind === null && presence === 'optional')) return null;
  if (kind === null) return 'is missing';
  if (kind === S.IFLNK) return 'is a symbolic link';
  return right === S.IFDIR ? 'is no directory' : 'is no file';
}

function kindAt(sys: Syscalls, path: string): number | null {
  const stat = sys.lstat(AT_FDCWD, path);
  return stat === null ? null : stat.mode & S.IFMT;
}
