import fs from 'node:fs';
import path from 'node:path';
import { digestOf, digestOfSources, cachedDirectory, keepOnly } from '#test/fixtures/content-cache.ts';
import { registerPackages } from '#test/bench/synthetic-rpms.ts';
import { syntheticPackages, writeFiles } from '#test/bench/synthetic-tree.ts';
import { walkFiles } from '#test/fixtures/build-root.ts';
import { prepareInputs, INPUTS_DIRECTORY } from '#test/fixtures/demo-inputs.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

/** A base tree of a certain size. */
export interface BenchBase {
  readonly tree: string;
  readonly files: number;
  /** Where the rpm database of the same tree is in which every file belongs to a package. */
  readonly fullRpmdb: string;
}

const RPMDB = 'usr/share/rpm/rpmdb.sqlite';

export interface BenchInputs {
  readonly bases: readonly BenchBase[];
  /** The directory of the demo's RPM files. */
  readonly packages: string;
}

/**
 * The demo's base tree (kernel, systemd, rpmdb) with synthetic files added up to each of `sizes` regular files.
 * Their rpm database is the same in all of them, that of the smallest size, in which every file is owned: what grows
 * between the sizes is the tree alone. The database in which every file of a larger tree is owned lies beside it.
 */
export async function prepareBases(
  directory: string,
  sizes: readonly number[],
  report: (line: string) => void,
): Promise<BenchInputs> {
  const { base, repository } = await prepareInputs({ directory: INPUTS_DIRECTORY, report });
  const builders = digestOfSources(import.meta.dirname, [
    'base.ts',
    'synthetic-rpms.ts',
    'synthetic-tree.ts',
  ]);
  const real = walkFiles(base.path).filter((file) => file.kind === 'file').length;
  fs.mkdirSync(directory, { recursive: true });
  const bases: BenchBase[] = [];
  for (const size of sizes) {
    const key = digestOf(base.path, builders, String(size)).slice(0, 16);
    const made = await cachedDirectory(path.join(directory, key), async (scratch) => {
      report(`making a base tree of ${size} files (kept for the next run)`);
      await makeBase(scratch, base.path, size - real);
    });
    bases.push({
      tree: path.join(made.path, 'tree'),
      files: size,
      fullRpmdb: path.join(made.path, 'rpmdb/rpmdb.sqlite'),
    });
  }
  keepOnly(directory, new Set(bases.map((one) => path.basename(path.dirname(one.tree)))));
  const smallest = bases[0];
  for (const one of bases) fs.copyFileSync(smallest?.fullRpmdb ?? '', path.join(one.tree, RPMDB));
  return { bases, packages: path.join(repository.path, 'Packages') };
}

async function makeBase(scratch: string, demoTree: string, count: number): Promise<void> {
  const tree = path.join(scratch, 'tree');
  const dbpath = path.join(scratch, 'rpmdb');
  const packages = syntheticPackages(count);
  // The synthetic files alone first: rpmbuild takes its build root as it is.
  writeFiles(tree, packages);
  fs.mkdirSync(dbpath);
  fs.copyFileSync(path.join(demoTree, RPMDB), path.join(dbpath, 'rpmdb.sqlite'));
  const rpmScratch = path.join(scratch, 'scratch');
  fs.mkdirSync(rpmScratch);
  await registerPackages({ root: tree, packages, scratch: rpmScratch }, dbpath);
  fs.rmSync(rpmScratch, { recursive: true });
  await foldWal(dbpath);
  await runCommand('cp', ['--archive', '--no-clobber', `${demoTree}/.`, tree]);
}

/** Everything into the one file, in the journal mode that reading leaves alone. */
async function foldWal(dbpath: string): Promise<void> {
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(path.join(dbpath, 'rpmdb.sqlite'));
  try {
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.pragma('journal_mode = DELETE');
  } finally {
    database.close();
  }
}
