/** The part of composing that runs packages' scripts: on a farm of the composed tree, below an overlay. */
import { AT_FDCWD } from '#native/syscalls.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { BaseDatabase } from '#layering/base-database.ts';
import type { LateOwner } from '#layering/compose-tree.ts';
import { applyOverlay } from '#layering/overlay-apply.ts';
import { overlayChanges } from '#layering/overlay-changes.ts';
import {
  fileTriggersOf,
  matchingPaths,
  type PackageScript,
  type ScriptPlan,
  type ScriptSource,
} from '#layering/scripts-plan.ts';
import { startScripts, type ScriptHost, type ScriptSession } from '#layering/scripts-run.ts';
import { addedEntries, appendEntries, readUserIds, userId } from '#layering/users.ts';
import { readTreeUsers, replaceTreeText, type TreeUsers } from '#layering/users-tree.ts';

/** A file trigger with the paths that it gets. */
export interface TriggerRun {
  readonly script: PackageScript;
  readonly stdin: string;
}

export interface ScriptWork {
  readonly plan: ScriptPlan;
  readonly triggers: readonly TriggerRun[];
  readonly lateOwners: readonly LateOwner[];
  /** The tree as it is checked out in the farm. */
  readonly tree: TreeChecksums;
}

const LDCONFIG = ['usr/sbin/ldconfig', 'usr/bin/ldconfig'];
const LIBRARY = /^usr\/(lib|lib32|lib64|libx32)\/.*\.so(\.|$)/;
const LIBRARY_CONFIG = /^usr\/etc\/ld\.so\.conf(\.d\/|$)/;

/**
 * The file triggers that changed paths set off: those of base packages with the changed paths, those of new packages
 * with all paths in the tree; then ldconfig, once, where a library changed.
 */
export function triggerRuns(
  tree: MutableTree,
  facts: {
    readonly database: BaseDatabase;
    readonly added: readonly ScriptSource[];
    readonly changed: readonly string[];
    readonly wantsLdconfig: boolean;
  },
): TriggerRun[] {
  // Directories are left out: most are there only because of what lies in them.
  const present = facts.changed.filter((path) => tree.get(path)?.kind === 'file');
  const absolute = present.map(packagePath);
  const ofBase = facts.database.triggerPackages().flatMap(fileTriggersOf);
  const runs = [
    ...ofBase.map((trigger) => ({ trigger, paths: matchingPaths(trigger, absolute) })),
    ...facts.added
      .flatMap(fileTriggersOf)
      .map((trigger) => ({ trigger, paths: pathsBelow(tree, trigger.prefixes) })),
  ]
    .filter(({ paths }) => paths.length > 0)
    .sort((a, b) => b.trigger.priority - a.trigger.priority)
    .map(({ trigger, paths }) => ({ script: trigger, stdin: paths.map((path) => `${path}\n`).join('') }));
  return [...runs, ...ldconfigRun(tree, facts)];
}

/** Runs everything. What the scripts wrote is in the session's upper layer. The caller ends the session. */
export async function runScripts(host: ScriptHost, repo: Repo, work: ScriptWork): Promise<ScriptSession> {
  const session = startScripts(host);
  try {
    const tree = MutableTree.fromChecksums(repo, work.tree.contents, work.tree.meta);
    showSystemUsers(host, session, readTreeUsers(repo, tree));
    for (const script of work.plan.pre) await runOne(host, session, script);
    giveLateOwners(host, session, work.lateOwners);
    for (const script of work.plan.post) await runOne(host, session, script);
    for (const script of work.plan.posttrans) await runOne(host, session, script);
    for (const { script, stdin } of work.triggers) await runOne(host, session, script, stdin);
    return session;
  } catch (error) {
    session.end();
    throw error;
  }
}

/** Brings what the scripts wrote into the tree; users that they made go where the base keeps its own. */
export function takeScriptChanges(
  txn: Transaction,
  tree: MutableTree,
  session: Pick<ScriptSession, 'upper'>,
): { readonly changed: readonly string[]; readonly ignored: readonly string[] } {
  const users = readTreeUsers(txn.repo, tree);
  const { sys } = txn.repo;
  const changes = overlayChanges(sys, session.upper);
  if (users.directory === 'usr/etc') return applyOverlay(txn, tree, { upper: session.upper, changes });
  const rest = changes.filter(({ path }) => path !== 'usr/etc/passwd' && path !== 'usr/etc/group');
  const applied = applyOverlay(txn, tree, { upper: session.upper, changes: rest });
  for (const name of ['passwd', 'group'] as const) {
    const shown = sys.readText(session.upper, `usr/etc/${name}`);
    const added = shown === null ? [] : addedEntries(mergedUsers(users.files[name], users.etc[name]), shown);
    if (added.length === 0) continue;
    const text = appendEntries(users.files[name], added);
    replaceTreeText(txn, tree, { path: `usr/lib/${name}`, text, mode: 0o100644 });
  }
  return applied;
}

