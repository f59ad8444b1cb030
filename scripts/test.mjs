// Everything this machine can run: format, lint, types, build, unit tests, then the tests with root and the real peers.
// The last line counts the tests: `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules/.bin', name);
const isRoot = process.getuid?.() === 0;
const results = join(root, 'build/test-results.json');
const engineResults = join(root, 'build/test-compact.json');

mkdirSync(join(root, 'build'), { recursive: true });
for (const file of [results, engineResults]) rmSync(file, { force: true });

// The boots in QEMU have a command of their own, `npm run test:vm`.
const vitest = ['run', '--project', 'unit', ...(isRoot ? ['--project', 'root'] : [])];
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
const steps = [
  ['format', bin('prettier'), ['--check', '--log-level=warn', '.']],
  ['lint', bin('eslint'), ['.']],
  ['types', bin('tsc'), ['-p', '.']],
  // For aarch64 and armv7 too: two minutes the first time, seconds later.
  ['build', process.execPath, ['scripts/build.mjs', ...(isRoot ? ['--all-architectures'] : [])]],
  ['tests in the compact engine', process.execPath, ['scripts/test-compact.mjs']],
  ['tests', bin('vitest'), [...vitest, ...reporters]],
];

const failed = steps
  .filter(([name, command, args]) => {
    process.stdout.write(`\n== ${name}\n`);
    return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status !== 0;
  })
  .map(([name]) => name);

if (!isRoot) {
  process.stdout.write(
    '\nnot run: the build for aarch64, and the tests in test/root and test/crash, which need root (mounts, owners, namespaces)\n',
  );
  if (process.env.CI === 'true') failed.push('tests that need root');
}
if (failed.length > 0) process.stdout.write(`\nfailed: ${failed.join(', ')}\n`);
process.stdout.write(`\n${counts()}\n`);
process.exit(failed.length === 0 ? 0 : 1);

function counts() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, 'utf8'));
    const engine = JSON.parse(readFileSync(engineResults, 'utf8'));
    const [passedTests, failedTests] = [numPassedTests + engine.passed, numFailedTests + engine.failed];
    return `${passedTests} passed, ${failedTests} failed, ${numPendingTests} skipped`;
  } catch {
    failed.push('counting');
    return '0 passed, 1 failed';
  }
}
