/** `ostree summary`: the list of refs that remotes offer. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { keyValue } from '#cli/ostree-repo-commit-metadata.ts';
import { collect, repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { chosenEngine } from '#cli/ostree-repo-sign.ts';
import { rawSummaryText, summaryText } from '#cli/ostree-repo-summary-text.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { parseGvariantText } from '#ostree/format/gvariant-parse-text.ts';
import { signGpg } from '#ostree/repo/gpg.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { signedEntry } from '#ostree/repo/sign-commit.ts';
import { decodeSummary } from '#ostree/repo/summary.ts';
import { updateSummary } from '#ostree/repo/update-summary.ts';

interface SummaryFlags {
  readonly update?: boolean;
  readonly view?: boolean;
  /** `-v` means `--view` here. */
  readonly verbose?: boolean;
  readonly raw?: boolean;
  readonly addMetadata?: readonly string[];
  readonly gpgSign?: readonly string[];
  readonly gpgHomedir?: string;
  readonly sign?: readonly string[];
  readonly signType: string;
}

export function addSummaryVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'summary', 'list of the refs for others: make or show it')
    .option('-u, --update', 'make it anew')
    .option('--view', 'show it (also -v)')
    .option('--raw', 'show it as GVariant text')
    .option('-m, --add-metadata <key=value>', 'add a value in GVariant text format', collect)
    .option('--gpg-sign <key>', 'sign with this key of GnuPG', collect)
    .option('--gpg-homedir <directory>', 'where GnuPG keeps its keys')
    .option('--sign <key>', 'sign with this secret key', collect)
    .option('--sign-type <name>', 'the kind of signature of --sign', 'ed25519')
    .action((flags: SummaryFlags, command: Command) =>
      withRepo(context, command, (repo) => {
        if (flags.update === true) return update(context, repo, flags);
        const { verbose } = command.optsWithGlobals<SummaryFlags>();
        if (flags.view !== true && verbose !== true && flags.raw !== true)
          throw new UserError('BAD_OPTION', 'No option specified; use -u to update summary');
        const bytes = readSummary(repo);
        if (flags.raw !== true) return context.out(summaryText(decodeSummary(bytes)));
        context.out(rawSummaryText(bytes));
      }),
    );
}

function update(context: CliContext, repo: Repo, flags: SummaryFlags): void {
  const metadata: VariantDict = (flags.addMetadata ?? []).map((pair) => {
    const [key, value] = keyValue(pair, '--add-metadata');
    return [key, parseGvariantText(value)] as const;
  });
  const home = flags.gpgHomedir ?? null;
  const { gpgSign = [], sign = [] } = flags;
  const engine = sign.length === 0 ? null : chosenEngine(context, flags.signType);
  updateSummary(repo, {
    metadata,
    sign: (bytes) => [
      ...(gpgSign.length === 0 ? [] : [gpgEntry(gpgSign.map((id) => signGpg(bytes, { id, home })))]),
      ...(engine === null ? [] : [signedEntry(engine, bytes, sign)]),
    ],
  });
}

function gpgEntry(signatures: readonly Uint8Array[]): VariantDict[number] {
  return ['ostree.gpgsigs', { type: 'aay', value: [...signatures] }];
}

function readSummary(repo: Repo): Uint8Array {
  try {
    return repo.sys.readFile(repo.fd, 'summary');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new UserError('NO_SUMMARY', 'No summary available', { hint: `'ostree summary --update' makes it` });
  }
}
