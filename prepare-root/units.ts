/** The mount units that bind `/var` and `/boot` in the real root, as text. Nothing is read or written here. */
import { UserError } from '#ostree/format/errors.ts';

export interface UnitFacts {
  /** The link that leads to the deployment, as the kernel command line names it. */
  readonly target: string;
  /** What the target's link reads, where an Android boot loader chose it; else null. */
  readonly targetLink: string | null;
  /** The text of `/etc/fstab`. */
  readonly fstab: string;
  /** `/boot` is a directory of the root file system: `/sysroot/boot/loader` is a link and `/boot` a directory. */
  readonly bootOnRoot: boolean;
  /** Services of this machine that the boot needs, with their paths. */
  readonly services: readonly UnitService[];
}

export interface UnitService {
  readonly path: string;
  /** 'local-fs.target.requires' */
  readonly wantedIn: string;
}

/** Files and links below the generator's output directory, in the order of writing. */
export interface UnitFile {
  readonly path: string;
  readonly content:
    { readonly kind: 'file'; readonly text: string } | { readonly kind: 'link'; readonly to: string };
}

export const REMOUNT_SERVICE = 'ostree-remount.service';
export const BOOT_COMPLETE_SERVICE = 'ostree-boot-complete.service';
export const MARK_GOOD_SERVICE = 'yum-ostree-mark-good.service';
export const REQUIRED_BY_LOCAL_FS = 'local-fs.target.requires';

/** @throws UserError NO_OSTREE_TARGET where the command line does not say which stateroot was booted */
export function planUnits(facts: UnitFacts): readonly UnitFile[] {
  const stateroot = staterootOf(facts);
  const mountPoints = fstabMountPoints(facts.fstab);
  return [
    ...facts.services.map(serviceLink),
    file('sysroot.mount.d/ostree-softreboot.conf', keepSysrootText()),
    ...(facts.bootOnRoot && !mountPoints.includes('/boot') ? mountUnit('boot.mount', bootText()) : []),
    ...(mountPoints.includes('/var') ? [] : mountUnit('var.mount', varText(stateroot))),
  ];
}

/** The mount points in an fstab(5), slashes collapsed, none at the end. */
export function fstabMountPoints(fstab: string): string[] {
  return fstab
    .split('\n')
    .map((line) =>
      line
        .split('\t')
        .join(' ')
        .split(' ')
        .filter((field) => field !== ''),
    )
    .filter(([first]) => first !== undefined && !first.startsWith('#'))
    .map(
      ([, point]) =>
        '/' +
        (point ?? '')
          .split('/')
          .filter((part) => part !== '')
          .join('/'),
    );
}

function staterootOf(facts: UnitFacts): string {
  const { target } = facts;
  const stateroot = facts.targetLink === null ? fromBootLink(target) : fromDeployLink(facts.targetLink);
  if (stateroot !== null && isPlainName(stateroot)) return stateroot;
  const given = facts.targetLink === null ? `ostree=${target}` : `the link ${target} -> ${facts.targetLink}`;
  throw new UserError('NO_OSTREE_TARGET', `Parsing stateroot: ${given} names none`, {
    hint: 'expected ostree=/ostree/boot.BOOTVERSION/STATEROOT/BOOTCSUM/TREESERIAL',
  });
}

/** It becomes a part of a path, and of a line. */
function isPlainName(name: string): boolean {
  return name !== '.' && name !== '..' && [...name].every((c) => c >= ' ' && c !== '\u007f');
}

/** `/ostree/boot.N/STATEROOT/BOOTCSUM/SERIAL` */
function fromBootLink(target: string): string | null {
  const [ostree, version, stateroot, checksum, serial, ...rest] = target
    .split('/')
    .filter((part) => part !== '');
  const valid =
    ostree === 'ostree' &&
    (version === 'boot.0' || version === 'boot.1') &&
    checksum !== undefined &&
    serial !== undefined &&
    [...serial].every((c) => c >= '0' && c <= '9') &&
    rest.length === 0;
  return valid ? (stateroot ?? null) : null;
}

/** `deploy/STATEROOT/deploy/…` */
function fromDeployLink(link: string): string | null {
  const [deploy, stateroot, ...rest] = link.split('/');
  return deploy === 'deploy' && stateroot !== undefined && stateroot !== '' && rest.length > 0
    ? stateroot
    : null;
}

function serviceLink(service: UnitService): UnitFile {
  const name = service.path.slice(service.path.lastIndexOf('/') + 1);
  return link(`${service.wantedIn}/${name}`, service.path);
}

function mountUnit(name: string, text: string): UnitFile[] {
  return [file(name, text), link(`${REQUIRED_BY_LOCAL_FS}/${name}`, `../${name}`)];
}

const HEADER = '# Written by ostree-system-generator at boot.\n';

/** A soft reboot must not unmount what the next root stands on. */
function keepSysrootText(): string {
  return `${HEADER}
[Unit]
DefaultDependencies=no
After=local-fs-pre.target
Before=local-fs.target
`;
}

function bootText(): string {
  return `${HEADER}
[Unit]
Documentation=man:ostree(1)
DefaultDependencies=no
After=local-fs-pre.target sysroot.mount
Before=local-fs.target

[Mount]
Where=/boot
What=/sysroot/boot
Options=bind
`;
}

function varText(stateroot: string): string {
  return `${HEADER}
[Unit]
Documentation=man:ostree(1)
DefaultDependencies=no
ConditionKernelCommandLine=!systemd.volatile
After=local-fs-pre.target sysroot.mount
Before=local-fs.target

[Mount]
Where=/var
What=/sysroot/ostree/deploy/${stateroot.split('%').join('%%')}/var
Options=bind,slave,shared
`;
}

function file(path: string, text: string): UnitFile {
  return { path, content: { kind: 'file', text } };
}

function link(path: string, to: string): UnitFile {
  return { path, content: { kind: 'link', to } };
}
