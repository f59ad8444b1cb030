/** What is done about updates without being asked: the setting of /etc/yum-ostree.conf. Pure. */
import { UserError } from '#ostree/format/errors.ts';
import { keyFileString, parseKeyFile } from '#ostree/format/keyfile.ts';

export const UPDATE_POLICIES = ['none', 'check', 'stage'] as const;
export type UpdatePolicy = (typeof UPDATE_POLICIES)[number];

export interface ConfiguredPolicy {
  readonly policy: UpdatePolicy;
  /** The file that says so, below the tree's root; null where none does. */
  readonly file: string | null;
}

/** In this order; the second is rpm-ostree's. */
export const POLICY_FILES = [
  { path: 'etc/yum-ostree.conf', group: 'updates', key: 'policy' },
  { path: 'etc/rpm-ostreed.conf', group: 'Daemon', key: 'AutomaticUpdatePolicy' },
] as const;

/** The words of rpm-ostree that mean the same; `apply` would also reboot, which is left to the administrator. */
const OTHER_WORDS: Readonly<Record<string, UpdatePolicy>> = {
  off: 'none',
  ex_stage: 'stage',
  apply: 'stage',
};

/** `textOf` gives a file's text, null where it is not there. @throws UserError BAD_CONFIG, BAD_KEYFILE naming the file */
export function configuredPolicy(textOf: (path: string) => string | null): ConfiguredPolicy {
  for (const { path, group, key } of POLICY_FILES) {
    const text = textOf(path);
    const word = text === null ? null : keyFileString(parseKeyFile(text, `/${path}`), group, key);
    if (word === null) continue;
    const policy = UPDATE_POLICIES.find((one) => one === word) ?? OTHER_WORDS[word];
    if (policy === undefined)
      throw new UserError('BAD_CONFIG', `/${path}: [${group}] ${key}=${word}: there is no such policy`, {
        hint: `it is one of ${UPDATE_POLICIES.join(', ')}`,
      });
    return { policy, file: path };
  }
  return { policy: 'none', file: null };
}
