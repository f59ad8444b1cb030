/** `ostree sign`: signatures that are not GnuPG's. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { addSignatures, checkSignatures } from '#ostree/repo/sign-commit.ts';
import { signEngine, type SignEngine } from '#ostree/repo/sign-engines.ts';
import { trustedKeys } from '#ostree/repo/sign-keys.ts';

interface Flags {
  readonly delete?: boolean;
  readonly verify?: boolean;
  readonly signType: string;
  readonly keysFile?: string;
  readonly keysDir?: string;
}

export function addSignVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'sign [commit] [key-ids...]', 'sign a commit, or check its signatures')
    .option('-d, --delete', 'is not there: as in ostree(1) it does nothing')
    .option('--verify', 'check: KEY-ID is a public key')
    .option('-s, --sign-type <name>', 'the kind of signature', 'ed25519')
    .option('--keys-file <file>', 'read keys from there, a line each')
    .option(
      '--keys-dir <directory>',
      'with --verify: trusted.ed25519, revoked.ed25519 and their .d folders are there',
    )
    .action((rev: string | undefined, ids: string[], flags: Flags, command: Command) => {
      if (rev === undefined) throw new UserError('BAD_OPTION', 'Need a COMMIT to sign or verify');
      if (flags.delete === true)
        throw new UserError('BAD_OPTION', '--delete is not implemented, nor in ostree(1)');
      const engine = chosenEngine(context, flags.signType);
      withRepo(context, command, (repo) => {
        const commit = resolveRev(repo, rev);
        if (flags.verify !== true)
          return addSignatures(repo, commit, { engine, secrets: secretsOf(context, ids, flags) });
        const keys = [...ids, ...publicKeysOf(context, flags, ids.length > 0)];
        context.out(`${checkSignatures(repo, commit, { engine, keys })}\n`);
      });
    });
}

/** @throws UserError BAD_OPTION */
export function chosenEngine(context: CliContext, name: string): SignEngine {
  return signEngine(name, context.env['OSTREE_DUMMY_SIGN_ENABLED'] !== undefined);
}

function secretsOf(context: CliContext, ids: readonly string[], { keysFile }: Flags): string[] {
  const secrets = [...ids, ...(keysFile === undefined ? [] : linesOf(context, keysFile))];
  if (secrets.length === 0) throw new UserError('BAD_OPTION', 'Need at least one KEY-ID to sign with');
  return secrets;
}

/** Those of the system, where none are named. */
function publicKeysOf(context: CliContext, { keysFile, keysDir, signType }: Flags, named: boolean): string[] {
  const fromFile = keysFile === undefined ? [] : linesOf(context, keysFile);
  if (keysDir !== undefined) return [...fromFile, ...base64(trustedKeys([keysDir]))];
  return named || keysFile !== undefined || signType !== 'ed25519' ? fromFile : base64(trustedKeys());
}

function base64(keys: readonly Uint8Array[]): string[] {
  return keys.map((key) => Buffer.from(key).toString('base64'));
}

/** @throws UserError NO_FILE */
function linesOf({ sys }: CliContext, file: string): string[] {
  const text = sys.readText(AT_FDCWD, file);
  if (text === null) throw new UserError('NO_FILE', `${file}: No such file or directory`);
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
