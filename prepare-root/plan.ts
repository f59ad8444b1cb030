/** The decision: from what was found to the steps that make the deployment the root. Nothing is read or changed here. */
import { BOOTED_PATH, bootedRecord } from '#prepare-root/booted.ts';
import { IMAGE, parentOf, type BootFacts } from '#prepare-root/facts.ts';
import type { MountOp } from '#prepare-root/mount-op.ts';
import { etcSteps, imageRootSteps, PRIVATE, runDirectories, say } from '#prepare-root/root-steps.ts';
import { UserError } from '#ostree/format/errors.ts';

/** Where the new root is put together. */
export const WORK_ROOT = '/sysroot.tmp';

const JOURNAL_ID = '7170336a73ba4601bad31af888aa0df7';

/**
 * Mounts the deployment, or its composefs image, over the physical root, which is then seen at `/sysroot`. In the
 * order of ostree 2026.4. Without an initramfs the root is changed to it and the real init is executed.
 * @throws UserError for a configuration that cannot be followed
 */
export function planRoot(facts: BootFacts): readonly MountOp[] {
  refuseWrongPlace(facts);
  const layout = layoutOf(facts);
  refuseConfig(facts, layout);
  return [
    ...notes(facts, layout),
    ...(layout.isInit ? [] : runDirectories()),
    { op: 'propagation', path: '/', how: 'private', recursive: true },
    ...(layout.earlyRun ? [...memorySteps('/run'), ...runDirectories()] : []),
    { op: 'make-directory', path: WORK_ROOT, mode: 0o755 },
    { op: 'change-directory', path: layout.deployment },
    ...(layout.image ? imageSteps(facts, layout) : bindSteps(layout)),
    ...(layout.sysrootReadonly || layout.image
      ? etcSteps({ deployment: layout.deployment, transient: layout.transientEtc, root: WORK_ROOT })
      : []),
    ...usrSteps(facts, layout),
    ...(layout.isInit ? initSteps(facts, layout) : sysrootSteps(facts, layout)),
  ];
}

interface Layout {
  readonly deployment: string;
  /** The stateroot's `/var`, below the physical root. */
  readonly variable: string;
  readonly sysrootReadonly: boolean;
  /** The root is the composefs image and not the deployment's directory. */
  readonly image: boolean;
  readonly transientEtc: string | null;
  /** Without an initramfs. */
  readonly isInit: boolean;
  /** `/run` is mounted before all else: without an initramfs nobody has, and changes are to be kept in it. */
  readonly earlyRun: boolean;
}

function layoutOf(facts: BootFacts): Layout {
  const { config } = facts;
  const sysrootReadonly = config.sysrootReadonly || facts.legacyReadonly;
  const image = config.composefs !== 'no' && (facts.hasComposefsImage || config.composefs !== 'maybe');
  const transientEtc = config.etcTransient && (sysrootReadonly || image);
  const isInit = facts.sysroot === '/';
  return {
    deployment: inSysroot(facts, facts.deployment),
    variable: `${parentOf(parentOf(facts.deployment))}/var`,
    sysrootReadonly,
    image,
    transientEtc: transientEtc ? `/run/ostree/transient-etc.${facts.uniqueSuffix}` : null,
    isInit,
    earlyRun: isInit && (image || transientEtc),
  };
}

function refuseWrongPlace({ sysroot, deployment, isInit, isRunning }: BootFacts): void {
  if (isRunning)
    throw new UserError('WRONG_PLACE', `${deployment} is the root already: nothing to prepare`, {
      hint: 'this program is for the initramfs, before the root is switched',
    });
  if (sysroot === '/' && !isInit)
    throw new UserError('WRONG_PLACE', 'SYSROOT is /, which only process 1 may prepare', {
      hint: 'mount the physical root elsewhere (usually /sysroot) and name that place',
    });
}

