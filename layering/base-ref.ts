import type { Checksum } from '#ostree/format/checksum.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** Below it the bases of derived trees are numbered. */
export const BASES = 'yum-ostree/base';

/** The ref that keeps `base` from being pruned (a parent protects nothing): one that is there, or the next free number. */
export function baseRef(repo: Repo, base: Checksum): string {
  const refs = listRefs(repo, BASES);
  const known = refs.find(({ checksum }) => checksum === base);
  if (known !== undefined) return known.refspec;
  const numbers = refs.map(({ refspec }) => Number(refspec.slice(BASES.length + 1)));
  return `${BASES}/${Math.max(-1, ...numbers.filter(Number.isInteger)) + 1}`;
}
