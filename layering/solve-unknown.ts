import type { Sack } from '#native/solver.ts';
import type { SolveProblem } from '#layering/problems.ts';

const MOST_SUGGESTIONS = 5;

/** One problem that names every word of the request that nothing matches; none where all are known. */
export function unknownSpecs(sack: Sack, specs: readonly string[]): SolveProblem[] {
  if (specs.length === 0) return [];
  const rules = specs.map((spec) => whyUnknown(sack, spec));
  const similar = [...new Set(specs.flatMap((spec) => similarNames(sack, spec)))];
  return [
    {
      message: `no such package or group: ${specs.join(', ')}${detailsOf(rules)}`,
      rules: rules.map(({ sentence }) => sentence),
      ...(similar.length > 0 ? { hint: `similar names: ${similar.join(', ')}` } : {}),
    },
  ];
}

/** One problem that names every package that cannot be taken out of the base because it is not in it. */
export function unknownRemovals(names: readonly string[]): SolveProblem[] {
  if (names.length === 0) return [];
  const list = names.join(', ');
  return [{ message: `not in the base, so cannot be removed from it: ${list}`, rules: [] }];
}

interface Unknown {
  readonly sentence: string;
  /** Whether the sentence says more than that there is none. */
  readonly known: boolean;
}

function detailsOf(rules: readonly Unknown[]): string {
  const known = rules.filter(({ known }) => known).map(({ sentence }) => sentence);
  return known.length > 0 ? ` (${known.join('; ')})` : '';
}

function whyUnknown(sack: Sack, spec: string): Unknown {
  if (spec.startsWith('@')) return { sentence: `no enabled repository has the group ${spec}`, known: false };
  const hidden = sack.query(spec, true)[0];
  if (hidden === undefined)
    return { sentence: `nothing in the enabled repositories matches ${spec}`, known: false };
  const { name, arch, repo } = hidden;
  const why = arch === 'src' ? 'is a source package' : 'is excluded or made for another architecture';
  return { sentence: `${name}.${arch} of ${repo} ${why}`, known: true };
}

function similarNames(sack: Sack, spec: string): string[] {
  if (!/^[A-Za-z0-9._+-]{3,}$/.test(spec)) return [];
  const names = sack.query(`*${spec}*`, false).map(({ name }) => name);
  return [...new Set(names)].sort((a, b) => a.length - b.length).slice(0, MOST_SUGGESTIONS);
}
