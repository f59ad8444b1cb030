import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { loaderTexts } from '#test/demo/loader-texts.ts';
import { demoFacts } from '#test/demo/facts.ts';
import { ourPrograms } from '#test/demo/programs.ts';
import { bootEntries, makeSysroot, type BootedBy } from '#test/demo/sysroot.ts';
import { factLine, terminal, type Terminal } from '#test/demo/terminal.ts';
import { INPUTS_DIRECTORY, prepareInputs } from '#test/fixtures/demo-inputs.ts';
import { waitForLock } from '#test/fixtures/lock-file.ts';
import { enterDeployment } from '#test/root/enter-deployment.ts';

const HELP = `npm run demo -- [--directory DIR] [--sysroot DIR] [--built]

Builds real RPMs and a base tree, layers @tracing on it and enters the new deployment.
  --directory DIR  where packages and base tree are kept between runs (default: .demo)
  --sysroot DIR    the sysroot, made anew each time (default: DIR/sysroot of the directory above)
  --built          run dist/yum-ostree (npm run build) instead of the sources
`;

interface Settings {
  readonly directory: string;
  readonly sysroot: string;
  readonly built: boolean;
}

/** The main job from beginning to end; the exit code says whether every fact at the end is true. */
async function demo({ directory, sysroot, built }: Settings, signal: AbortSignal): Promise<number> {
  const out = terminal((text) => process.stdout.write(text));
  const programs = ourPrograms(built, signal);

  const report = (line: string) => {
    out.line(line);
  };
  out.heading('Real packages and a base tree');
  const inputs = await prepareInputs({ directory, signal, report });
  fs.mkdirSync(path.dirname(sysroot), { recursive: true });
  // Held until this process ends: the sysroot is made anew by each run.
  await waitForLock(`${sysroot}.lock`, { signal, report });

  out.heading('A sysroot with the base tree');
  await makeSysroot(sysroot, inputs.base, { programs, terminal: out });

  out.heading('Install a group of packages');
  const install = [`--sysroot=${sysroot}`, '--yes', 'install', '@tracing'];
  out.command(['yum-ostree', ...install]);
  await programs.onTerminal('yum-ostree', install);

  out.heading('What is there now');
  out.command(['yum-ostree', `--sysroot=${sysroot}`, 'status']);
  const status = (await programs.capture('yum-ostree', [`--sysroot=${sysroot}`, 'status'])).stdout;
  out.output(status);

  const entries = bootEntries(sysroot);
  const texts = loaderTexts(entries);
  showLoaderTexts(out, texts);
  showInside(out, sysroot, entries[0]);

  out.heading('Facts');
  const facts = demoFacts({ sysroot, entries, status, loaderTexts: texts });
  for (const fact of facts) out.line(factLine(fact));
  explain(sysroot, entries[0]?.deployment ?? '');
  return facts.every((fact) => fact.holds) ? 0 : 1;
}

function showLoaderTexts(out: Terminal, texts: Readonly<Record<string, string>>): void {
  out.heading('What the boot loaders read');
  for (const [loader, text] of Object.entries(texts)) {
    out.line(`${loader}:`);
    out.output(text);
  }
}

function showInside(out: Terminal, sysroot: string, entry: BootedBy | undefined): void {
  out.heading('Inside the new deployment, set up by ostree-prepare-root');
  const columns = ['--noheadings', '--output', 'TARGET,OPTIONS'];
  const commands = [
    ['strace', '-V'],
    ['touch', '/usr/probe'],
    ['findmnt', ...columns, '/usr'],
    ['findmnt', ...columns, '/var'],
  ];
  for (const words of commands) {
    out.command(words);
    const done = enterDeployment(sysroot, entry?.options ?? '', words);
    out.output(done.stdout + done.stderr);
  }
}

function explain(sysroot: string, deployment: string): void {
  process.stdout.write(
    [
      `\nThe sysroot is left in ${sysroot}. To look at it with other programs:`,
      `  /usr/bin/ostree fsck --repo=${sysroot}/ostree/repo`,
      `  /usr/bin/ostree admin status --sysroot=${sysroot}`,
      `  rpm -qa --dbpath=${deployment}/usr/share/rpm`,
      '',
    ].join('\n'),
  );
}

/** Ctrl-C stops the program that is running; the second one ends this process as it would any other. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string', default: INPUTS_DIRECTORY },
      sysroot: { type: 'string' },
      built: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (process.geteuid?.() !== 0) {
    throw new UserError(
      'NOT_ROOT',
      'the demo makes owners, devices and mount namespaces and must run as root',
    );
  }
  const interrupt = new AbortController();
  process.once('SIGINT', () => {
    interrupt.abort();
  });
  process.once('SIGTERM', () => {
    interrupt.abort();
  });
  try {
    const directory = path.resolve(values.directory);
    const sysroot = path.resolve(values.sysroot ?? path.join(directory, 'sysroot'));
    return await demo({ directory, sysroot, built: values.built }, interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted) throw new UserError('INTERRUPTED', 'interrupted');
    throw error;
  }
}

main().then(
  (exitCode) => (process.exitCode = exitCode),
  (error: unknown) => {
    process.stderr.write(`error: demo: ${messageOf(error)}\n`);
    if (error instanceof UserError && error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
    process.exitCode = codeOf(error) === 'INTERRUPTED' ? 130 : 1;
  },
);
