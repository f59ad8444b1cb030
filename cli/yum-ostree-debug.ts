/** `debug …`: what our readers see, for comparing with the peers, and the steps of an installation one by one. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import { collected } from '#cli/yum-ostree-options.ts';

interface ComposeFlags {
  readonly repo: string;
  readonly remove?: string[];
  readonly name?: string[];
  readonly scripts?: string;
}

export function addDebugVerbs(program: Command, context: CliContext, result: VerbResult): void {
  const debug = program.command('debug', { hidden: true }).description('see what the program sees');
  debug
    .command('rpm-dump')
    .description('the files of packages, as rpm -qp --dump prints them')
    .argument('<file...>')
    .action(async (files: string[]) => (await import('#cli/debug-rpm-dump.ts')).debugRpmDump(files, context));
  debug
    .command('rpmdb-list')
    .description('the packages of a tree, as rpm -qa prints them, sorted')
    .argument('<directory>')
    .action(async (directory: string) =>
      (await import('#cli/debug-rpmdb-list.ts')).debugRpmdbList(directory, context),
    );
  debug
    .command('solve-case')
    .description('runs test cases of libsolv, as testsolv does')
    .argument('<file...>')
    .action(async (files: string[]) => {
      const { debugSolveCase } = await import('#cli/debug-solve-case.ts');
      result.exitCode = debugSolveCase(files, context);
    });
  debug
    .command('gvariant')
    .description('a serialized GVariant, as GLib prints it')
    .argument('<type>')
    .argument('<file>')
    .action(async (type: string, file: string) =>
      (await import('#cli/debug-gvariant.ts')).debugGvariant(type, file, context),
    );
  addComposeSteps(debug, context);
}

function addComposeSteps(debug: Command, context: CliContext): void {
  debug
    .command('import')
    .description('imports package files into a repository; prints their refs')
    .requiredOption('--repo <PATH>', 'the repository')
    .argument('<file...>')
    .action(async (files: string[], { repo }: { repo: string }) =>
      (await import('#cli/debug-compose.ts')).debugImport(files, repo, context),
    );
  debug
    .command('compose')
    .description('composes a base and imported packages; prints commit and ref')
    .requiredOption('--repo <PATH>', 'the repository')
    .option('--remove <NAME>', 'leave a package of the base out', collected)
    .option('--scripts <DIR>', 'run scripts, in this folder on the file system of the repository')
    .option('--name <ITEM>', "an item for the tree's name (default: the packages' names)", collected)
    .argument('<base>', 'ref or checksum of the base')
    .argument('[package...]', 'refs of imported packages')
    .action(async (base: string, packages: string[], flags: ComposeFlags) =>
      (await import('#cli/debug-compose.ts')).debugCompose({ base, packages, ...flags }, context),
    );
}
