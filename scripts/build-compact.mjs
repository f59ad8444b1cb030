// npm run build:compact -- [--all-architectures] [--architecture NAME]… [--output DIR]: the compact static executables;
// those of this machine in dist/, those of others in dist/ARCHITECTURE; or in DIR/ARCHITECTURE.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { compactNoticesText } from './collect-notices.mjs';
import { PROGRAMS } from './compact/programs.mjs';
import { buildProgram } from './compact/build.mjs';
import { ARCHITECTURES, NATIVE } from './compact/toolchain.mjs';

const ROOT = path.join(import.meta.dirname, '..');

if (import.meta.main) await main(process.argv.slice(2));

async function main(args) {
  const { values } = parseArgs({
    args,
    options: {
      'all-architectures': { type: 'boolean', default: false },
      architecture: { type: 'string', multiple: true, default: [NATIVE] },
      output: { type: 'string' },
    },
  });
  const architectures = values['all-architectures'] ? Object.keys(ARCHITECTURES) : values.architecture;
  try {
    for (const architecture of architectures)
      await buildCompact(architecture, folderFor(architecture, values.output));
  } catch (error) {
    process.stderr.write(`error: building the compact executables: ${error.message}\n`);
    process.exit(1);
  }
}

function folderFor(architecture, output) {
  if (output !== undefined) return path.join(output, architecture);
  return architecture === NATIVE ? path.join(ROOT, 'dist') : path.join(ROOT, 'dist', architecture);
}

/** Builds all programs for an architecture and puts them into `folder`, with the notices of what they contain. */
export async function buildCompact(architecture, folder) {
  fs.mkdirSync(folder, { recursive: true });
  for (const program of Object.values(PROGRAMS)) {
    const built = await buildProgram(architecture, program);
    const target = path.join(folder, program.name);
    // It may be running, or a link to another program.
    fs.copyFileSync(built, `${target}.${process.pid}`);
    fs.renameSync(`${target}.${process.pid}`, target);
    process.stderr.write(`built ${program.name} for ${architecture}: ${fs.statSync(built).size} bytes\n`);
  }
  fs.writeFileSync(path.join(folder, 'notices-compact.txt'), compactNoticesText());
}
