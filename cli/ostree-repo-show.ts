/** `show` and `log`: commits in words. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { remotesDirectory } from '#cli/ostree-repo-remotes-directory.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { signaturesText } from '#cli/signatures-text.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { bytesToHex, checksumBytes, type Checksum } from '#ostree/format/checksum.ts';
import { metadataString, type Commit } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import { parse, type GValue, type VariantDict } from '#ostree/format/gvariant.ts';
import { byteswapped, gvariantText } from '#ostree/format/gvariant-text.ts';
import { verifyGpg } from '#ostree/repo/gpg.ts';
import { hasObject, loadCommit, loadMetadataBytes, readDetachedMetadata } from '#ostree/repo/objects.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { findRemote } from '#ostree/repo/remote.ts';
import { allKeyrings, gpgSignatures, namedKeys, remoteKeyrings } from '#ostree/repo/trusted-keys.ts';
import type { Repo } from '#ostree/repo/repo.ts';

const COMMIT_TYPE = '(a{sv}aya(say)sstayay)';

interface ShowOptions {
  readonly raw?: boolean;
  readonly byteswap: boolean;
  readonly printMetadataKey?: string;
  readonly printDetachedMetadataKey?: string;
  readonly printVariantType?: string;
  readonly listMetadataKeys?: boolean;
  readonly listDetachedMetadataKeys?: boolean;
  readonly printRelated?: boolean;
  readonly gpgHomedir?: string;
  readonly gpgVerifyRemote?: string;
}

export function addShowVerbs(program: Command, context: CliContext): void {
  repoVerb(program, 'show <object>', 'print a commit')
    .option('--print-metadata-key <key>', 'print the value of a metadata key')
    .option('--print-detached-metadata-key <key>', 'print the value of a detached metadata key')
    .option('--print-variant-type <type>', 'OBJECT is a file: print it as a value of that GVariant type')
    .option('--list-metadata-keys', 'print the names of the metadata')
    .option('--list-detached-metadata-keys', 'print the names of the detached metadata')
    .option('--print-related', 'print the commits that it names as related')
    .option('--raw', 'print the object’s data')
    .option('-B, --no-byteswap', 'print numbers as they are stored')
    .option('--gpg-homedir <directory>', 'check signatures with the keys there')
    .option('--gpg-verify-remote <name>', 'check signatures with the keys of this remote')
    .action((object: string, options: ShowOptions, command: Command) => {
      if (options.printVariantType !== undefined)
        return context.out(variantFile(context, object, { ...options, type: options.printVariantType }));
      withRepo(context, command, (repo) => show(context, repo, { object, options, command }));
    });
  repoVerb(program, 'log <rev>', 'print a commit and its history')
    .option('--raw', 'print the objects’ data')
    .action((rev: string, options: { raw?: boolean }, command: Command) =>
      withRepo(context, command, (repo) =>
        log(context, repo, { start: resolveRev(repo, rev), raw: options.raw === true }),
      ),
    );
}

function variantFile(
  context: CliContext,
  file: string,
  options: { readonly type: string; readonly byteswap: boolean },
): string {
  const value = parse(options.type, context.sys.readFile(AT_FDCWD, file));
  return `${gvariantText(options.type, options.byteswap ? byteswapped(options.type, value) : value)}\n`;
}

function show(
  context: CliContext,
  repo: Repo,
  request: { readonly object: string; readonly options: ShowOptions; readonly command: Command },
): void {
  const { options } = request;
  const checksum = resolveRev(repo, request.object);
  const { printMetadataKey: key, printDetachedMetadataKey: detachedKey } = options;
  if (key !== undefined)
    return printKey(context, { dict: loadCommit(repo, checksum).metadata, key }, options);
  if (detachedKey !== undefined)
    return printKey(context, { dict: readDetachedMetadata(repo, checksum) ?? [], key: detachedKey }, options);
  if (options.listMetadataKeys === true) return context.out(keyLines(loadCommit(repo, checksum).metadata));
  if (options.listDetachedMetadataKeys === true)
    return context.out(keyLines(readDetachedMetadata(repo, checksum) ?? []));
  if (options.printRelated === true) return context.out(relatedLines(repo, checksum));
  if (options.raw === true) return context.out(rawText(repo, checksum, options.byteswap));
  context.out(commitText(repo, checksum));
  const signatures = gpgSignatures(readDetachedMetadata(repo, checksum));
  if (signatures.length === 0) return;
  const data = loadMetadataBytes(repo, checksum, 'commit');
  const found = verifyGpg(data, signatures, keyringsFor(context, repo, request));
  context.out(signaturesText(found, repo.sys.now(), 'Found'));
}

/** All there are, where none are named. @throws UserError NO_REMOTE, NO_KEY */
function keyringsFor(
  context: CliContext,
  repo: Repo,
  { options, command }: { readonly options: ShowOptions; readonly command: Command },
): Uint8Array[] {
  const trust = { globalDirectory: context.env['OSTREE_GPG_HOME'] };
  if (options.gpgVerifyRemote !== undefined) {
    const directory = remotesDirectory(context, command);
    return remoteKeyrings(repo, findRemote(repo, options.gpgVerifyRemote, directory), trust);
  }
  return options.gpgHomedir === undefined ? allKeyrings(repo, trust) : namedKeys(options.gpgHomedir);
}

