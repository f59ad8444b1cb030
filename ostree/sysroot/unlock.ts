/** `admin unlock`: a writable layer over /usr of the booted deployment. */
import { AT_FDCWD, type Fd, type Syscalls } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { EMPTY_KEYFILE, keyFileString, withKey } from '#ostree/format/keyfile.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import { deploymentName, deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import { touchDeploy } from '#ostree/sysroot/init-sysroot.ts';
import { inMountNamespace } from '#ostree/sysroot/mount-namespace.ts';
import { updateOrigin } from '#ostree/sysroot/origin.ts';
import { openOverlay, type OverlayLayers } from '#ostree/sysroot/overlay.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories, replaceFile, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

/**
 * development: writable until the next boot. transient: the same, read-only for all but who mounts it anew for itself.
 * hotfix: writable for as long as the deployment lives.
 */
export type Unlocked = 'development' | 'transient' | 'hotfix';

const RUN_STATE = '/run/ostree/deployment-state';
/** Directories that prepare-root looks for in a deployment. */
const HOTFIX = { upper: '.usr-ovl-upper', work: '.usr-ovl-work' };

/** Null for a deployment whose /usr is as it was committed. */
export function unlockedOf({ sys, booted }: Sysroot, deployment: Deployment): Unlocked | null {
  const noted = deployment.origin === null ? null : keyFileString(deployment.origin, 'origin', 'unlocked');
  if (noted === 'hotfix') return noted;
  if (booted === null) return null;
  const found = (['development', 'transient'] as const).find(
    (kind) => sys.lstat(AT_FDCWD, statePath(deployment, kind)) !== null,
  );
  return found ?? null;
}

/** @throws UserError NOT_BOOTED, UNLOCKED */
export function refuseUnlocked(sysroot: Sysroot): Deployment {
  const booted = requireBooted(sysroot);
  const current = unlockedOf(sysroot, booted);
  if (current === null) return booted;
  throw new UserError('UNLOCKED', `Deployment is already in unlocked state: ${current}`, {
    hint: 'it cannot be locked again: boot another deployment, or this one anew',
  });
}

/**
 * Mounts the layer over /usr and notes it. A crash leaves an empty layer: of a hotfix, one that the next boot mounts
 * and that the origin does not name yet; of the others nothing that outlives the boot, but perhaps a note without a layer.
 * @param machine the mount namespace in which /usr is covered, opened before this process goes into one of its own,
 * where the machine would not see the mount
 * @throws UserError NOT_BOOTED, UNLOCKED
 */
export function unlockDeployment(sysroot: Sysroot, kind: Unlocked, machine: Fd): void {
  const booted = refuseUnlocked(sysroot);
  const layer = kind === 'hotfix' ? makeHotfixLayer(sysroot, booted) : makeTransientLayer(sysroot, booted);
  if (kind === 'hotfix') {
    coverUsr(sysroot.sys, layer, { isReadOnly: false, machine });
    const origin = withKey(booted.origin ?? EMPTY_KEYFILE, 'origin', 'unlocked', 'hotfix');
    updateOrigin(sysroot, booted, origin);
    touchDeploy(sysroot.sys, sysroot.fd);
    return;
  }
  const { sys } = sysroot;
  const file = statePath(booted, kind);
  makeDirectories(sys, AT_FDCWD, file.slice(0, file.lastIndexOf('/')));
  // First: a layer that nobody knows of would be removed by who makes the next one.
  replaceFile(sys, AT_FDCWD, { path: file, text: '' });
  try {
    coverUsr(sys, layer, { isReadOnly: kind === 'transient', machine });
  } catch (error) {
    unlinkIfPresent(sys, AT_FDCWD, file);
    throw error;
  }
}

type Layer = Omit<OverlayLayers, 'lower'>;

function makeHotfixLayer({ sys, fd }: Sysroot, booted: Deployment): Layer {
  const path = deploymentPath(booted);
  const farm = sys.open(fd, path, ['read', 'directory', 'nofollow']);
  try {
    clearImmutable(sys, farm);
    for (const name of [HOTFIX.upper, HOTFIX.work]) makeLike(sys, farm, name);
  } finally {
    sys.close(farm);
  }
  return { upper: `/${path}/${HOTFIX.upper}`, work: `/${path}/${HOTFIX.work}` };
}

/** Beside the deployment; what an earlier boot wrote there is gone. */
function makeTransientLayer({ sys, fd }: Sysroot, booted: Deployment): Layer {
  const backing = `ostree/deploy/${booted.stateroot}/backing/${deploymentName(booted)}`;
  const directory = `${backing}/usr-transient`;
  makeDirectories(sys, fd, backing, 0o700);
  sys.removeTree(fd, directory);
  sys.mkdir(fd, directory, 0o700);
  const layer = { upper: `/${directory}/upper`, work: `/${directory}/work` };
  for (const path of [layer.upper, layer.work]) makeLike(sys, fd, path.slice(1));
  return layer;
}

/** An empty directory with the mode of /usr, which it will stand for. */
function makeLike(sys: Syscalls, dir: Fd, path: string): void {
  const mode = (sys.stat(AT_FDCWD, '/usr')?.mode ?? 0o755) & 0o7777;
  sys.removeTree(dir, path);
  sys.mkdir(dir, path, mode);
  sys.chmod(dir, path, mode);
}

function coverUsr(
  sys: Syscalls,
  layer: Layer,
  { isReadOnly, machine }: { readonly isReadOnly: boolean; readonly machine: Fd },
): void {
  const overlay = openOverlay(sys, { lower: '/usr', ...layer }, { isReadOnly });
  try {
    // Only ours has a /sysroot that can be written.
    inMountNamespace(sys, machine, () => sys.moveMount(overlay, '/usr'));
  } finally {
    sys.close(overlay);
  }
}

function statePath(deployment: Deployment, kind: 'development' | 'transient'): string {
  return `${RUN_STATE}/${deploymentName(deployment)}/unlocked-${kind}`;
}

function clearImmutable(sys: Syscalls, farm: Fd): void {
  try {
    sys.setImmutable(farm, false);
  } catch (error) {
    if (!['ENOTTY', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error;
  }
}
