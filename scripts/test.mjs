// Everything this machine can run: format, lint, types, unit tests, then the tests with root and the real peers.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const bin = (name) => join(root, 'node_modules/.bin', name);
const isRoot = process.getuid?.() === 0;

const steps = [
  ['format', bin('prettier'), ['--check', '--log-level=warn', '.']],
  ['lint', bin('eslint'), ['.']],
  ['types', bin('tsc'), ['-p', '.']],
  ['build', process.execPath, ['scripts/build.mjs']],
  ['tests', bin('vitest'), ['run', ...(isRoot ? [] : ['--project', 'unit'])]],
];

const failed = steps.filter(([name, command, args]) => {
  process.stdout.write(`\n== ${name}\n`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status !== 0;
});

if (!isRoot) {
  process.stdout.write(
    '\nnot run: the tests in test/root and test/crash need root (mounts, owners, namespaces)\n',
  );
  if (process.env.CI === 'true') failed.push(['tests that need root']);
}
if (failed.length > 0) {
  process.stdout.write(`\nfailed: ${failed.map(([name]) => name).join(', ')}\n`);
  process.exit(1);
}
