import fs from 'node:fs';
import path from 'node:path';
import { repositories, type Case, type SideName, type Workplace } from '#test/bench/cases.ts';
import { measure, run, type Argv } from '#test/bench/measure.ts';
import type { Row } from '#test/bench/table.ts';
import { BASE_REF } from '#test/fixtures/base-tree.ts';

/** The packages that are added: strace and the library it needs, as the demo's repository has them. */
const ADDED = ['strace', 'libunwind8'];
const DERIVED_BY_HAND = 'derived-by-hand';

/**
 * From imported packages and the base commit to a new commit and its ref, rpm database included; against checking the
 * base out, committing the checkout and removing it, which is the frame of the usual way, with no package added.
 */
export function composeCase(workplace: Workplace): Case {
  const { directory, contestants } = workplace;
  const repos = repositories(directory);
  const repo = `--repo=${repos.peer}`;
  const byHand = (checkout: string): readonly Argv[] => [
    [contestants.ostree.peer, 'checkout', repo, '-H', BASE_REF, checkout],
    [
      ...([contestants.ostree.peer, 'commit', repo, `--branch=${DERIVED_BY_HAND}`] as const),
      ...['--subject=Derived', '--link-checkout-speedup', `--tree=dir=${checkout}`],
    ],
    ['rm', '-rf', checkout],
  ];
  const packageRefs = () => importPackages(workplace);
  return {
    name: 'compose',
    prepare: (side) => {
      removeDerived(repos, side);
    },
    commands: (side, place) =>
      side === 'peer'
        ? byHand(path.join(place, 'tree'))
        : [
            [
              ...([contestants.yumOstree, 'debug', 'compose', `--repo=${repos.ours}`] as const),
              ...[BASE_REF, ...packageRefs()],
            ],
          ],
    verify() {
      const derived = derivedRefs(repos.ours)[0] ?? 'none';
      run(['/usr/bin/ostree', 'ls', `--repo=${repos.ours}`, derived, '/usr/bin/strace']);
      run(['/usr/bin/ostree', 'fsck', '--quiet', `--repo=${repos.ours}`]);
    },
    targets: [
      { kind: 'times-faster', factor: 20 },
      { kind: 'at-most-syncs', count: 10 },
    ],
  };
}

/** The rpm database's part of a compose: read, changed and stored in a process of its own. */
export function rpmdbRow(workplace: Workplace, runs: number): Row {
  const repo = repositories(workplace.directory).ours;
  const script = path.join(import.meta.dirname, 'rpmdb-share.ts');
  const refs = importPackages(workplace);
  const measured = Array.from({ length: runs }, () => {
    const whole = measure([[process.execPath, script, repo, BASE_REF, ...refs]]);
    return { ...whole, wall: Number(whole.stdout) };
  });
  return {
    ...{
      name: 'of which the rpm database',
      size: workplace.base.files,
      unit: 'files',
      peer: null,
      targets: [],
    },
    ours: { runs: measured, syncs: null },
  };
}

/** Imports what is missing; the refs of the packages. */
function importPackages({ directory, contestants, packages }: Workplace): string[] {
  const files = fs
    .readdirSync(packages)
    .filter((name) => ADDED.some((added) => name.startsWith(`${added}-`)))
    .map((name) => path.join(packages, name));
  const repo = `--repo=${repositories(directory).ours}`;
  return run([contestants.yumOstree, 'debug', 'import', repo, ...files])
    .trim()
    .split('\n');
}

/** Takes the derived tree away with its objects, so that each run writes them. */
function removeDerived(repos: Record<SideName, string>, side: SideName): void {
  const refs = side === 'ours' ? derivedRefs(repos.ours) : [DERIVED_BY_HAND];
  for (const ref of refs) run(['/usr/bin/ostree', 'refs', `--repo=${repos[side]}`, '--delete', ref]);
  run(['/usr/bin/ostree', 'prune', `--repo=${repos[side]}`, '--refs-only']);
}

/** Refs of derived trees: not those of packages and bases. */
function derivedRefs(repo: string): string[] {
  return run(['/usr/bin/ostree', 'refs', `--repo=${repo}`])
    .split('\n')
    .filter((ref) => /^yum-ostree\/(?!pkg\/|base\/)/.test(ref));
}