function refuseConfig({ config, hasComposefsImage }: BootFacts, { image }: Layout): void {
  if (image && !hasComposefsImage)
    throw new UserError(
      'COMPOSEFS_MISSING',
      'Failed to mount composefs: composefs: failed to mount: No such file or directory',
      {
        hint: `the deployment has no ${IMAGE}: it was made without composefs; with [composefs] enabled=maybe it boots all the same`,
      },
    );
  if (config.rootTransient !== 'no' && !image)
    throw new UserError('BAD_BOOT_CONFIG', 'Must enable composefs with root.transient', {
      hint: 'set [composefs] enabled=yes in prepare-root.conf, or remove [root] transient',
    });
}

/** Lines for the journal: how the root is set up, and what will be surprising. */
function notes(facts: BootFacts, layout: Layout): MountOp[] {
  const { config } = facts;
  const lines: string[] = [];
  if (facts.legacyReadonly)
    lines.push('Found legacy sysroot.readonly flag, not configured in ostree/prepare-root.conf');
  const [readonly, writable] = [layout.sysrootReadonly, facts.writable].map(Number);
  lines.push(`sysroot.readonly configuration value: ${readonly} (fs writable: ${writable})`);
  if (config.rootTransient !== 'no')
    lines.push(`root.transient: 1 (ro: ${config.rootTransient === 'readonly' ? 1 : 0})`);
  if (config.composefs === 'maybe' && !layout.image) lines.push('composefs: No image present');
  if (config.etcTransient && layout.transientEtc === null)
    lines.push('etc.transient has no effect without sysroot.readonly or composefs: /etc is kept');
  return [resolved(facts, layout), ...lines.map(say)];
}

function resolved(facts: BootFacts, { deployment }: Layout): MountOp {
  return {
    op: 'say',
    text: `Resolved OSTree target to: ${deployment}`,
    fields: {
      MESSAGE_ID: JOURNAL_ID,
      DEPLOYMENT_PATH: facts.deployment,
      DEPLOYMENT_DEVICE: `${facts.device}`,
      DEPLOYMENT_INODE: `${facts.inode}`,
    },
  };
}

function memorySteps(path: string): MountOp[] {
  return [
    { op: 'make-directory', path, mode: 0o755 },
    { op: 'memory', to: path },
  ];
}

function bindSteps({ deployment }: Layout): MountOp[] {
  return [say('Using legacy ostree bind mount for /'), { op: 'bind', from: deployment, to: WORK_ROOT }];
}

function imageSteps(facts: BootFacts, { deployment }: Layout): MountOp[] {
  return [
    ...imageRootSteps({
      ...{ image: `${deployment}/${IMAGE}`, digest: facts.imageDigest },
      ...{ objects: inSysroot(facts, '/ostree/repo/objects'), config: facts.config },
      ...{ to: WORK_ROOT, changes: `${PRIVATE}/root` },
    }),
    ...(facts.backingDevice === null ? [] : volatileRoot(facts.backingDevice)),
  ];
}

/** systemd finds the disk behind an overlay there. */
function volatileRoot(device: string): MountOp[] {
  return [
    { op: 'make-directory', path: '/run/systemd', mode: 0o755 },
    { op: 'symlink', target: device, path: '/run/systemd/volatile-root' },
  ];
}

/** Read-only, or the overlay of a hotfix; its layers are named from the deployment's directory, the working one. */
function usrSteps(facts: BootFacts, { image }: Layout): MountOp[] {
  const usr = `${WORK_ROOT}/usr`;
  // What was signed is not what was unlocked.
  if (facts.hotfix && !(image && facts.config.signed))
    return [
      {
        op: 'overlay',
        to: usr,
        lower: usr,
        upper: '.usr-ovl-upper',
        work: '.usr-ovl-work',
        readonly: !facts.writable,
      },
    ];
  if (image) return [];
  return [
    { op: 'bind', from: usr, to: usr },
    { op: 'remount', path: usr, readonly: true },
  ];
}

