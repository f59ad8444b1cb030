/**
 * Names of our entries on a boot partition. The list of deployments has a generation G: its default is
 * `yum-ostree-G.conf`, version G; the others, V counting down in the menu's order, are `yum-ostree-0-V-G.conf`, version
 * 0.V. So every default sorts before all else, the newest first, and the other files may come and go in any order.
 */
import type { BootTries } from '#ostree/format/bls.ts';

export interface PartitionName {
  readonly generation: number;
  /** 0 for the default, else V. */
  readonly position: number;
  /** systemd's boot counting. */
  readonly tries: BootTries | null;
}

const PREFIX = 'yum-ostree-';
const SUFFIX = '.conf';

/** `yum-ostree-G.conf`, `yum-ostree-0-V-G.conf`, both with `+LEFT[-USED]`; null for any other name. */
export function parsePartitionName(name: string): PartitionName | null {
  if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) return null;
  const stem = name.slice(PREFIX.length, -SUFFIX.length);
  const plus = stem.indexOf('+');
  const tries = plus < 0 ? null : parseTries(stem.slice(plus + 1));
  if (plus >= 0 && tries === null) return null;
  const numbers = parseNumbers(plus < 0 ? stem : stem.slice(0, plus));
  const [first = 0, position = 0, generation = 0] = numbers ?? [];
  if (numbers?.length === 1 && first > 0) return { generation: first, position: 0, tries };
  const isOther = numbers?.length === 3 && first === 0 && position > 0;
  return isOther ? { generation, position, tries } : null;
}

export function formatPartitionName({ generation, position, tries }: PartitionName): string {
  const used = tries === null || tries.used === 0 ? '' : `-${tries.used}`;
  const counters = tries === null ? '' : `+${tries.left}${used}`;
  return `${PREFIX}${position === 0 ? generation : `0-${position}-${generation}`}${counters}${SUFFIX}`;
}

/** systemd-boot's order of such names: those without tries left last, then by version, then by name, highest first. */
export function comparePartitionNames(a: PartitionName, b: PartitionName): number {
  const byTries = Number(a.tries?.left === 0) - Number(b.tries?.left === 0);
  if (byTries !== 0) return byTries;
  const byDefault = Math.min(a.position, 1) - Math.min(b.position, 1);
  if (byDefault !== 0) return byDefault;
  return b.position - a.position || b.generation - a.generation;
}

function parseTries(text: string): BootTries | null {
  const numbers = parseNumbers(text);
  const [left, used = 0] = numbers ?? [];
  return left === undefined || (numbers?.length ?? 0) > 2 ? null : { left, used };
}

/** Numbers with dashes between them; null for anything else. */
function parseNumbers(text: string): number[] | null {
  const parts = text.split('-');
  const isNumber = (part: string): boolean =>
    part !== '' && part.length <= 9 && [...part].every((c) => c >= '0' && c <= '9');
  return parts.every(isNumber) ? parts.map(Number) : null;
}
