import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { treeLabels, type TreeSource } from '#cli/ostree-repo-commit-labels.ts';
import {
  commitMetadata,
  keyValue,
  parseTimestamp,
  sourceDateEpoch,
} from '#cli/ostree-repo-commit-metadata.ts';
import { pathList, refuseUnmatched, statOverrides } from '#cli/ostree-repo-lists.ts';
import { collect, repoVerb, wholeNumber, withRepoAsync } from '#cli/ostree-repo-open.ts';
import { chosenEngine } from '#cli/ostree-repo-sign.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { withKey } from '#ostree/format/keyfile.ts';
import { commitDirectory, type CommitModifiers } from '#ostree/repo/commit.ts';
import { signGpg } from '#ostree/repo/gpg.ts';
import { modifiesTrees, modifyTree } from '#ostree/repo/modify-tree.ts';
import { mergeTrees, MutableTree, type TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { loadCommit, loadMetadataBytes, writeDetachedMetadata } from '#ostree/repo/objects.ts';
import { readRef, resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { signedEntry } from '#ostree/repo/sign-commit.ts';
import { updateSummary, wantsSummary } from '#ostree/repo/update-summary.ts';
import { Transaction, type TransactionStats } from '#ostree/repo/transaction.ts';

export interface CommitOptions {
  readonly parent?: string;
  readonly subject?: string;
  readonly body?: string;
  readonly bodyFile?: string;
  readonly branch?: string;
  readonly orphan?: boolean;
  readonly bindings: boolean;
  readonly bindRef?: readonly string[];
  readonly base?: string;
  readonly tree?: readonly string[];
  readonly addMetadataString?: readonly string[];
  readonly addMetadata?: readonly string[];
  readonly keepMetadata?: readonly string[];
  readonly addDetachedMetadataString?: readonly string[];
  readonly gpgSign?: readonly string[];
  readonly gpgHomedir?: string;
  readonly sign?: readonly string[];
  readonly signType: string;
  readonly ownerUid?: number;
  readonly ownerGid?: number;
  readonly canonicalPermissions?: boolean;
  readonly bootable?: boolean;
  readonly modeRoExecutables?: boolean;
  readonly xattrs: boolean;
  readonly selinuxPolicy?: string;
  readonly selinuxPolicyFromBase?: boolean;
  readonly selinuxLabelingEpoch?: number;
  readonly linkCheckoutSpeedup?: boolean;
  readonly devinoCanonical?: boolean;
  readonly skipIfUnchanged?: boolean;
  readonly statoverride?: string;
  readonly skipList?: string;
  readonly consume?: boolean;
  readonly tableOutput?: boolean;
  readonly fsync?: string;
  readonly timestamp?: string;
}

export function addCommitVerb(program: Command, context: CliContext): void {
  const verb = repoVerb(program, 'commit [path]', 'make a commit of directories and trees');
  addMessageOptions(verb);
  addTreeOptions(verb);
  verb.action((path: string | undefined, options: CommitOptions, command: Command) =>
    withRepoAsync(context, command, (repo) =>
      commit(context, withFsync(repo, options.fsync), { path, options }),
    ),
  );
}

function addMessageOptions(verb: Command): void {
  verb
    .option('--parent <commit>', 'the parent’s checksum, or "none"')
    .option('-s, --subject <text>', 'one line')
    .option('-m, --body <text>', 'the full description')
    .option('-F, --body-file <file>', 'the full description, from a file')
    .option('-b, --branch <ref>', 'the ref to set')
    .option('--orphan', 'set no ref')
    .option('--no-bindings', 'record no refs in the commit')
    .option('--bind-ref <ref>', 'record this ref in the commit too', collect)
    .option('--add-metadata-string <key=value>', 'add a string to the metadata', collect)
    .option('--add-metadata <key=value>', 'add a value in GVariant text format to the metadata', collect)
    .option('--keep-metadata <key>', 'keep a value of the parent’s metadata', collect)
    .option('--add-detached-metadata-string <key=value>', 'add a string beside the commit', collect)
    .option('--gpg-sign <key>', 'sign with this key of GnuPG', collect)
    .option('--gpg-homedir <directory>', 'where GnuPG keeps its keys')
    .option('--sign <key>', 'sign with this secret key', collect)
    .option('--sign-type <name>', 'the kind of signature of --sign', 'ed25519')
    .option('--bootable', 'the tree has a kernel')
    .option('--table-output', 'print KEY: VALUE lines')
    .option('--timestamp <time>', 'the commit’s time')
    .option('--fsync <policy>', 'whether to make the commit durable');
}

function addTreeOptions(verb: Command): void {
  verb
    .option('--base <rev>', 'start from that commit')
    .option('--tree <dir=path|ref=commit>', 'lay this over the tree', collect)
    .option('--owner-uid <uid>', 'the owner of all files', wholeNumber)
    .option('--owner-gid <gid>', 'the group of all files', wholeNumber)
    .option('--canonical-permissions', 'modes and owners as bare-user-only repositories hold them')
    .option('--mode-ro-executables', 'executables lose their write bits')
    .option('--no-xattrs', 'leave extended attributes out')
    .option('--selinux-policy <root>', 'label all by the SELinux policy of the root there')
    .option('-P, --selinux-policy-from-base', 'label all by the SELinux policy in the first tree')
    .option('--selinux-labeling-epoch <n>', '1: label usr/etc as /etc (default: 0, by its name)', wholeNumber)
    .option('--link-checkout-speedup', 'do not read files that are hardlinks into the repository')
    .option('-I, --devino-canonical', 'the same')
    .option('--skip-if-unchanged', 'make no commit where the parent has the same tree')
    .option('--statoverride <file>', 'file with changes of modes')
    .option('--skip-list <file>', 'file with the paths to leave out')
    .option('--consume', 'remove the directories afterwards');
}

function withFsync(repo: Repo, policy: string | undefined): Repo {
  if (policy === undefined) return repo;
  const wanted = !['no', 'false', 'none', '0'].includes(policy);
  return { ...repo, config: withKey(repo.config, 'core', 'fsync', wanted) };
}

interface Request {
  readonly path: string | undefined;
  readonly options: CommitOptions;
}

async function commit(context: CliContext, repo: Repo, { path, options }: Request): Promise<void> {
  if (options.branch === undefined && options.orphan !== true)
    throw new UserError('BAD_OPTION', 'A branch must be specified with --branch, or use --orphan');
  const parent = parentOf(repo, options);
  const trees = options.tree ?? [`dir=${path ?? '.'}`];
  const sources = trees.map(treeSource);
  const label = await labelsFor(repo, sources, options);
  const txn = Transaction.begin(repo);
  try {
    const tree = buildTree(context, txn, { sources, options, label });
    const root = tree.write(txn);
    if (options.skipIfUnchanged === true && parent !== null && isSameTree(repo, parent, root))
      return print(context, parent, options.tableOutput === true ? txn.commit() : null);
    const checksum = txn.writeCommit({
      metadata: commitMetadata(repo, options, { parent, tree }),
      parent,
      subject: options.subject ?? '',
      body: bodyOf(context, options),
      timestamp: timeOf(context, options),
      rootContents: root.contents,
      rootMeta: root.meta,
    });
    if (options.branch !== undefined && options.orphan !== true) txn.setRef(options.branch, checksum);
    const stats = txn.commit();
    writeDetached(context, repo, { commit: checksum, options });
    if (wantsSummary(repo, 'commit')) updateSummary(repo);
    if (options.consume === true) consume(repo, trees);
    print(context, checksum, options.tableOutput === true ? stats : null);
  } finally {
    txn.abort();
  }
}

/** @throws UserError BAD_OPTION */
function treeSource(text: string): TreeSource {
  const [kind, value] = keyValue(text, '--tree');
  if (kind === 'dir' || kind === 'ref') return { kind, value };
  throw new UserError('BAD_OPTION', `Invalid tree type specification '${kind}'`, {
    hint: 'dir=PATH and ref=COMMIT are known',
  });
}

async function labelsFor(
  repo: Repo,
  sources: readonly TreeSource[],
  { selinuxPolicy, selinuxPolicyFromBase, selinuxLabelingEpoch: epoch = 0 }: CommitOptions,
): Promise<CommitModifiers['label']> {
  if (selinuxPolicy !== undefined && selinuxPolicyFromBase === true)
    throw new UserError('BAD_OPTION', 'Cannot specify both --selinux-policy and --selinux-policy-from-base');
  if (selinuxPolicy === undefined && selinuxPolicyFromBase !== true) return undefined;
  if (epoch !== 0 && epoch !== 1)
    throw new UserError('BAD_OPTION', `Unknown SELinux labeling epoch ${epoch}: 0 and 1 are known`);
  return await treeLabels(repo, sources, { root: selinuxPolicy ?? null, epoch });
}

function timeOf({ sys, env }: CliContext, { timestamp }: CommitOptions): number {
  if (timestamp !== undefined) return parseTimestamp(timestamp);
  return sourceDateEpoch(env['SOURCE_DATE_EPOCH']) ?? sys.now();
}

function parentOf(repo: Repo, options: CommitOptions): Checksum | null {
  if (options.parent === 'none') return null;
  if (options.parent !== undefined) return resolveRev(repo, options.parent);
  return options.branch === undefined || options.orphan === true ? null : readRef(repo, options.branch);
}

function buildTree(
  context: CliContext,
  txn: Transaction,
  request: {
    readonly sources: readonly TreeSource[];
    readonly options: CommitOptions;
    readonly label: CommitModifiers['label'];
  },
): MutableTree {
  const { options, label } = request;
  const { repo } = txn;
  const seen = new Set<string>();
  const modifiers = { ...modifiersOf(context, options), seen, ...(label === undefined ? {} : { label }) };
  let tree = options.base === undefined ? null : MutableTree.fromCommit(repo, resolveRev(repo, options.base));
  for (const { kind, value } of request.sources)
    tree =
      kind === 'dir'
        ? layDirectory(txn, tree, { path: value, modifiers })
        : layCommit(txn, tree, { commit: resolveRev(repo, value), modifiers });
  if (tree === null) throw new UserError('BAD_OPTION', 'no tree to commit');
  refuseUnmatched('statoverride', modifiers.statOverride?.keys() ?? [], seen);
  refuseUnmatched('skip-list', modifiers.skip ?? [], seen);
  return tree;
}

function layDirectory(
  txn: Transaction,
  tree: MutableTree | null,
  source: { readonly path: string; readonly modifiers: CommitModifiers },
): MutableTree {
  const fd = txn.repo.sys.open(AT_FDCWD, source.path, ['read', 'directory']);
  try {
    return commitDirectory(txn, fd, {
      modifiers: source.modifiers,
      ...(tree === null ? {} : { into: tree }),
    });
  } finally {
    txn.repo.sys.close(fd);
  }
}

function layCommit(
  txn: Transaction,
  tree: MutableTree | null,
  source: { readonly commit: Checksum; readonly modifiers: CommitModifiers },
): MutableTree {
  const over = MutableTree.fromCommit(txn.repo, source.commit);
  if (modifiesTrees(source.modifiers)) modifyTree(txn, over, source.modifiers);
  if (tree === null) return over;
  mergeTrees(tree, over);
  return tree;
}

function modifiersOf(context: CliContext, options: CommitOptions): CommitModifiers {
  return {
    ...(options.ownerUid === undefined ? {} : { ownerUid: options.ownerUid }),
    ...(options.ownerGid === undefined ? {} : { ownerGid: options.ownerGid }),
    ...(options.statoverride === undefined
      ? {}
      : { statOverride: statOverrides(context, options.statoverride) }),
    ...(options.skipList === undefined ? {} : { skip: pathList(context, options.skipList) }),
    canonicalPermissions: options.canonicalPermissions === true,
    readOnlyExecutables: options.modeRoExecutables === true,
    noXattrs: !options.xattrs,
    linkSpeedup: options.linkCheckoutSpeedup === true || options.devinoCanonical === true,
  };
}

function bodyOf(context: CliContext, options: CommitOptions): string {
  if (options.bodyFile === undefined) return options.body ?? '';
  const text = context.sys.readText(AT_FDCWD, options.bodyFile);
  if (text === null) throw new UserError('NO_FILE', `${options.bodyFile}: No such file or directory`);
  return text;
}

function isSameTree(repo: Repo, commit: Checksum, root: TreeChecksums): boolean {
  const { rootContents, rootMeta } = loadCommit(repo, commit);
  return rootContents === root.contents && rootMeta === root.meta;
}

interface Made {
  readonly commit: Checksum;
  readonly options: CommitOptions;
}

function writeDetached(context: CliContext, repo: Repo, { commit, options }: Made): void {
  const texts = (options.addDetachedMetadataString ?? []).map((pair) => {
    const [key, value] = keyValue(pair, '--add-detached-metadata-string');
    return [key, { type: 's', value }] as const;
  });
  const metadata = [...texts, ...signatures(context, repo, { commit, options })];
  if (metadata.length > 0) writeDetachedMetadata(repo, commit, metadata);
}

function signatures(context: CliContext, repo: Repo, { commit, options }: Made): VariantDict {
  const { gpgSign = [], sign = [] } = options;
  if (gpgSign.length + sign.length === 0) return [];
  const bytes = loadMetadataBytes(repo, commit, 'commit');
  const gpg = gpgSign.map((id) => signGpg(bytes, { id, home: options.gpgHomedir ?? null }));
  const engine = chosenEngine(context, options.signType);
  return [
    ...(gpg.length === 0 ? [] : [['ostree.gpgsigs', { type: 'aay', value: gpg }] as const]),
    ...(sign.length === 0 ? [] : [signedEntry(engine, bytes, sign)]),
  ];
}

function consume(repo: Repo, trees: readonly string[]): void {
  for (const text of trees)
    if (text.startsWith('dir=')) repo.sys.removeTreeFast(AT_FDCWD, text.slice('dir='.length));
}

function print(context: CliContext, commit: Checksum, stats: TransactionStats | null): void {
  if (stats === null) return context.out(`${commit}\n`);
  context.out(`Commit: ${commit}\n`);
  context.out(`Metadata Total: ${stats.metadataTotal}\n`);
  context.out(`Metadata Written: ${stats.metadataWritten}\n`);
  context.out(`Content Total: ${stats.contentTotal}\n`);
  context.out(`Content Written: ${stats.contentWritten}\n`);
  context.out(`Content Cache Hits: 0\n`);
  context.out(`Content Bytes Written: ${stats.contentBytes}\n`);
}
