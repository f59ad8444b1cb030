import fs from 'node:fs';
import path from 'node:path';
import { placeOf, type Case, type SideName } from '#test/bench/cases.ts';
import { countSyncs, measure, type Argv, type Measurement } from '#test/bench/measure.ts';
import type { Row, Side } from '#test/bench/table.ts';

export interface CasePlace {
  readonly directory: string;
  /** How much the work is done on. */
  readonly size: number;
  readonly unit: Row['unit'];
  readonly peer: string;
  readonly say: (line: string) => void;
  /** Whether fsync and its like are counted, in a run of its own. */
  readonly syncs: boolean;
}

const SIDES = ['ours', 'peer'] as const;

/** Both sides in turn, so that what else the machine does falls on both. */
export function measureCase(one: Case, place: CasePlace, runs: number): Row {
  const { size, unit } = place;
  const taken: Record<SideName, Measurement[]> = { ours: [], peer: [] };
  for (let round = 1; round <= runs; round += 1) {
    for (const side of SIDES) taken[side].push(measure(commandsOf(one, place.directory, { round, side })));
    const [ours, peer] = [taken.ours.at(-1), taken.peer.at(-1)].map((one) => one?.wall.toFixed(2));
    place.say(`${one.name}, ${size} ${unit}, run ${round}: ${ours} s, ${place.peer} ${peer} s`);
  }
  one.verify?.();
  const side = (name: SideName): Side => {
    if (!place.syncs) return { runs: taken[name], syncs: null };
    const commands = commandsOf(one, place.directory, { round: runs + 1, side: name });
    return { runs: taken[name], syncs: countSyncs(commands) };
  };
  return { name: one.name, size, unit, ours: side('ours'), peer: side('peer'), targets: one.targets };
}

function commandsOf(
  one: Case,
  directory: string,
  { round, side }: { readonly round: number; readonly side: SideName },
): readonly Argv[] {
  const place = path.join(placeOf(directory, one.name, round), side);
  fs.mkdirSync(place, { recursive: true });
  one.prepare?.(side, place);
  return one.commands(side, place);
}
