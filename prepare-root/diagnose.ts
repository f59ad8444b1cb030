/** The report for the person at the console: what was asked for, what is there, the likely cause, what to type. Text only. */
import { linkWords, type BootLink } from '#prepare-root/boot-links.ts';
import { FALLBACK_ARGUMENT, fallbackOrder } from '#prepare-root/fallback.ts';
import type { Situation } from '#prepare-root/situation.ts';

/** Columns of the narrowest console. Only what is to be typed may be longer: it must be whole. */
const WIDTH = 79;
const INDENT = '       ';
/** Lines of one list; with all lists full the report fits a console of 25 lines. */
const MOST_LISTED = 5;

/** Lines without control characters, none wider than 79 columns but the `ostree=` word to type. */
export function diagnose(situation: Situation): readonly string[] {
  const { target, root } = situation;
  const asked = [
    target === null ? 'no ostree= word' : `ostree=${shortened(target)}`,
    root === null ? 'no root= word' : `root=${root}`,
  ];
  return [
    ...section('asked', asked),
    ...section('there', [mountText(situation), ...links(situation), ...unlinked(situation)]),
    ...section('cause', wrap(causeOf(situation))),
    ...section('try', advice(situation)),
    ...typed(situation),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => {
    const start = index === 0 ? title.padEnd(INDENT.length) : INDENT;
    return clip(start + printable(line));
  });
}

function mountText({ sysroot, mount, links }: Situation): string {
  if (mount === null) return links.ostree ? `${sysroot} has an /ostree` : `nothing is mounted at ${sysroot}`;
  const access = mount.options.includes('ro') || mount.superOptions.includes('ro') ? 'read-only' : 'writable';
  const without = links.ostree ? '' : ', without /ostree';
  return `${sysroot} is ${mount.type} on ${mount.source}, ${access}${without}`;
}

function links({ links: { ostree, links } }: Situation): string[] {
  if (!ostree) return [];
  if (links.length === 0) return ['no boot links (/ostree/boot.0, /ostree/boot.1)'];
  const sound = links.filter((link) => link.deployment !== null);
  const shown = [...sound, ...links.filter((link) => link.deployment === null)];
  const dangling = links.length - sound.length;
  return [
    `${counted(links.length, 'boot link')}${dangling === 0 ? '' : `, ${dangling} of them dangling`}:`,
    ...listed(shown.map(linkText)),
  ];
}

function linkText({ path, deployment }: BootLink): string {
  const leads = deployment === null ? 'NOTHING (dangling)' : deploymentName(deployment);
  return `  ${shortened(path.slice('/ostree/'.length))} -> ${leads}`;
}

function unlinked({ links }: Situation): string[] {
  if (links.unlinked.length === 0) return [];
  const names = links.unlinked.map((path) => `  ${deploymentName(path)}`);
  return [`${counted(names.length, 'deployment')} without boot link:`, ...listed(names)];
}

function listed(lines: readonly string[]): string[] {
  const more = lines.length - MOST_LISTED;
  return more <= 1 ? [...lines] : [...lines.slice(0, MOST_LISTED), `  and ${more} more`];
}

/** '/ostree/deploy/OS/deploy/CSUM.N' as 'OS CSUM.N'. */
function deploymentName(path: string): string {
  const [, ostree, deploy, stateroot = '', , name = ''] = path.split('/');
  return ostree === 'ostree' && deploy === 'deploy' ? `${stateroot} ${shortened(name)}` : path;
}

