/** Executes one target after the other on inputs that a seed decides, and keeps those whose outcome is new. */
import { mutate } from './mutate.ts';
import { seededRandom, type Random } from './random.ts';
import type { FuzzTarget } from './targets.ts';
import { UserError } from '#ostree/format/errors.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

export interface FuzzRequest {
  readonly targets: readonly FuzzTarget[];
  readonly executions: number;
  readonly seed: number;
  /** Called before each execution: for what watches from outside. */
  readonly watch?: (target: string, input: Uint8Array, execution: number) => void;
  /** Called after the last execution of each target. */
  readonly ended?: (counts: TargetCounts) => void;
}

export interface TargetCounts {
  readonly target: string;
  readonly executions: number;
  /** How many ended in a value; the others in a UserError. */
  readonly accepted: number;
  /** Inputs with an outcome of their own. */
  readonly corpus: number;
  readonly findings: number;
}

export interface FuzzResult {
  /** Sums over the targets. */
  readonly executions: number;
  readonly accepted: number;
  readonly corpus: number;
  readonly findings: readonly FuzzFinding[];
  /** Of all outcomes: the same for the same request in every engine. */
  readonly digest: number;
}

export interface FuzzFinding {
  readonly target: string;
  readonly input: Uint8Array;
  readonly error: string;
}

const MOST_FINDINGS = 20;
const LARGEST_CORPUS = 2000;

export function fuzz(request: FuzzRequest): FuzzResult {
  const findings: FuzzFinding[] = [];
  const totals = { executions: 0, accepted: 0, corpus: 0, digest: 0 };
  const share = Math.ceil(request.executions / request.targets.length);
  request.targets.forEach((target, index) => {
    const random = seededRandom(request.seed + index);
    const corpus = new Corpus(target.seeds);
    const words = target.words.map((word) => [...utf8Bytes(word)]);
    const counts = { executions: 0, accepted: 0, findings: 0 };
    for (let i = 0; i < share && findings.length < MOST_FINDINGS; i++) {
      const bytes =
        target.seeds[i] ?? mutate(corpus.pick(random), random, { words, other: corpus.pick(random) });
      const input = Uint8Array.from(bytes);
      request.watch?.(target.name, input, totals.executions + counts.executions);
      const outcome = execute(target, input);
      counts.executions++;
      totals.digest = hashed(totals.digest, outcome.text);
      if (outcome.kind === 'accepted') counts.accepted++;
      if (outcome.kind === 'finding') {
        counts.findings++;
        findings.push({ target: target.name, input, error: outcome.text });
      }
      corpus.keep(outcome, bytes);
    }
    totals.executions += counts.executions;
    totals.accepted += counts.accepted;
    totals.corpus += corpus.size;
    request.ended?.({ target: target.name, ...counts, corpus: corpus.size });
  });
  return { ...totals, findings };
}

/** The seeds, and the inputs whose outcome was new. */
class Corpus {
  readonly #accepted;
  readonly #refused: { readonly inputs: (readonly number[])[]; readonly shapes: Set<string> };

  constructor(seeds: FuzzTarget['seeds']) {
    this.#accepted = { inputs: seeds.map((seed): readonly number[] => [...seed]), shapes: new Set<string>() };
    this.#refused = { inputs: [], shapes: new Set() };
  }

  /** Half of them were accepted: nearly all changes of a text that was refused are refused for the same reason. */
  pick(random: Random): readonly number[] {
    const refused = this.#refused.inputs;
    return random.pick(random.below(2) === 0 && refused.length > 0 ? refused : this.#accepted.inputs);
  }

  keep(outcome: FuzzOutcome, input: Iterable<number>): void {
    const { inputs, shapes } = outcome.kind === 'accepted' ? this.#accepted : this.#refused;
    const shape = shapeOf(outcome.text);
    if (shapes.has(shape) || shapes.size > LARGEST_CORPUS) return;
    shapes.add(shape);
    inputs.push([...input]);
  }

  get size(): number {
    return this.#accepted.shapes.size + this.#refused.shapes.size;
  }
}

export interface FuzzOutcome {
  readonly kind: 'accepted' | 'refused' | 'finding';
  readonly text: string;
}

export function execute(target: FuzzTarget, input: Uint8Array): FuzzOutcome {
  try {
    return { kind: 'accepted', text: target.run(input) };
  } catch (error) {
    if (error instanceof UserError) return { kind: 'refused', text: `${error.code}: ${error.message}` };
    return {
      kind: 'finding',
      text: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    };
  }
}

/** An outcome without what the input put into it: letters of names, digits, all after a quote. */
function shapeOf(text: string): string {
  let shape = '';
  for (let i = 0; i < text.length && shape.length < 100; i++) {
    const c = text.charAt(i);
    if (c === "'" || c === '\n') break;
    if (c >= '0' && c <= '9') continue;
    shape += c;
  }
  return `${shape}/${Math.min(text.length >> 4, 16)}`;
}

function hashed(before: number, text: string): number {
  let hash = before ^ text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}
