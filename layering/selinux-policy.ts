/** The SELinux policy of a tree, as far as it says how files are labelled. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { utf8Text } from '#ostree/format/utf8.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';

/** The files that say which path gets which label, by name; what they hold, by checksum of their objects. */
export type LabelRules = ReadonlyMap<string, Checksum>;

const SELINUX = 'usr/etc/selinux';
const CONFIG = `${SELINUX}/config`;
/** What libselinux reads beside each other. Not the compiled forms (`.bin`): they hold code for one machine. */
export const RULE_FILES: readonly string[] = [
  'file_contexts',
  'file_contexts.local',
  'file_contexts.homedirs',
  'file_contexts.subs',
  'file_contexts.subs_dist',
];

/** Whether it is worth while to look for rules. */
export function mayHavePolicy(tree: MutableTree): boolean {
  return tree.get(CONFIG) !== null;
}

/** Host path of the file, in the stateroot's cache directory, that keeps what was found out about labels. */
export function labelMemoPath(cachePath: string): string {
  return `${cachePath}/labels.json`;
}

/**
 * The rules of the tree's policy; null where it has none, or its configuration turns SELinux off. `read` gives the
 * content of a file.
 */
export function labelRules(tree: MutableTree, read: (checksum: Checksum) => Uint8Array): LabelRules | null {
  const config = tree.get(CONFIG);
  if (config?.kind !== 'file') return null;
  const type = policyType(utf8Text(read(config.checksum)) ?? '');
  if (type === null) return null;
  const files = RULE_FILES.flatMap((name): [string, Checksum][] => {
    const entry = tree.get(`${SELINUX}/${type}/contexts/files/${name}`);
    return entry?.kind === 'file' ? [[name, entry.checksum]] : [];
  });
  return files[0]?.[0] === RULE_FILES[0] ? new Map(files) : null;
}

export function sameRules(a: LabelRules | null, b: LabelRules | null): boolean {
  const text = (rules: LabelRules | null): string => JSON.stringify(rules === null ? null : [...rules]);
  return text(a) === text(b);
}

/** The name of the policy in `/etc/selinux/config`; null where SELinux is off or no policy is named. Pure. */
export function policyType(config: string): string | null {
  const values = new Map(
    config
      .split('\n')
      .map((line) => /^\s*(SELINUX|SELINUXTYPE)=\s*(\S*)/.exec(line))
      .flatMap((found): [string, string][] => (found === null ? [] : [[found[1] ?? '', found[2] ?? '']])),
  );
  const mode = values.get('SELINUX')?.toLowerCase();
  const type = values.get('SELINUXTYPE') ?? '';
  const isOn = mode === 'enforcing' || mode === 'permissive';
  return isOn && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(type) ? type : null;
}