function counted(count: number, noun: string): string {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`;
}

function causeOf(situation: Situation): string {
  const { links, target } = situation;
  if (!links.ostree) return rootCause(situation);
  if (target === null) return 'the boot entry that was started is not of ostree.';
  if (links.links.length === 0)
    return links.unlinked.length === 0
      ? 'no deployment was ever finished on this file system (wrong root=?).'
      : 'the boot links are gone: the last update of the boot entries was cut short, or they were removed.';
  return linkCause(situation, target);
}

/** Why there is no `/ostree`. */
function rootCause({ mount, sysroot, root, rootDevice, unknownType, disks }: Situation): string {
  if (mount !== null)
    return `the root file system is not that of an ostree system: root= names another one, or ${sysroot} was mounted wrongly.`;
  if (unknownType !== null)
    return `the initramfs has no driver for the root file system (rootfstype=${unknownType}).`;
  if (root === null) return 'the kernel command line has no root= word, and nothing else mounted the root.';
  if (rootDevice === true)
    return `${root} is there but was not mounted: the driver of its file system is missing in the initramfs, or it is damaged.`;
  if (disks.length === 0)
    return 'the kernel knows no disk at all: the driver of the disk is missing in the initramfs.';
  if (rootDevice === false)
    return `there is no ${root}: root= is wrong, or the driver of that disk is missing in the initramfs.`;
  return 'the root file system was not mounted: wrong root=, or a driver is missing in the initramfs.';
}

function linkCause({ links: { links, unlinked } }: Situation, target: string): string {
  const named = links.find((link) => withoutSlashes(link.path) === withoutSlashes(target));
  if (named !== undefined)
    return named.deployment === null
      ? 'the link is there, but the deployment it leads to was removed: the boot entry is stale.'
      : 'the deployment is damaged.';
  if (target.includes('/deploy/'))
    return 'ostree= names a deployment; it must name a boot link below /ostree/boot.0 or boot.1.';
  const [stateroot, bootcsum] = linkWords(target);
  const deployments = [...links.map((link) => link.deployment ?? ''), ...unlinked];
  if (stateroot === undefined || bootcsum === undefined)
    return 'ostree= does not name a boot link (/ostree/boot.N/OS/CHECKSUM/SERIAL).';
  if (
    !links.some((link) => link.stateroot === stateroot) &&
    !deployments.some((path) => path.includes(`/${stateroot}/`))
  )
    return `there is no '${stateroot}' here: /boot belongs to another system, or root= is wrong.`;
  if (links.some((link) => link.bootcsum === bootcsum))
    return 'stale boot link: this kernel is there, but under another name. The boot entry is older or newer than the root.';
  return 'the deployment was removed and the boot entry is stale, or /boot belongs to another system.';
}

function advice(situation: Situation): string[] {
  const { links, mount, devices, rootDevice } = situation;
  if (links.links.some((link) => link.deployment !== null))
    return ['another entry of the boot menu; or add to the kernel command line', `  ${FALLBACK_ARGUMENT}=1`];
  if (links.ostree) return wrap('another entry of the boot menu, or a rescue system to deploy again.');
  if (mount === null && rootDevice === true)
    return wrap('another entry of the boot menu, whose initramfs has the driver; then make this one anew.');
  const known = devices.map((name) => `  root=${name}`);
  return known.length === 0
    ? wrap('another entry of the boot menu; rootdelay=10 on the kernel command line for a slow disk.')
    : ['on the kernel command line one of', ...listed(known)];
}

/** The best link, whole. */
function typed({ links, target }: Situation): string[] {
  const [best] = fallbackOrder(links, target);
  return best === undefined
    ? []
    : [`${INDENT}or, in place of the ostree= word that is there:`, printable(`ostree=${best}`)];
}

/** Checksums are known by their beginning. */
function shortened(path: string): string {
  return path
    .split('/')
    .map((word) => {
      const dot = word.indexOf('.');
      const [name, rest] = dot < 0 ? [word, ''] : [word.slice(0, dot), word.slice(dot)];
      return name.length > 24 ? `${name.slice(0, 12)}..${rest}` : word;
    })
    .join('/');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH - INDENT.length) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function clip(line: string): string {
  return line.length <= WIDTH ? line : `${line.slice(0, WIDTH - 2)}..`;
}

function withoutSlashes(path: string): string {
  return path
    .split('/')
    .filter((word) => word !== '')
    .join('/');
}

/** Names may hold anything; the console must stay as it is, and count one column a character. */
function printable(text: string): string {
  return [...text].map((c) => (isPrintable(c.charCodeAt(0)) ? c : '?')).join('');
}

function isPrintable(code: number): boolean {
  return code >= 32 && code < 127;
}
