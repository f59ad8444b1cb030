import fs from 'node:fs';
import { MS } from '#native/syscalls.ts';
import { parseMountTable, type MountLine } from '#ostree/format/mount-table.ts';
import { parse, serialize, type GValue, type VariantDict } from '#ostree/format/gvariant.ts';
import { copySysroot, removeSysroot, type ComposefsSysroot } from './composefs-sysroot.ts';
import { runInScratch, type ScratchRequest, type ScratchResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT, type SyntheticOptions } from './synthetic-sysroot.ts';

/** One situation at boot in which a prepare-root program is run. */
export interface BootCase extends SyntheticOptions {
  readonly name: string;
  /** The text of `/etc/ostree/prepare-root.conf`. */
  readonly config?: string;
  /** More files of the initramfs. */
  readonly files?: Readonly<Record<string, string>>;
  readonly cmdline?: string;
  readonly shared?: boolean;
  readonly sysrootFlags?: number;
  readonly mountPoint?: string;
  /** What the program is called with (default: the mount point). */
  readonly arguments?: readonly string[];
}

/** A situation of a sysroot that the C ostree made, with a composefs image. */
export interface ComposefsCase extends Omit<BootCase, 'cmdline' | 'legacyReadonly' | 'hotfix'> {
  /** More kernel arguments. */
  readonly cmdline?: string;
  readonly alter?: (sysroot: ComposefsSysroot) => void;
  /** A folder of another file system to have the sysroot in. */
  readonly directory?: string;
}

/** What a program made of a case, in words that do not depend on the machine or the run. */
export interface BootOutcome {
  readonly status: number | null;
  /** The first line of standard error, where it failed. */
  readonly message: string | null;
  /** 'POINT PATH-IN-SYSROOT FLAGS PROPAGATION' of the mount point and what is below it. */
  readonly mounts: readonly string[];
  /** 'KEY TYPE VALUE' of `/run/ostree-booted`, device and inode left out; null where it is not there. */
  readonly booted: readonly string[] | null;
  /** Type, mode and path of what is under `/run`, and `/sysroot.tmp` if it was left. */
  readonly leftovers: readonly string[];
}

/** The C program inside the initramfs. */
export const C_PREPARE_ROOT: readonly string[] = ['/usr/lib/ostree/ostree-prepare-root'];

const READONLY = '[sysroot]\nreadonly=true\n';
const TRANSIENT_ETC = '[etc]\ntransient=true\n';

