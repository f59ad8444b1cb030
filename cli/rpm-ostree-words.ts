/** What rpm-ostree 2026.2 documents of its verbs, where this program has it otherwise. */

/** How the switches of one of its verbs are taken; what is not here is a switch of ours by the same name. */
export interface TheirSwitches {
  /** Letters of short switches that take a value. */
  readonly valued?: string;
  readonly renamed?: Readonly<Record<string, string>>;
  /** They change nothing here. */
  readonly ignored?: readonly string[];
  /** With the reason. */
  readonly absent?: Readonly<Record<string, string>>;
}

/** Its verbs that are verbs of ours under another name. */
export const RENAMED: Readonly<Record<string, readonly string[]>> = {
  'ex apply-live': ['apply-live'],
  'ex history': ['history'],
  'ex unpin': ['pin', '--unpin'],
  'pkg-add': ['install'],
  'pkg-remove': ['uninstall'],
  makecache: ['refresh-md'],
  rpm: ['db'],
};

/** Its verbs that are verbs of ostree. */
export const OF_OSTREE: Readonly<Record<string, readonly string[]>> = {
  usroverlay: ['admin', 'unlock'],
  unlock: ['admin', 'unlock'],
};

/** Its verbs that nothing here does, and why. */
export const NOT_SERVED: Readonly<Record<string, string>> = {
  cancel: 'there is no daemon that holds a transaction: Ctrl-C or SIGTERM ends a command',
  reload: 'there is no daemon: every command reads the configuration anew',
  'start-daemon': 'there is no daemon',
  compose: 'trees are composed elsewhere; this program layers packages on them',
  container: 'trees are OSTree commits here, not container images',
  'finalize-deployment': "deployments are not locked: 'yum-ostree-boot finalize-staged' does it at shutdown",
  cliwrap: "programs are not wrapped: 'yum-ostree install' is the way",
  'scriptlet-intercept': 'scripts run in a sandbox of their own',
  module: 'modularity is gone from rpm-ostree too',
  ex: 'of the experimental verbs only apply-live, history and unpin are there',
  testutils: 'it is for the tests of rpm-ostree',
  internals: 'it is for rpm-ostree itself',
  'shlib-backend': 'it is for rpm-ostree itself',
};

const NO_DRIVER = 'no program registers as the one that updates the system';

/** Of all its verbs. */
export const OF_ALL: TheirSwitches = {
  ignored: ['--peer'],
  absent: {
    '--lock-finalization': 'what is deployed boots next; nothing waits to be unlocked',
  },
};

const OF_BASES: TheirSwitches = {
  ignored: ['--bypass-driver', '--skip-branch-check', '--skip-purge'],
  absent: { '--register-driver': NO_DRIVER, '--driver': NO_DRIVER },
};

const OF_PACKAGES: TheirSwitches = {
  renamed: { '--assumeyes': '--yes' },
  absent: { '--releasever': "it is the VERSION_ID of the base's os-release" },
};

const OF_DB: TheirSwitches = {
  valued: 'F',
  renamed: { '-a': '--advisories', '-r': '--repo' },
  absent: { '--repo': 'the trees of a system are asked about: --sysroot' },
};

/** By verb, as it is spelled after `RENAMED`. */
export const OF_VERB: Readonly<Record<string, TheirSwitches>> = {
  upgrade: {
    ...OF_BASES,
    renamed: { '--check-diff': '--preview', '--upgrade-unchanged-exit-77': '--unchanged-exit-77' },
  },
  deploy: {
    ...OF_BASES,
    absent: {
      ...OF_BASES.absent,
      '--preview': "'deploy --dry-run' shows what is layered, 'db diff' what two trees differ by",
      '--ex-cliwrap': 'programs are not wrapped',
    },
  },
  rebase: {
    ...OF_BASES,
    valued: 'bm',
    ignored: [...(OF_BASES.ignored ?? []), '--experimental'],
    absent: {
      ...OF_BASES.absent,
      '--custom-origin-url': 'a tree is called by its ref or commit',
      '--custom-origin-description': 'a tree is called by its ref or commit',
    },
  },
  install: OF_PACKAGES,
  uninstall: OF_PACKAGES,
  status: {
    valued: 'J',
    ignored: ['--pretty', '-p'],
    absent: { '--jsonpath': 'jq picks from status --json', '-J': 'jq picks from status --json' },
  },
  db: OF_DB,
  'db list': {
    ...OF_DB,
    absent: { ...OF_DB.absent, '--advisories': "'db diff --advisories' tells of those between two trees" },
  },
  history: { valued: 'n', ignored: ['--all', '--deployments', '--no-pager'] },
};

/** Verbs of which `-r` is something else than a reboot. */
export const OTHER_R: readonly string[] = ['cleanup', 'db'];
