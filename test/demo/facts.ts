import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { messageOf } from '#ostree/format/errors.ts';
import type { BootedBy } from '#test/demo/sysroot.ts';
import type { Fact } from '#test/demo/terminal.ts';
import { BASE_REF } from '#test/fixtures/base-tree.ts';
import { enterDeployment } from '#test/root/enter-deployment.ts';

/** What the demo has made, and what its programs printed on the way. */
export interface DemoResult {
  readonly sysroot: string;
  /** The new tree first, the base second. */
  readonly entries: readonly BootedBy[];
  /** What `yum-ostree status` printed. */
  readonly status: string;
  /** The texts of the boot loaders by name. */
  readonly loaderTexts: Readonly<Record<string, string>>;
}

/** The members of @tracing that are mandatory or default; `time` is an optional one. */
const LAYERED = ['strace', 'ltrace', 'tcpdump'];
const TREE_NAME = `${BASE_REF}+@tracing`;

/** All that must be true at the end; each is looked at by itself, so that one failure hides no other. */
export function demoFacts(result: DemoResult): Fact[] {
  return [...treeFacts(result), ...bootFacts(result), ...insideFacts(result), ...peerFacts(result)];
}

function treeFacts({ status, entries }: DemoResult): Fact[] {
  return [
    fact(`the new tree is named ${TREE_NAME}`, () => seen(status, status.includes(TREE_NAME))),
    fact('two deployments are kept: the new one boots next, the base is the way back', () => {
      const text = entries.map((entry) => entry.deployment).join(' ');
      return seen(text, entries.length === 2 && new Set(text.split(' ')).size === 2);
    }),
    fact('the base deployment is as it was: no strace in it', () => {
      const file = path.join(deploymentOf(entries, 1), 'usr/bin/strace');
      return seen(file, !fs.existsSync(file));
    }),
  ];
}

function bootFacts({ entries, loaderTexts }: DemoResult): Fact[] {
  const link = /(?:^| )(ostree=\S+)/.exec(entries[0]?.options ?? '')?.[1] ?? 'no ostree=';
  return Object.entries(loaderTexts).map(([loader, text]) =>
    fact(`${loader} boots the new deployment (${link})`, () =>
      seen(text, text.includes(`${link}\n`) || text.includes(`${link} `)),
    ),
  );
}

function insideFacts({ sysroot, entries }: DemoResult): Fact[] {
  const inNew = (command: string) => inside(sysroot, entries[0], command);
  const inBase = (command: string) => inside(sysroot, entries[1], command);
  return [
    fact('strace -V runs in the new deployment', () => matches(inNew('strace -V'), /^strace -- version/)),
    fact('strace traces a program there', () => matches(inNew('strace -c true 2>&1'), /execve/)),
    fact('ltrace and tcpdump run there', () =>
      matches(inNew('ltrace --version; tcpdump --version 2>&1'), /ltrace[^]*tcpdump version/),
    ),
    fact('/usr is read-only there', () =>
      matches(inNew('touch /usr/probe 2>&1 || true'), /Read-only file system/),
    ),
    fact('/etc is writable there', () =>
      matches(inNew('touch /etc/probe && rm /etc/probe && echo yes'), /^yes$/),
    ),
    fact('/var is shared: what the new deployment writes, the base reads', () => {
      inNew('echo written-in-the-new > /var/demo-probe');
      return matches(inBase('cat /var/demo-probe'), /^written-in-the-new$/);
    }),
    fact('tcpdump belongs to the group its %pre script made', () =>
      matches(inNew('stat -c %G:%a /usr/bin/tcpdump'), /^tcpdump:750$/),
    ),
    fact('tcpdump has its file capabilities', () =>
      matches(
        run('getcap', path.join(deploymentOf(entries, 0), 'usr/bin/tcpdump')),
        /cap_net_admin,cap_net_raw=ep/,
      ),
    ),
  ];
}

function peerFacts({ sysroot, entries }: DemoResult): Fact[] {
  const root = deploymentOf(entries, 0);
  const rpm = (...args: string[]) => run('rpm', `--root=${root}`, '--dbpath=/usr/share/rpm', ...args);
  const names = rpm('-qa', '--qf', '%{NAME}\n').split('\n');
  return [
    fact('rpm -qa lists what was layered beside the base, and no optional member of the group', () =>
      seen(
        names.join(' '),
        ['bash', 'systemd', ...LAYERED].every((name) => names.includes(name)) && !names.includes('time'),
      ),
    ),
    fact('rpm -V --nomtime finds nothing changed in the layered packages', () =>
      matches(rpm('-V', '--nomtime', ...LAYERED), /^$/),
    ),
    fact('rpm -qf knows the owner of /usr/bin/strace', () =>
      matches(rpm('-qf', '--qf', '%{NAME}', '/usr/bin/strace'), /^strace$/),
    ),
    fact('C ostree fsck finds the repository whole', () =>
      matches(run('/usr/bin/ostree', 'fsck', `--repo=${sysroot}/ostree/repo`), /object fsck of \d+ commits/),
    ),
    fact('C ostree admin status reads the sysroot', () => {
      const text = run('/usr/bin/ostree', 'admin', 'status', `--sysroot=${sysroot}`);
      return seen(
        text,
        entries.every((entry) => text.includes(path.basename(entry.deployment))),
      );
    }),
    fact('no mount is left behind', () => {
      const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
      const left = mounts.filter((line) => line.includes(sysroot));
      return seen(left.join(' '), left.length === 0);
    }),
  ];
}

type Seen = Pick<Fact, 'holds' | 'seen'>;

function fact(name: string, look: () => Seen): Fact {
  try {
    return { name, ...look() };
  } catch (error) {
    return { name, holds: false, seen: messageOf(error) };
  }
}

function seen(text: string, holds: boolean): Seen {
  return { seen: text, holds };
}

function matches(text: string, pattern: RegExp): Seen {
  return seen(text, pattern.test(text.trim()));
}

/** Runs a command line in a deployment that prepare-root has set up in a private mount namespace. */
function inside(sysroot: string, entry: BootedBy | undefined, command: string): string {
  const done = enterDeployment(sysroot, entry?.options ?? '', ['/bin/sh', '-c', command]);
  if (done.status !== 0) throw new Error(`exit code ${done.status}: ${done.stdout} ${done.stderr}`);
  return done.stdout;
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function deploymentOf(entries: readonly BootedBy[], index: number): string {
  return entries[index]?.deployment ?? '/nonexistent';
}