export const BOOT_CASES: readonly BootCase[] = [
  { name: 'plain' },
  { name: 'plain, no mount shared', shared: false },
  { name: 'sysroot.readonly', config: READONLY },
  { name: 'sysroot.readonly of the repository', legacyReadonly: true },
  { name: 'sysroot.readonly of the repository, no mount shared', legacyReadonly: true, shared: false },
  {
    name: 'sysroot.readonly=false does not undo that of the repository',
    legacyReadonly: true,
    config: '[sysroot]\nreadonly=false\n',
  },
  { name: 'another mount point', mountPoint: '/disk/root' },
  { name: 'another mount point, read-only', mountPoint: '/disk/root', legacyReadonly: true },
  { name: 'a physical root that is read-only', sysrootFlags: MS.RDONLY },
  {
    name: 'a physical root that is read-only, with sysroot.readonly',
    sysrootFlags: MS.RDONLY,
    legacyReadonly: true,
  },
  { name: 'a physical root with nodev and nosuid', sysrootFlags: MS.NODEV | MS.NOSUID, legacyReadonly: true },
  { name: 'hotfix', hotfix: true },
  { name: 'hotfix and sysroot.readonly', hotfix: true, legacyReadonly: true },
  { name: 'hotfix on a read-only root', hotfix: true, sysrootFlags: MS.RDONLY },
  { name: 'etc.transient', config: TRANSIENT_ETC },
  { name: 'etc.transient and sysroot.readonly', config: READONLY + TRANSIENT_ETC },
  {
    name: 'the command line as second argument',
    cmdline: 'root=x',
    arguments: ['/sysroot', OSTREE_ARGUMENT],
  },
  { name: 'composefs.enabled=maybe without an image', config: '[composefs]\nenabled=maybe\n' },
  { name: 'var to be mounted here', files: { '/run/ostree/initramfs-mount-var': '' } },
  {
    name: 'var to be mounted here, read-only',
    files: { '/run/ostree/initramfs-mount-var': '' },
    legacyReadonly: true,
  },
  { name: 'no ostree argument', cmdline: 'root=x quiet' },
  { name: 'no command line', cmdline: '' },
  { name: 'a link that is not there', cmdline: 'ostree=/ostree/boot.0/os/bbbb/0' },
  { name: 'a target that is no link', cmdline: `ostree=/ostree/deploy/os/deploy/aaaa.0` },
  { name: 'a target without leading slash', cmdline: 'ostree=ostree/boot.1/os/bbbb/0' },
  { name: 'the first of two ostree arguments', cmdline: `  ${OSTREE_ARGUMENT}   ostree=/nonexistent ` },
  { name: 'quotes are no quotes', cmdline: `"x ${OSTREE_ARGUMENT} y"` },
  { name: 'an Android slot that cannot be', cmdline: `${OSTREE_ARGUMENT} androidboot.slot_suffix=_c` },
  { name: 'an Android slot that is not there', cmdline: `${OSTREE_ARGUMENT} androidboot.slot_suffix=_b` },
  { name: 'Android slot a', androidSlot: 'a', cmdline: 'ostree=true androidboot.slot_suffix=_a' },
  {
    name: 'Android slot b, over a link that is not there',
    androidSlot: 'b',
    cmdline: 'ostree=/nonexistent androidboot.slot_suffix=_b root=x',
    legacyReadonly: true,
  },
  { name: 'Android without slots', androidSlot: 'a', cmdline: 'androidboot.hardware=x quiet' },
  { name: 'Android without slots, no link', cmdline: 'androidboot.hardware=x quiet' },
  { name: 'no such mount point', arguments: ['/nonexistent'] },
  { name: 'root.transient without composefs', config: '[root]\ntransient=true\n' },
  { name: 'both kinds of root.transient', config: '[root]\ntransient=true\ntransient-ro=true\n' },
  { name: 'an unknown composefs mode', config: '[composefs]\nenabled=banana\n' },
  {
    name: 'an unknown composefs mode on the command line',
    cmdline: `${OSTREE_ARGUMENT} ostree.prepare-root.composefs=banana`,
  },
  { name: 'composefs.enabled=yes', config: '[composefs]\nenabled=yes\n' },
  { name: 'a value that is no boolean', config: '[sysroot]\nreadonly=sometimes\n' },
  { name: 'a line that is none', config: 'readonly\n' },
];