function keyLines(dict: VariantDict): string {
  return [...dict]
    .map(([key]) => `${key}\n`)
    .sort(compareBytewise)
    .join('');
}

function relatedLines(repo: Repo, checksum: Checksum): string {
  const [, , related] = parse(COMMIT_TYPE, loadMetadataBytes(repo, checksum, 'commit')) as GValue[];
  return (related as [string, Uint8Array][])
    .map(([name, commit]) => `${name} ${bytesToHex(commit)}\n`)
    .join('');
}

function printKey(
  context: CliContext,
  from: { readonly dict: VariantDict; readonly key: string },
  options: { readonly byteswap: boolean },
): void {
  const found = from.dict.find(([name]) => name === from.key)?.[1];
  if (found === undefined) throw new UserError('NO_METADATA', `No such metadata key '${from.key}'`);
  const value = options.byteswap ? byteswapped(found.type, found.value) : found.value;
  context.out(`${gvariantText(found.type, value)}\n`);
}

function log(
  context: CliContext,
  repo: Repo,
  from: { readonly start: Checksum; readonly raw: boolean },
): void {
  for (let next: Checksum | null = from.start; next !== null;) {
    context.out(from.raw ? rawText(repo, next, true) : commitText(repo, next));
    next = loadCommit(repo, next).parent;
    if (next === null || hasObject(repo, next, 'commit')) continue;
    context.out('<< History beyond this commit not fetched >>\n');
    return;
  }
}

function rawText(repo: Repo, checksum: Checksum, swap: boolean): string {
  const value = parse(COMMIT_TYPE, loadMetadataBytes(repo, checksum, 'commit'));
  return `commit ${checksum}\n${gvariantText(COMMIT_TYPE, swap ? byteswapped(COMMIT_TYPE, value) : value)}\n`;
}

/** As ostree 2022.7 prints a commit. */
function commitText(repo: Repo, checksum: Checksum): string {
  const commit = loadCommit(repo, checksum);
  const version = metadataString(commit, 'version');
  const lines = [
    `commit ${checksum}`,
    ...(commit.parent === null ? [] : [`Parent:  ${commit.parent}`]),
    `ContentChecksum:  ${contentChecksum(repo, commit)}`,
    `Date:  ${dateText(commit.timestamp)}`,
    ...(version === undefined ? [] : [`Version: ${version}`]),
  ];
  return `${lines.join('\n')}\n${messageText(commit)}`;
}

function messageText({ subject, body }: Commit): string {
  const head = subject === '' ? '(no subject)\n' : `\n${indented(subject)}`;
  return `${head}${body === '' ? '' : `\n${indented(body)}`}\n`;
}

function indented(text: string): string {
  const lines = text.endsWith('\n') ? text.slice(0, -1) : text;
  return lines
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');
}

/** A checksum of the tree alone: equal for commits that differ in metadata only. */
function contentChecksum(repo: Repo, commit: Commit): string {
  const hash = repo.sys.sha256();
  hash.update(checksumBytes(commit.rootContents));
  hash.update(checksumBytes(commit.rootMeta));
  return hash.digest();
}

function dateText(seconds: number): string {
  const iso = new Date(seconds * 1000);
  if (Number.isNaN(iso.getTime())) return `(out of range: ${seconds})`;
  return `${iso.toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}