async function runOne(
  host: ScriptHost,
  session: ScriptSession,
  script: PackageScript,
  stdin?: string,
): Promise<void> {
  const what = script.body === '' ? script.interpreter.join(' ') : `%${script.phase} of ${script.package}`;
  const text = `Running ${what}`;
  host.progress({ kind: 'stage', stage: 'scripts', text });
  await session.run(script, stdin);
}

/** Where the system's users are in usr/lib, scripts see them in /etc, and add their own there. */
function showSystemUsers(host: ScriptHost, session: ScriptSession, users: TreeUsers): void {
  if (users.directory === 'usr/etc') return;
  for (const name of ['passwd', 'group'] as const) {
    const own = host.sys.readText(AT_FDCWD, `${host.farm}/usr/etc/${name}`) ?? '';
    replaceText(host, `${session.merged}/usr/etc/${name}`, mergedUsers(users.files[name], own));
  }
}

function mergedUsers(system: string, own: string): string {
  return appendEntries(system, addedEntries(system, own));
}

function replaceText(host: ScriptHost, path: string, text: string): void {
  const temporary = `${path}.yum-ostree`;
  const fd = host.sys.open(AT_FDCWD, temporary, ['write', 'create', 'truncate'], 0o644);
  try {
    host.sys.write(fd, text);
  } finally {
    host.sys.close(fd);
  }
  host.sys.rename(AT_FDCWD, temporary, AT_FDCWD, path);
}

/** Files of users that %pre made, now that there are such users; through the overlay, so that they are copied first. */
function giveLateOwners(host: ScriptHost, session: ScriptSession, late: readonly LateOwner[]): void {
  if (late.length === 0) return;
  const { sys } = host;
  const text = (path: string): string => sys.readText(AT_FDCWD, `${session.merged}/${path}`) ?? '';
  const ids = readUserIds(
    [text('usr/etc/passwd'), text('usr/lib/passwd')],
    [text('usr/etc/group'), text('usr/lib/group')],
  );
  for (const { path, whose, special } of late) {
    const target = `${session.merged}/${path}`;
    const stat = sys.lstat(AT_FDCWD, target);
    if (stat === null) continue;
    sys.chown(
      AT_FDCWD,
      target,
      userId(ids.users, special.user, whose),
      userId(ids.groups, special.group, whose),
    );
    if ((stat.mode & 0o170000) !== 0o120000) sys.chmod(AT_FDCWD, target, stat.mode & 0o7777);
    if (special.capability !== null)
      sys.setXattr(AT_FDCWD, target, 'security.capability', special.capability);
  }
}

function ldconfigRun(
  tree: MutableTree,
  facts: { readonly changed: readonly string[]; readonly wantsLdconfig: boolean },
): TriggerRun[] {
  const program = LDCONFIG.find((path) => tree.get(path)?.kind === 'file');
  const changed = facts.changed.some((path) => LIBRARY.test(path) || LIBRARY_CONFIG.test(path));
  const wanted = facts.wantsLdconfig || (changed && tree.get('usr/etc/ld.so.cache') !== null);
  if (program === undefined || !wanted) return [];
  // -i: the auxiliary cache would be in /var, which is not of the tree.
  const interpreter = [`/${program}`, '-i'];
  return [{ script: { package: 'glibc', phase: 'transfiletriggerin', interpreter, body: '' }, stdin: '' }];
}

/** All files below the prefixes, as packages name them. */
function pathsBelow(tree: MutableTree, prefixes: readonly string[]): string[] {
  const found: string[] = [];
  const walk = (directory: MutableTree, path: string): void => {
    for (const [name, entry] of directory.entries()) {
      const below = `${path}/${name}`;
      if (entry.kind === 'directory') walk(entry.tree, below);
      else found.push(packagePath(below));
    }
  };
  for (const prefix of prefixes) {
    const path = prefix.startsWith('/etc') ? `usr${prefix}` : prefix.replace(/^\/+|\/+$/g, '');
    const entry = tree.get(path);
    if (entry?.kind === 'directory') walk(entry.tree, path);
  }
  return [...new Set(found)];
}

/** `usr/etc/x` in the tree is `/etc/x` for a package. */
function packagePath(path: string): string {
  return path.startsWith('usr/etc/') ? path.slice('usr'.length) : `/${path}`;
}