/** Runs a program in a case. @param program with its path inside the initramfs; @param usr the initramfs' `/usr` */
export function bootCase(boot: BootCase, program: readonly string[], usr = '/usr'): BootOutcome {
  const sysroot = makeSyntheticSysroot(boot);
  try {
    return outcomeOf(runInScratch(requestOf(boot, sysroot, program, usr)), boot, sysroot);
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
}

/** As `bootCase`, on a copy of `original`. */
export function bootComposefs(
  { alter, directory, ...boot }: ComposefsCase,
  original: ComposefsSysroot,
  { program, usr = '/usr' }: { readonly program: readonly string[]; readonly usr?: string },
): BootOutcome {
  const sysroot = copySysroot(original, directory);
  try {
    alter?.(sysroot);
    const started = { ...boot, cmdline: `root=x ${sysroot.argument} ${boot.cmdline ?? ''}` };
    return outcomeOf(runInScratch(requestOf(started, sysroot.path, program, usr)), started, sysroot.path);
  } finally {
    removeSysroot(sysroot);
  }
}

function requestOf(boot: BootCase, sysroot: string, program: readonly string[], usr: string): ScratchRequest {
  const config = boot.config === undefined ? {} : { '/etc/ostree/prepare-root.conf': boot.config };
  return {
    sysroot,
    usr,
    cmdline: boot.cmdline ?? `root=LABEL=x ${OSTREE_ARGUMENT} quiet`,
    files: { ...config, ...boot.files },
    shared: boot.shared ?? true,
    ...(boot.sysrootFlags === undefined ? {} : { sysrootFlags: boot.sysrootFlags }),
    ...(boot.mountPoint === undefined ? {} : { mountPoint: boot.mountPoint }),
    runs: [[...program, ...(boot.arguments ?? [boot.mountPoint ?? '/sysroot'])]],
  };
}

function outcomeOf(result: ScratchResult, boot: BootCase, sysroot: string): BootOutcome {
  const [run] = result.runs;
  const failed = run?.status !== 0;
  return {
    status: run?.status ?? null,
    message: failed ? (run?.stderr.split('\n')[0] ?? '') : null,
    mounts: describeMounts(result.mountinfo, boot.mountPoint ?? '/sysroot', sysroot),
    booted: result.booted === null ? null : describeRecord(result.booted),
    leftovers: result.leftovers.map(withoutSuffix).filter((one) => !one.includes('/run/ostree/initramfs')),
  };
}

/** The mounts at and below a point. @param sysroot what is outside of it is left out of the paths */
export function describeMounts(mountinfo: string, point: string, sysroot: string): string[] {
  return parseMountTable(mountinfo)
    .filter((mount) => `${mount.point}/`.startsWith(point === '/' ? '/' : `${point}/`))
    .map((mount) => describeMount(mount, sysroot))
    .sort();
}

function describeMount(mount: MountLine, sysroot: string): string {
  const what =
    mount.type === 'overlay' ? `${mount.source}(${layersOf(mount)})` : withoutSysroot(mount.root, sysroot);
  const flags = mount.options.filter((one) => MOUNT_FLAGS.includes(one));
  const propagation = mount.propagation.map((one) => one.split(':')[0] ?? '');
  return [mount.point, what, flags.join(','), propagation.join(',') || 'private'].join(' ');
}

/**
 * A mount's root is told from the top of its file system: some end of the sysroot's path comes before; or all of it below
 * the folder or subvolume of that file system that is this machine's root.
 */
function withoutSysroot(root: string, sysroot: string): string {
  const at = `${root}/`.indexOf(`${sysroot}/`);
  if (at > 0) return root.slice(at + sysroot.length) || '/';
  for (let end = sysroot; end !== ''; end = end.slice(Math.max(end.indexOf('/', 1), 0) || end.length))
    if (`${root}/`.startsWith(`${end}/`)) return root.slice(end.length) || '/';
  return root;
}

const MOUNT_FLAGS = ['ro', 'rw', 'nodev', 'nosuid', 'noexec'];

/** Whether layers can change, which they are, and how they are joined; not what a kernel adds of its own. */
function layersOf(mount: MountLine): string {
  const [access = '', ...options] = mount.superOptions;
  const given = options.filter((one) => ['dir', 'metacopy', 'verity'].some((word) => one.includes(word)));
  return withoutSuffix([...(mount.source === 'overlay' ? [] : [access]), ...given].join(','));
}

/** Of `mkdtemp`. */
export function withoutSuffix(text: string): string {
  return text.replaceAll(/transient-etc\.\w{6}/g, 'transient-etc.XXXXXX');
}

/** The bytes must be those that the decoded values have. */
export function describeRecord(hex: string): string[] {
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
  if (bytes.length === 0) return [];
  const record = parse('a{sv}', bytes) as VariantDict;
  if (!Buffer.from(serialize('a{sv}', record)).equals(bytes)) return [`not in normal form: ${hex}`];
  return record.map(([key, { type, value }]) => `${key} ${type} ${withoutSuffix(describeValue(value))}`);
}

/** Device and inode differ from run to run. */
function describeValue(value: GValue): string {
  return Array.isArray(value) ? value.map((part) => typeof part).join(',') : JSON.stringify(value);
}
