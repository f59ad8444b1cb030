/** The metadata of a commit, from the command line. */
import { parseDateWords } from '#cli/date-words.ts';
import type { CommitOptions } from '#cli/ostree-repo-commit.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Variant, VariantDict } from '#ostree/format/gvariant.ts';
import { parseGvariantText } from '#ostree/format/gvariant-parse-text.ts';
import { keyFileString } from '#ostree/format/keyfile.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { withBootable } from '#ostree/repo/bootable.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** In the order in which ostree writes it, which the commit's checksum depends on. */
export function commitMetadata(
  repo: Repo,
  options: CommitOptions,
  made: { readonly parent: Checksum | null; readonly tree: MutableTree },
): VariantDict {
  const given: VariantDict = [
    ...(options.addMetadataString ?? []).map((pair) => stringEntry(pair, '--add-metadata-string')),
    ...(options.addMetadata ?? []).map((pair) => variantEntry(pair)),
    ...(options.keepMetadata ?? []).map((key) => keptEntry(repo, made.parent, key)),
  ];
  const bound = options.bindings ? [...given, ...bindings(repo, options)] : given;
  return options.bootable === true ? withBootable(bound, made.tree) : bound;
}

/** `KEY=VALUE`. @throws UserError BAD_OPTION */
export function keyValue(text: string, option: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 0)
    throw new UserError('BAD_OPTION', `Missing '=' in KEY=VALUE metadata '${text}' of ${option}`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** Seconds since the epoch from a date as people write it. @throws UserError BAD_OPTION */
export function parseTimestamp(text: string): number {
  const seconds = parseDateWords(text, Date.now());
  if (seconds === null)
    throw new UserError('BAD_OPTION', `Could not parse '${text}'`, {
      hint: 'e.g. 2020-01-01 12:00:00 +0000, 1 week ago or @1577836800',
    });
  return seconds;
}

/** The time of `SOURCE_DATE_EPOCH`, which reproducible builds set; null without one. @throws UserError BAD_OPTION */
export function sourceDateEpoch(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\s*\+?\d+$/.test(text))
    throw new UserError(
      'BAD_OPTION',
      `Failed to convert SOURCE_DATE_EPOCH '${text}': it is no number of seconds`,
    );
  if (!Number.isSafeInteger(Number(text)))
    throw new UserError('BAD_OPTION', `Parsing SOURCE_DATE_EPOCH: Numerical result out of range: '${text}'`);
  return Number(text);
}

function stringEntry(pair: string, option: string): readonly [string, Variant] {
  const [key, value] = keyValue(pair, option);
  return [key, { type: 's', value }];
}

function variantEntry(pair: string): readonly [string, Variant] {
  const [key, value] = keyValue(pair, '--add-metadata');
  return [key, parseGvariantText(value)];
}

function keptEntry(repo: Repo, parent: Checksum | null, key: string): readonly [string, Variant] {
  const entry =
    parent === null ? undefined : loadCommit(repo, parent).metadata.find(([name]) => name === key);
  if (entry === undefined)
    throw new UserError('NO_METADATA', `Missing metadata key '${key}' from commit '${parent ?? 'none'}'`);
  return entry;
}

function bindings(repo: Repo, options: CommitOptions): VariantDict {
  const branch = options.branch === undefined ? [] : [options.branch];
  const refs = [...branch, ...(options.bindRef ?? [])].sort(compareBytewise);
  const collection = keyFileString(repo.config, 'core', 'collection-id');
  const entry: VariantDict = [['ostree.ref-binding', { type: 'as', value: refs }]];
  return collection === null
    ? entry
    : [...entry, ['ostree.collection-binding', { type: 's', value: collection }]];
}
