/**
 * npm run fuzz -- [--targets boot|packages|NAME] [--executions N] [--seed S]
 *
 * Executes the parsers of the boot, or of packages and their metadata, or one by its name, N times in all (10 million by
 * default) on inputs that the seed decides, and prints the counts of each and what it found. An execution must end in a
 * value or a UserError within a second.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fuzz, type FuzzFinding, type FuzzResult, type TargetCounts } from './fuzz-run.ts';
import { PACKAGE_TARGETS } from './package-targets.ts';
import { FUZZ_TARGETS, type FuzzTarget } from './targets.ts';

/** Longest time of one execution on a busy machine, in milliseconds. */
const HANG = 20_000;
const SLOW = 1000;
const FINDINGS = path.join(import.meta.dirname, '../../build/fuzz');

interface Watched {
  readonly targets: string;
  readonly executions: number;
  readonly seed: number;
  /** [execution, length of the input, bytes of it]. */
  readonly shared: SharedArrayBuffer;
}

if (isMainThread) await main();
else work(workerData as Watched);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      targets: { type: 'string', default: 'boot' },
      executions: { type: 'string', default: '10000000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [executions, seed] = [Number(values.executions), Number(values.seed)];
  if (!Number.isSafeInteger(executions) || !Number.isSafeInteger(seed))
    throw new Error('--executions and --seed are numbers');
  const { targets } = values;
  if (targetsOf(targets).length === 0)
    throw new Error('--targets is boot, packages or the name of one, such as GVariant');
  const result = await watched({ targets, executions, seed, shared: new SharedArrayBuffer(8 + 4096) });
  for (const finding of result.findings)
    console.log(`${finding.target}: ${finding.error}\n  ${keep(finding)}`);
  const outcomes = (result.digest >>> 0).toString(16);
  console.log(
    `seed ${seed}: ${countsText(result)}, ${result.findings.length} findings; outcomes ${outcomes}`,
  );
  if (result.findings.length > 0) process.exitCode = 1;
}

function targetsOf(name: string): readonly FuzzTarget[] {
  if (name === 'boot') return FUZZ_TARGETS;
  if (name === 'packages') return PACKAGE_TARGETS;
  return [...FUZZ_TARGETS, ...PACKAGE_TARGETS].filter((one) => one.name === name);
}

function countsText({ executions, accepted, corpus }: Omit<TargetCounts, 'target' | 'findings'>): string {
  return `${executions} executions, ${accepted} accepted, ${corpus} kept`;
}

/** A worker executes; here it is seen if one execution does not end. */
async function watched(request: Watched): Promise<FuzzResult> {
  const worker = new Worker(new URL(import.meta.url), { workerData: request });
  const state = new Int32Array(request.shared, 0, 2);
  let last = -1;
  const timer = setInterval(() => {
    const now = Atomics.load(state, 0);
    if (now === last) void stopHung(worker, request.shared, now);
    last = now;
    process.stderr.write(`\r${now} of ${request.executions} `);
  }, HANG);
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (message: FuzzResult | TargetCounts) => {
        if ('target' in message)
          console.log(`${message.target}: ${countsText(message)}, ${message.findings} findings`);
        else resolve(message);
      });
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the fuzzer ended without a result')));
    });
  } finally {
    clearInterval(timer);
    process.stderr.write('\n');
  }
}

async function stopHung(worker: Worker, shared: SharedArrayBuffer, execution: number): Promise<void> {
  const length = Atomics.load(new Int32Array(shared, 0, 2), 1);
  const file = keep({ target: 'hang', input: new Uint8Array(shared, 8, length).slice(), error: '' });
  console.log(`execution ${execution} does not end: ${file}`);
  await worker.terminate();
}

function work({ targets, executions, seed, shared }: Watched): void {
  const state = new Int32Array(shared, 0, 2);
  const copy = new Uint8Array(shared, 8);
  const slow: FuzzFinding[] = [];
  let previous: { readonly target: string; readonly input: Uint8Array; readonly start: number } | null = null;
  const noteSlow = (now: number): void => {
    if (previous !== null && now - previous.start > SLOW)
      slow.push({ ...previous, error: `took ${now - previous.start} ms` });
  };
  const result = fuzz({
    targets: targetsOf(targets),
    executions,
    seed,
    watch: (target, input, execution) => {
      const now = processorTime();
      noteSlow(now);
      previous = { target, input, start: now };
      copy.set(input);
      Atomics.store(state, 1, input.length);
      Atomics.store(state, 0, execution);
    },
    ended: (counts) => parentPort?.postMessage(counts),
  });
  noteSlow(processorTime());
  parentPort?.postMessage({ ...result, findings: [...result.findings, ...slow] } satisfies FuzzResult);
}

/** Wall time would count what other programs of the machine do. */
function processorTime(): number {
  return process.cpuUsage().user / 1000;
}

/** @returns the file that holds the input */
function keep(finding: FuzzFinding): string {
  fs.mkdirSync(FINDINGS, { recursive: true });
  const name = `${finding.target.replaceAll(' ', '-')}-${fs.readdirSync(FINDINGS).length}`;
  const file = path.join(FINDINGS, name);
  fs.writeFileSync(file, finding.input);
  return file;
}
