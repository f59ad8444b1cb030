/** The decision: from what was found to the steps that make the deployment the root. Nothing is read or changed here. */
import { BOOTED_PATH, bootedRecord } from '#prepare-root/booted.ts';
import type { BootFacts } from '#prepare-root/facts.ts';
import type { MountOp } from '#prepare-root/mount-op.ts';
import { UserError } from '#ostree/format/errors.ts';

/** Where the new root is put together. */
export const WORK_ROOT = '/sysroot.tmp';

/**
 * Bind-mounts the deployment with a read-only `/usr` over the physical root, which is then seen at `/sysroot`. In
 * the order of ostree 2026.4. Without an initramfs the root is changed to it and the real init is executed.
 * @throws UserError for a configuration that cannot be followed
 */
export function planRoot(facts: BootFacts): readonly MountOp[] {
  refuseWrongPlace(facts);
  refuseUnsupported(facts);
  const layout = layoutOf(facts);
  const { sysrootReadonly, transientEtc } = layout;
  const fsWritable = facts.writable ? 1 : 0;
  const isInit = facts.sysroot === '/';
  return [
    ...notes(facts, layout),
    say(`sysroot.readonly configuration value: ${sysrootReadonly ? 1 : 0} (fs writable: ${fsWritable})`),
    ...(isInit ? [] : runDirectories()),
    { op: 'propagation', path: '/', how: 'private', recursive: true },
    { op: 'make-directory', path: WORK_ROOT, mode: 0o755 },
    { op: 'change-directory', path: layout.deployment },
    say('Using legacy ostree bind mount for /'),
    { op: 'bind', from: layout.deployment, to: WORK_ROOT },
    ...(sysrootReadonly ? etcSteps(layout.deployment, transientEtc) : []),
    ...usrSteps(facts),
    ...(isInit ? initSteps(facts, layout) : sysrootSteps(facts, layout)),
  ];
}

interface Layout {
  readonly deployment: string;
  /** The stateroot's `/var`, below the physical root. */
  readonly variable: string;
  readonly sysrootReadonly: boolean;
  readonly transientEtc: string | null;
}

function layoutOf(facts: BootFacts): Layout {
  const sysrootReadonly = facts.config.sysrootReadonly || facts.legacyReadonly;
  return {
    deployment: inSysroot(facts, facts.deployment),
    variable: `${parentOf(parentOf(facts.deployment))}/var`,
    sysrootReadonly,
    transientEtc:
      facts.config.etcTransient && sysrootReadonly ? `/run/ostree/transient-etc.${facts.uniqueSuffix}` : null,
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

function refuseUnsupported({ config }: BootFacts): void {
  if (config.composefs !== 'no' && config.composefs !== 'maybe')
    throw new UserError(
      'COMPOSEFS_UNSUPPORTED',
      `composefs.enabled=${config.composefs}: this version cannot mount composefs images`,
      {
        hint: "boot once with 'ostree.prepare-root.composefs=no' on the kernel command line, then set [composefs] enabled=no or maybe in prepare-root.conf",
      },
    );
  if (config.rootTransient)
    throw new UserError('BAD_BOOT_CONFIG', 'Must enable composefs with root.transient', {
      hint: 'remove [root] transient from prepare-root.conf',
    });
}

/** Lines for the journal that explain what will be surprising. */
function notes(facts: BootFacts, layout: Layout): MountOp[] {
  const lines = [`Resolved OSTree target to: ${layout.deployment}`];
  if (facts.legacyReadonly && !facts.config.sysrootReadonly)
    lines.push('Found legacy sysroot.readonly flag, not configured in ostree/prepare-root.conf');
  if (facts.config.composefs === 'maybe' && facts.hasComposefsImage)
    lines.push('composefs.enabled=maybe: the image is not used, this version cannot mount it');
  if (facts.config.etcTransient && layout.transientEtc === null)
    lines.push('etc.transient has no effect without sysroot.readonly: /etc is kept');
  return lines.map(say);
}

function runDirectories(): MountOp[] {
  return [
    { op: 'make-directory', path: '/run/ostree', mode: 0o755 },
    { op: 'make-directory', path: '/run/ostree/.private', mode: 0 },
  ];
}

/** `/etc` stays writable where the physical root will not be. */
function etcSteps(deployment: string, transientEtc: string | null): MountOp[] {
  const etc = `${WORK_ROOT}/etc`;
  if (transientEtc === null)
    return [
      { op: 'bind', from: `${deployment}/etc`, to: etc },
      { op: 'remount', path: etc, readonly: false },
    ];
  const upper = `${transientEtc}/upper`;
  const work = `${transientEtc}/work`;
  return [
    { op: 'make-directory', path: transientEtc, mode: 0o700 },
    { op: 'make-directory', path: upper, mode: 0o755 },
    { op: 'make-directory', path: work, mode: 0o755 },
    { op: 'overlay', to: etc, lower: `${WORK_ROOT}/usr/etc`, upper, work, readonly: false },
  ];
}

/** Read-only, or the overlay of a hotfix; its layers are named from the deployment's directory, the working one. */
function usrSteps(facts: BootFacts): MountOp[] {
  const usr = `${WORK_ROOT}/usr`;
  if (facts.hotfix)
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
    ...varSteps(facts, layout, physical),
    {
      op: 'write',
      path: BOOTED_PATH,
      data: bootedRecord({
        device: facts.device,
        inode: facts.inode,
        sysrootReadonly: layout.sysrootReadonly,
        transientEtc: layout.transientEtc,
      }),
      mode: 0o644,
    },
    { op: 'move', from: WORK_ROOT, to: facts.sysroot },
    { op: 'change-directory', path: facts.sysroot },
    { op: 'remove-directory', path: WORK_ROOT },
    ...(layout.sysrootReadonly ? [readonlySysroot(`${facts.sysroot}/sysroot`)] : []),
  ];
}

/** As process 1 of a machine without initramfs. `/run/ostree-booted` is left to the generator: `/run` is not there yet. */
function initSteps(facts: BootFacts, layout: Layout): MountOp[] {
  return [
    ...varSteps(facts, layout, ''),
    { op: 'change-directory', path: WORK_ROOT },
    { op: 'pivot', putOld: 'sysroot' },
    { op: 'propagation', path: '/sysroot', how: 'private', recursive: false },
    ...(layout.sysrootReadonly ? [readonlySysroot('/sysroot')] : []),
    { op: 'exec', path: '/sbin/init', environment: facts.environment },
  ];
}

function readonlySysroot(path: string): MountOp {
  return { op: 'remount', path, readonly: true };
}

/** `physical`: where the physical root is seen, without a slash at the end. */
function varSteps(facts: BootFacts, layout: Layout, physical: string): MountOp[] {
  const variable = physical + layout.variable;
  const target = `${WORK_ROOT}/var`;
  const keepWritable: MountOp[] = [
    { op: 'bind', from: variable, to: variable },
    { op: 'remount', path: variable, readonly: false },
  ];
  const mountHere: MountOp[] = [
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

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

function say(text: string): MountOp {
  return { op: 'say', text };
}
