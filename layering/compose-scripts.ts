/** The part of composing that runs packages' scripts: on a farm of the composed tree, below an overlay. */
import { AT_FDCWD } from '#native/syscalls.ts';
import { hasProgram } from '#native/static-program.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { BaseDatabase } from '#layering/base-database.ts';
import type { LateOwner } from '#layering/compose-tree.ts';
import { applyOverlay } from '#layering/overlay-apply.ts';
import { overlayChanges } from '#layering/overlay-changes.ts';
import { runKernelWork } from '#layering/initramfs-build.ts';
import { installedForScripts, type DatabaseFile } from '#layering/installed-triggers.ts';
import type { KernelWork } from '#layering/kernel-work.ts';
import { macroProblems } from '#layering/macros.ts';
import type { Nevra } from '#layering/nevra.ts';
import { orderScripts, type ScriptStep } from '#layering/scripts-order.ts';
import {
  isLua,
  problemsOfScript,
  refuseScripts,
  type PackageScript,
  type ScriptPlan,
  type ScriptSource,
} from '#layering/scripts-plan.ts';
import { startScripts, type ScriptHost, type ScriptSession } from '#layering/scripts-run.ts';
import { addedEntries, appendEntries, readUserIds, userId, type UserIds } from '#layering/users.ts';
import { readTreeUsers, replaceTreeText, type TreeUsers } from '#layering/users-tree.ts';

export interface ScriptWork {
  readonly plan: ScriptPlan;
  /** All that runs, in order: the packages' own scripts, and triggers of and by them. */
  readonly triggers: readonly ScriptStep[];
  readonly lateOwners: readonly LateOwner[];
  /** Runs last. */
  readonly kernel: KernelWork | null;
  /** The tree as it is checked out in the farm. */
  readonly tree: TreeChecksums;
}

const LDCONFIG = ['usr/sbin/ldconfig', 'usr/bin/ldconfig'];
const LIBRARY = /^usr\/(lib|lib32|lib64|libx32)\/.*\.so(\.|$)/;
const LIBRARY_CONFIG = /^usr\/etc\/ld\.so\.conf(\.d\/|$)/;

/**
 * All that has to run for the change, in rpm's order; then ldconfig, once, where a library changed.
 * @throws UserError SCRIPT_UNSUPPORTED naming the packages of the base whose triggers cannot run
 */
export function triggerRuns(
  tree: MutableTree,
  facts: {
    readonly database: BaseDatabase;
    readonly added: readonly ScriptSource[];
    /** Base packages. */
    readonly removals?: readonly Nevra[];
    readonly changed: readonly string[];
    readonly wantsLdconfig: boolean;
  },
): ScriptStep[] {
  const installed = installedForScripts(facts.database as BaseDatabase & DatabaseFile, {
    added: facts.added,
    removals: facts.removals ?? [],
  });
  try {
    const steps = orderScripts({ installed, added: facts.added, removed: installed.removed });
    const problems = steps.flatMap(({ script }) => [
      ...problemsOfScript(script),
      ...macroProblems(tree, script),
      ...luaProblems(script),
    ]);
    if (problems.length > 0) refuseScripts([...new Set(problems)]);
    return [...steps, ...ldconfigRun(tree, facts)];
  } finally {
    installed.close();
  }
}

/** Runs everything. What the scripts wrote is in the session's upper layer. The caller ends the session. */
export async function runScripts(host: ScriptHost, repo: Repo, work: ScriptWork): Promise<ScriptSession> {
  const session = startScripts(host);
  try {
    const tree = MutableTree.fromChecksums(repo, work.tree.contents, work.tree.meta);
    showSystemUsers(host, session, readTreeUsers(repo, tree));
    let late = work.lateOwners;
    const lastPre = work.triggers.findLastIndex(({ script }) => script.phase === 'pre');
    for (const [at, step] of work.triggers.entries()) {
      await runOne(host, session, step);
      if (step.script.phase === 'pre') late = giveLateOwners(host, session, late, at === lastPre);
    }
    if (work.kernel !== null) await runKernelWork(host, session, work.kernel);
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

async function runOne(host: ScriptHost, session: ScriptSession, step: ScriptStep): Promise<void> {
  const { script } = step;
  const what = script.body === '' ? script.interpreter.join(' ') : `%${script.phase} of ${script.package}`;
  host.progress({ kind: 'stage', stage: 'scripts', text: `Running ${what}` });
  try {
    await session.run(step);
  } catch (error) {
    if (!step.mayFail || codeOf(error) !== 'SCRIPT_FAILED') throw error;
    host.progress({ kind: 'warning', text: messageOf(error) });
  }
}

function luaProblems(script: PackageScript): string[] {
  if (!isLua(script) || hasProgram('rpm-lua')) return [];
  return [`package ${script.package}: %${script.phase} is written in Lua, which this build cannot run`];
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

/**
 * Files of users that %pre made, now that there are such users; through the overlay, so that they are copied first.
 * @returns those whose users a later %pre may make @throws UserError UNKNOWN_OWNER where there is none
 */
function giveLateOwners(
  host: ScriptHost,
  session: ScriptSession,
  late: readonly LateOwner[],
  isLast: boolean,
): LateOwner[] {
  if (late.length === 0) return [];
  const { sys } = host;
  const text = (path: string): string => sys.readText(AT_FDCWD, `${session.merged}/${path}`) ?? '';
  const ids = readUserIds(
    [text('usr/etc/passwd'), text('usr/lib/passwd')],
    [text('usr/etc/group'), text('usr/lib/group')],
  );
  return late.filter((owner) => {
    try {
      giveOwner(host, session, owner, ids);
      return false;
    } catch (error) {
      if (isLast || codeOf(error) !== 'UNKNOWN_OWNER') throw error;
      return true;
    }
  });
}

function giveOwner(
  { sys }: ScriptHost,
  session: ScriptSession,
  { path, whose, special }: LateOwner,
  ids: UserIds,
): void {
  const user = userId(ids.users, special.user, whose);
  const group = userId(ids.groups, special.group, whose);
  const target = `${session.merged}/${path}`;
  const stat = sys.lstat(AT_FDCWD, target);
  if (stat === null) return;
  sys.chown(AT_FDCWD, target, user, group);
  if ((stat.mode & 0o170000) !== 0o120000) sys.chmod(AT_FDCWD, target, stat.mode & 0o7777);
  if (special.capability !== null) sys.setXattr(AT_FDCWD, target, 'security.capability', special.capability);
}

function ldconfigRun(
  tree: MutableTree,
  facts: { readonly changed: readonly string[]; readonly wantsLdconfig: boolean },
): ScriptStep[] {
  const program = LDCONFIG.find((path) => tree.get(path)?.kind === 'file');
  const changed = facts.changed.some((path) => LIBRARY.test(path) || LIBRARY_CONFIG.test(path));
  const wanted = facts.wantsLdconfig || (changed && tree.get('usr/etc/ld.so.cache') !== null);
  if (program === undefined || !wanted) return [];
  // -i: the auxiliary cache would be in /var, which is not of the tree.
  const interpreter = [`/${program}`, '-i'];
  const script = {
    package: 'glibc',
    phase: 'transfiletriggerin',
    interpreter,
    body: '',
    expand: false,
  } as const;
  return [{ script, args: [], stdin: '', mayFail: false }];
}
