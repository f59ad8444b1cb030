/** `ostree remote refs` and `remote summary`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { rawSummaryText, summaryText } from '#cli/ostree-repo-summary-text.ts';
import { openSource } from '#cli/ostree-repo-remote-source.ts';
import { remotesDirectory } from '#cli/ostree-repo-remotes-directory.ts';
import { signaturesText } from '#cli/signatures-text.ts';
import { repoVerb, withRepoAsync } from '#cli/ostree-repo-open.ts';
import { UserError } from '#ostree/format/errors.ts';
import { verifyGpg } from '#ostree/repo/gpg.ts';
import { parseSignatures } from '#ostree/repo/pull-remote.ts';
import { findRemote } from '#ostree/repo/remote.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { decodeSummary } from '#ostree/repo/summary.ts';
import { gpgSignatures, remoteKeyrings } from '#ostree/repo/trusted-keys.ts';

interface FetchedFiles {
  readonly summary: Uint8Array;
  readonly signature: Uint8Array | null;
}

export function addRemoteRefVerbs(remote: Command, context: CliContext): void {
  repoVerb(remote, 'refs <name>', 'list the refs of a remote')
    .option('--cache-dir <directory>', 'accepted')
    .option('-r, --revision', 'with the commits')
    .action((name: string, options: { revision?: boolean }, command: Command) =>
      withRepoAsync(context, command, async (repo) => {
        const { summary } = await fetchFiles(context, repo, { name, command });
        for (const ref of decodeSummary(summary).refs)
          context.out(`${name}:${ref.name}${options.revision === true ? `\t${ref.checksum}` : ''}\n`);
      }),
    );
  repoVerb(remote, 'summary <name>', 'show the summary of a remote')
    .option('--cache-dir <directory>', 'accepted')
    .option('--raw', 'as GVariant text')
    .action((name: string, options: { raw?: boolean }, command: Command) =>
      withRepoAsync(context, command, async (repo) => {
        const files = await fetchFiles(context, repo, { name, command });
        if (options.raw === true) return context.out(rawSummaryText(files.summary));
        context.out(summaryText(decodeSummary(files.summary)));
        context.out(signatureText(context, repo, { ...files, name, command }));
      }),
    );
}

async function fetchFiles(
  context: CliContext,
  repo: Repo,
  { name, command }: { readonly name: string; readonly command: Command },
): Promise<FetchedFiles> {
  const opened = await openSource(context, repo, findRemote(repo, name, remotesDirectory(context, command)));
  try {
    const summary = await opened.source.file('summary');
    if (summary === null)
      throw new UserError('NO_SUMMARY', 'Remote refs not available; server has no summary file', {
        hint: `'ostree summary --update' makes it there`,
      });
    return { summary, signature: await opened.source.file('summary.sig') };
  } finally {
    opened.close();
  }
}

function signatureText(
  context: CliContext,
  repo: Repo,
  files: FetchedFiles & { readonly name: string; readonly command: Command },
): string {
  const remote = findRemote(repo, files.name, remotesDirectory(context, files.command));
  if (!remote.gpgVerifySummary || files.signature === null) return '';
  const keyrings = remoteKeyrings(repo, remote, { globalDirectory: context.env['OSTREE_GPG_HOME'] });
  const found = verifyGpg(files.summary, gpgSignatures(parseSignatures(files.signature)), keyrings);
  return `\n${signaturesText(found, repo.sys.now(), 'found')}`;
}