/** The physical root goes to `/sysroot` of the new one, and the new one to where the physical root was. */
function sysrootSteps(facts: BootFacts, layout: Layout): MountOp[] {
  const physical = `${WORK_ROOT}/sysroot`;
  return [
    { op: 'bind', from: facts.sysroot, to: physical },
    // Else the new root would be mounted below a mount that it contains, and could not be unmounted at shutdown.
    { op: 'unmount', path: facts.sysroot, restore: physical },
    { op: 'change-directory', path: physical + facts.deployment },
    ...stateSteps(facts, layout, physical),
    writeBooted(facts, layout),
    { op: 'move', from: WORK_ROOT, to: facts.sysroot },
    { op: 'change-directory', path: facts.sysroot },
    { op: 'remove-directory', path: WORK_ROOT },
    ...(layout.sysrootReadonly ? [readonlySysroot(`${facts.sysroot}/sysroot`)] : []),
  ];
}

type WriteOp = Extract<MountOp, { readonly op: 'write' }>;

function writeBooted(facts: BootFacts, { sysrootReadonly, transientEtc, image }: Layout): WriteOp {
  const { verity, signed, rootTransient, keyFile } = facts.config;
  const record = bootedRecord({
    device: facts.device,
    inode: facts.inode,
    rootTransient,
    composefs: image ? { verity, signedBy: signed ? keyFile : null } : null,
    sysrootReadonly,
    transientEtc,
  });
  return { op: 'write', path: BOOTED_PATH, data: record, mode: 0o644 };
}

/** As process 1 of a machine without initramfs. systemd keeps a `/run` that is mounted. */
function initSteps(facts: BootFacts, layout: Layout): MountOp[] {
  return [
    ...stateSteps(facts, layout, ''),
    ...runSteps(facts, layout),
    ...(facts.ownProc ? [{ op: 'unmount', path: '/proc', restore: null } satisfies MountOp] : []),
    { op: 'change-directory', path: WORK_ROOT },
    { op: 'pivot', putOld: 'sysroot' },
    { op: 'propagation', path: '/sysroot', how: 'private', recursive: false },
    ...(layout.sysrootReadonly ? [readonlySysroot('/sysroot')] : []),
    { op: 'exec', path: '/sbin/init', environment: facts.environment },
  ];
}

/** Without `/run/ostree` the generator would do nothing, and `ostree-remount` would make `/sysroot` writable. */
function runSteps(facts: BootFacts, layout: Layout): MountOp[] {
  const run = `${WORK_ROOT}/run`;
  const booted = writeBooted(facts, layout);
  if (layout.earlyRun) return [booted, { op: 'move', from: '/run', to: run }];
  return [
    ...memorySteps(run),
    { op: 'make-directory', path: `${run}/ostree`, mode: 0o755 },
    { ...booted, path: WORK_ROOT + BOOTED_PATH },
  ];
}

function readonlySysroot(path: string): MountOp {
  return { op: 'remount', path, readonly: true };
}

/**
 * `/var`, and where no unit of the real root will do it also `/boot`.
 * @param physical where the physical root is seen, without a slash at the end
 */
function stateSteps(facts: BootFacts, layout: Layout, physical: string): MountOp[] {
  const variable = physical + layout.variable;
  const target = `${WORK_ROOT}/var`;
  const keepWritable: MountOp[] = [
    { op: 'bind', from: variable, to: variable },
    { op: 'remount', path: variable, readonly: false },
  ];
  const mountHere: MountOp[] = [
    ...(facts.bootOnRoot
      ? [{ op: 'bind', from: `${physical}/boot`, to: `${WORK_ROOT}/boot` } satisfies MountOp]
      : []),
    { op: 'bind', from: variable, to: target },
    { op: 'propagation', path: target, how: 'slave', recursive: false },
    { op: 'propagation', path: target, how: 'shared', recursive: false },
  ];
  return [
    ...(layout.sysrootReadonly ? keepWritable : []),
    ...(facts.isInit || facts.mountVarMarker || facts.config.mountVar ? mountHere : []),
  ];
}

function inSysroot(facts: BootFacts, path: string): string {
  return facts.sysroot === '/' ? path : facts.sysroot + path;
}
