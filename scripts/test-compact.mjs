// npm run test:engine -- [--architecture NAME]… : the unit tests of prepare-root/, ostree/format/ and what else runs in
// both engines, inside the compact engine; those of other architectures under qemu-user. The counts are printed.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildTests } from './compact/tests.mjs';
import { ARCHITECTURES, emulator } from './compact/toolchain.mjs';

/** For scripts/test.mjs. */
const RESULTS = path.join(import.meta.dirname, '../build/test-compact.json');

const { values } = parseArgs({
  options: { architecture: { type: 'string', multiple: true, default: Object.keys(ARCHITECTURES) } },
});
const results = [];
for (const architecture of values.architecture)
  for (const program of await buildTests(architecture)) results.push(runTests(architecture, program));
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
fs.writeFileSync(RESULTS, JSON.stringify({ passed, failed }));
process.stdout.write(`compact engine: ${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

function runTests(architecture, program) {
  const [command, ...args] = [...emulator(architecture), program];
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  const [, passed, failed] = /(\d+) passed, (\d+) failed\n$/.exec(stdout ?? '') ?? [null, '0', '1'];
  const asExpected = status === (failed === '0' ? 0 : 1);
  if (failed !== '0' || !asExpected)
    process.stdout.write(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? signal ?? ''}\n`);
  process.stdout.write(`${architecture} ${path.basename(program)}: ${passed} passed, ${failed} failed\n`);
  return { passed: Number(passed), failed: Number(failed) + (failed === '0' && !asExpected ? 1 : 0) };
}
