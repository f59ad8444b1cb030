/** `npm run test:upstream [-- [--all] [--source] [SCRIPT…]]`: ostree's own tests against our `ostree`. */
import fs from 'node:fs';
import path from 'node:path';
import { upstreamScripts } from '#test/upstream/package.ts';
import { runScript, type ScriptResult } from '#test/upstream/run-script.ts';
import { adminScripts, allScripts } from '#test/upstream/selection.ts';

const root = path.resolve(import.meta.dirname, '../..');
const logs = path.join(root, 'build/upstream/logs');

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const scripts = await upstreamScripts(path.join(root, 'build'));
  const named = argv.filter((word) => !word.startsWith('--'));
  const chosen =
    named.length > 0 ? named : argv.includes('--all') ? allScripts(scripts) : adminScripts(scripts);
  const programs = path.join(root, argv.includes('--source') ? 'cli/bin' : 'dist');
  if (!fs.existsSync(path.join(programs, 'ostree'))) {
    process.stderr.write(`error: there is no ${programs}/ostree\nhint: npm run build makes it\n`);
    return 1;
  }
  fs.mkdirSync(logs, { recursive: true });
  const results: ScriptResult[] = [];
  for (const name of chosen) {
    const result = await runScript(name, { scripts, programs, limit: 300 });
    fs.writeFileSync(path.join(logs, `${name}.log`), `${result.stdout}\n--- stderr\n${result.stderr}`);
    process.stdout.write(`${lineOf(result)}\n`);
    results.push(result);
  }
  process.stdout.write(`${totalOf(results)} (logs: build/upstream/logs)\n`);
  return results.some(({ verdict }) => verdict.kind === 'failed') ? 1 : 0;
}

function lineOf({ name, summary, verdict, seconds }: ScriptResult): string {
  const reason = verdict.kind === 'passed' ? '' : `: ${verdict.reason}`;
  const counts = `${summary.ok}/${summary.planned ?? '?'}`;
  return `${verdict.kind.padEnd(7)} ${name} ${counts} ${seconds.toFixed(1)} s${reason}`;
}

function totalOf(results: readonly ScriptResult[]): string {
  const count = (kind: string) => results.filter(({ verdict }) => verdict.kind === kind).length;
  const checks = results.reduce((sum, { summary }) => sum + summary.ok, 0);
  return `${count('passed')} scripts passed, ${count('failed')} failed, ${count('skipped')} skipped; ${checks} checks ok`;
}
