/** apply-live and restart-services on a machine that runs a deployment. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import {
  deploymentRoot,
  fsckClean,
  makeTestSystem,
  publish,
  runProgram,
  yumOstreeOk,
  type ProgramResult,
  type TestSystem,
} from './layering-sysroot.ts';
import { onRunningMachine } from './running-machine.ts';

const TREE = 'test/x86_64/base';
const UNIT = '/usr/lib/systemd/system/daemon.service';

/** A program that does nothing for a while, with a unit. */
function daemon(version: string): RpmTestPackage {
  const content = Buffer.concat([fs.readFileSync('/usr/bin/sleep'), Buffer.from(version)]);
  return {
    name: 'daemon',
    version,
    arch: 'x86_64',
    files: [
      { path: '/usr/bin/daemon', content, mode: 0o755 },
      { path: UNIT, content: `[Service]\nExecStart=/usr/bin/daemon ${version}\n` },
      { path: '/usr/share/daemon/data', content: version },
    ],
  };
}

const TOOL: RpmTestPackage = {
  name: 'tool',
  arch: 'x86_64',
  files: [
    { path: '/usr/bin/tool', content: fs.readFileSync('/usr/bin/sleep'), mode: 0o755 },
    { path: '/usr/share/tool', kind: 'directory' },
    { path: '/usr/share/tool/own file', content: 'x', owner: 'tooluser', group: 'tooluser', mode: 0o640 },
    { path: '/usr/share/icons/tool', content: 'icon' },
    { path: '/etc/tool/tool.conf', content: 'a=1\n', role: 'noreplace' },
    { path: '/usr/lib/sysusers.d/tool.conf', content: 'u tooluser 321 "A tool" /\n' },
    { path: '/usr/lib/tmpfiles.d/tool.conf', content: 'd /var/lib/tool 0755 root root - -\n' },
    { path: '/usr/lib/systemd/system/tool.service', content: '[Service]\nExecStart=/usr/bin/tool 1\n' },
  ],
};

/** Programs of systemd that write down how they were called; `systemctl restart stuck.service` fails. */
const SYSTEMD = `
  mkdir -p /run/systemd/system
  for program in systemctl systemd-sysusers systemd-tmpfiles; do
    echo '#!/bin/bash
      echo "\${0##*/} $*" >> /tmp/called
      if [ "$*" = "restart -- stuck.service" ]; then echo "Job failed." >&2; exit 1; fi' > /tmp/bin/$program
    host chmod 755 /tmp/bin/$program
  done
  here() { host find /usr /etc ! -name .pwd.lock -printf '%p %y %m %U %G %l\\n'; }
`;

let system: TestSystem;
let base: string;
let layered: string;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', { base: [daemon('1')], mountPoints: true });
  base = deploymentRoot(system);
  publish(system, [
    TOOL,
    daemon('2'),
    { name: 'plain', files: [{ path: '/usr/share/plain', content: 'plain\n' }] },
  ]);
  yumOstreeOk(system, ['install', 'tool']);
  layered = deploymentRoot(system);
  // More deployments are to come.
  for (const index of ['0', '1'])
    runProgram('ostree', ['admin', 'pin', `--sysroot=${system.sysroot}`, index]);
});
afterAll(() => system.remove());

function machine(script: string): ProgramResult {
  return onRunningMachine(system, base, SYSTEMD + script);
}

/** What the script printed, in parts that `echo ----` ends. */
function parts({ status, stdout, stderr }: ProgramResult): string[] {
  expect(`${stderr}${status}`).toBe('0');
  return stdout.split('----\n');
}

function json(text: string | undefined): Record<string, unknown> {
  return JSON.parse(text ?? '') as Record<string, unknown>;
}

test('additions: everything is as in the tree, and status, ps, unlocked and audit tell of it', () => {
  const target = `/sysroot${layered.slice(system.sysroot.length)}`;
  const [plan, before, applied, differences, said, status, ps, unlocked, called, again] = parts(
    machine(
      `client apply-live --dry-run --json; echo ----
       client status --json --booted; ls /usr/bin/tool 2> /dev/null || echo 'not yet'; echo ----
       client apply-live --json -q; echo ----
       host diff -r --no-dereference /usr ${target}/usr || echo; echo ----
       cat /etc/tool/tool.conf; host stat -c '%u %a %h' '/usr/share/tool/own file'; sed -n /^tooluser/p /etc/passwd
       touch /usr/x 2> /dev/null || echo 'still read-only'; echo ----
       client status --json --booted; echo ----
       tool 1000 & client ps --json -v; echo ----
       client unlocked --json; echo ----
       cat /tmp/called; client audit > /tmp/audit || echo "audit: $?"; echo ----
       client apply-live; client apply-live --unknown 2> /dev/null || echo "usage: $?"; client apply-live --reset -q`,
    ),
  );
  expect(json(plan)).toMatchObject({
    result: 'planned',
    from: { 'tree-name': TREE },
    to: { 'tree-name': `${TREE}+tool` },
    packages: { added: ['tool-1.0-1.x86_64'], removed: [], replaced: [] },
    usr: { removed: [], 'of-packages': [], 'changed-by-others': [] },
    etc: { added: ['/etc/tool', '/etc/tool/tool.conf'] },
  });
  expect(before).toContain('"unlocked": "none"');
  expect(before).toContain('not yet\n');
  expect(json(applied)).toMatchObject({ result: 'applied', failures: [], restarts: [], restarted: [] });
  expect(differences).toBe('');
  expect(said).toBe('a=1\n321 640 1\ntooluser:x:321:321:A tool:/:/usr/sbin/nologin\nstill read-only\n');
  const { deployments } = json(status) as { deployments: Record<string, unknown>[] };
  const checksum = path.basename(layered).slice(0, 64);
  expect(deployments[0]).toMatchObject({
    booted: true,
    unlocked: 'transient',
    'live-replaced': checksum,
    'live-tree-name': `${TREE}+tool`,
    'live-packages': { added: ['tool-1.0-1.x86_64'] },
  });
  expect(deployments[0]?.['remarks']).toContain(
    `apply-live brought ${TREE}+tool into what runs: 1 package added, 0 replaced, 0 removed`,
  );
  const report = json(ps) as { current: object; processes: { name: string; files: object[] }[] };
  expect(report.current).toMatchObject({ 'applied-live': { 'tree-name': `${TREE}+tool`, checksum } });
  const files = report.processes.find(({ name }) => name === 'tool')?.files;
  expect(files?.find((file) => (file as { path: string }).path === '/usr/bin/tool')).toMatchObject({
    state: 'overlay',
    tree: `${TREE}+tool`,
    packages: ['tool-1.0-1.x86_64'],
  });
  const { deployments: layers } = json(unlocked) as { deployments: { files: object[] }[] };
  expect(layers[0]?.files).toContainEqual(
    expect.objectContaining({ path: '/usr/bin/tool', change: 'added', applied: true }),
  );
  expect(layers[0]?.files.every((file) => (file as { applied: boolean }).applied)).toBe(true);
  expect(called?.split('\n')).toEqual([
    'systemd-sysusers tool.conf',
    expect.stringMatching(/^systemd-tmpfiles --create (\S+ )*tool\.conf( |$)/),
    'systemctl daemon-reload',
    // A reboot would not bring anything else; /usr is unlocked.
    'audit: 12',
    '',
  ]);
  expect(again).toBe(`${TREE}+tool is what runs already\nusage: 2\n`);
  fsckClean(system);
});

test('what is changed locally is kept; users are added by lines; --reset takes all else back', () => {
  const [changes, differences, after] = parts(
    machine(
      `mkdir -p /etc/tool; echo own > /etc/tool/tool.conf; echo 'admin:x:1000:1000::/:/bin/bash' >> /etc/passwd
       here > /tmp/before; cat /etc/passwd > /tmp/passwd
       client apply-live -q; cat /etc/tool/tool.conf; host diff /tmp/passwd /etc/passwd || echo; client status --booted; echo ----
       client apply-live --reset -q; here > /tmp/after; host diff /tmp/before /tmp/after || echo; echo ----
       client unlocked; client status --booted; client apply-live --reset
       rm -r /etc/tool; sed -i -e /^admin/d -e /^tooluser/d /etc/passwd`,
    ),
  );
  expect(changes).toContain('own\n');
  expect(changes).toContain('> tooluser:x:321:321:A tool:/:/usr/sbin/nologin\n');
  expect(changes).toMatch(/kept files of \/etc as they are: \/etc\/tool\/tool\.conf$/m);
  expect(differences).toBe('');
  expect(after).not.toContain('apply-live');
  expect(after).toContain('(transient, 0 files)\n');
  expect(after).toContain(`${TREE} is what runs already\n`);
});

test('install --apply-live: the new tree boots next, and runs', () => {
  fs.cpSync(system.packages, path.join(system.sysroot, 'packages'), { recursive: true });
  const done = machine(
    `client install plain --uninstall tool --apply-live --repofrompath=test,/sysroot/packages --no-gpgchecks -q
     cat /usr/share/plain; client status | sed -n 1p; client cleanup -p > /dev/null; client status --booted
     client apply-live --reset -q; client status --json --booted`,
  );
  expect(`${done.stderr}${done.status}`).toBe('0');
  const [first, next] = done.stdout.split('\n');
  expect([first, next]).toEqual(['plain', `  ${TREE}+plain (default)`]);
  // The deployment is gone, what was applied of it is not, and can be taken back.
  expect(done.stdout).toContain(`apply-live brought ${TREE}+plain into what runs: 1 package added`);
  expect(done.stdout).not.toContain('live-replaced');
});

describe('interrupted', () => {
  test('by an error half way: it says so, goes on, and does what is left', () => {
    const done = machine(
      `mkdir /etc/tool; host chattr +i /etc/tool
       client apply-live -q || echo "failed: $?"
       host chattr -i /etc/tool; client status --booted --json; echo ----
       client apply-live -q; cat /etc/tool/tool.conf; cat /tmp/called; client status --booted
       client apply-live --reset -q; rm -rf /etc/tool`,
    );
    expect(done.stderr).toBe(
      `error: what runs is half changed to ${TREE}+tool: writing /etc/tool/tool.conf: .tool.conf.yum-ostree-live: Operation not permitted\n` +
        "hint: 'yum-ostree apply-live' goes on, and --reset takes it back; the next boot is as before\n",
    );
    const [first, second] = done.stdout.split('----\n');
    expect(first).toContain('failed: 1\n');
    expect(first).toContain(`"live-inprogress": "${path.basename(layered).slice(0, 64)}"`);
    expect(first).not.toContain('live-replaced');
    expect(first).toContain(`apply-live of ${TREE}+tool was interrupted: run it again, or with --reset`);
    expect(second).toMatch(/^a=1\nsystemd-sysusers .*\nsystemd-tmpfiles .*\nsystemctl daemon-reload\n/);
    expect(second).toContain('apply-live brought');
    expect(second).not.toContain('interrupted');
  });

  test('killed, then taken back', () => {
    const done = machine(
      `here > /tmp/before
       echo 'kill -KILL $PPID' >> /tmp/bin/systemd-tmpfiles
       client apply-live -q 2> /dev/null || echo "failed: $?"
       client apply-live --reset -q; here > /tmp/after; host diff /tmp/before /tmp/after; client status --booted`,
    );
    expect(done.stdout).toMatch(/^failed: 137\n●/);
    expect(done.stdout).not.toContain('apply-live');
  });

  test('by Ctrl-C: what is left behind is said', () => {
    const done = machine(
      `echo 'kill -INT $PPID; sleep 5' >> /tmp/bin/systemd-sysusers
       client apply-live -q || echo "ended: $?"; client apply-live --reset -q`,
    );
    expect(done.stdout).toBe('ended: 130\n');
    expect(done.stderr).toContain("interrupted: what runs is half changed: 'yum-ostree apply-live' goes on");
  });
});

describe('a tree that replaces packages', () => {
  beforeAll(() => {
    yumOstreeOk(system, ['override', 'replace', path.join(system.packages, 'daemon-2-1.x86_64.rpm')]);
  });

  test('is refused with the list, and nothing is unlocked', () => {
    const { status, stderr, stdout } = machine(`client status --booted --json; client apply-live`);
    expect(status).toBe(1);
    expect(stdout).toContain('"unlocked": "none"');
    expect(stderr).toBe(
      `error: ${TREE}+tool does not only add to what runs: daemon-1-1.x86_64 -> daemon-2-1.x86_64; /usr/bin/daemon of daemon-1-1.x86_64; ${UNIT} of daemon-1-1.x86_64; /usr/share/daemon/data of daemon-1-1.x86_64\n` +
        'hint: reboot into it, or apply it with --allow-replacement and then restart what audit names\n',
    );
  });

  test('services that run old files or were started by old units are named, restarted and recorded', () => {
    const [dry, restarted, named, status, audit] = parts(
      machine(
        `daemon 1000 & first=$!; sleep 1000 & second=$!; daemon 1001 & third=$!
         client apply-live --allow-replacement -q
         mkdir -p /tmp/proc/self; cat /proc/self/mountinfo > /tmp/proc/self/mountinfo
         for pid in $first $second $third; do
           mkdir /tmp/proc/$pid; for file in maps status stat; do cat /proc/$pid/$file > /tmp/proc/$pid/$file; done
         done
         echo 0::/system.slice/stuck.service > /tmp/proc/$first/cgroup
         echo 0::/system.slice/daemon.service > /tmp/proc/$second/cgroup
         echo 0::/system.slice/gdm.service > /tmp/proc/$third/cgroup
         : > /tmp/called
         client restart-services --proc=/tmp/proc --dry-run; cat /tmp/called; echo ----
         client restart-services --proc=/tmp/proc --json -q || echo "failed: $?"; cat /tmp/called; echo ----
         : > /tmp/called; client restart-services --proc=/tmp/proc -q gdm; cat /tmp/called; client restart-services -n none; echo ----
         client status --booted --json; echo ----
         client audit --json --proc=/tmp/proc || echo "code $?"`,
      ),
    );
    expect(dry).toMatch(
      new RegExp(
        `^restart: stuck\\.service \\(daemon [0-9]+\\)\\n  /usr/bin/daemon of daemon-1-1\\.x86_64 was replaced by that of daemon-2-1\\.x86_64\\n` +
          `restart: daemon\\.service \\(sleep [0-9]+\\)\\n  its unit file ${UNIT} was changed\\n` +
          `restart: gdm\\.service \\(daemon [0-9]+\\)\\n  .*\\n  not restarted unless named: it ends the graphical sessions\\n$`,
      ),
    );
    const [answer, called] = (restarted ?? '').split('failed: 1\n');
    expect(json(answer)).toMatchObject({
      restarted: [
        { unit: 'stuck.service', failure: 'systemctl restart -- stuck.service: exit code 1: Job failed.' },
        { unit: 'daemon.service', failure: null },
      ],
    });
    expect(called).toBe('systemctl restart -- stuck.service\nsystemctl restart -- daemon.service\n');
    expect(named).toBe(
      'systemctl restart -- gdm.service\nnone.service needs no restart: it does not run, or runs what is there now\n',
    );
    const { deployments } = json(status) as { deployments: Record<string, unknown>[] };
    expect(deployments[0]).toMatchObject({
      restarted: [
        ...[{ unit: 'stuck.service' }, { unit: 'daemon.service', failure: null }],
        { unit: 'gdm.service' },
      ],
    });
    expect(JSON.stringify(deployments[0]?.['remarks'])).toContain('stuck.service did not restart: ');
    expect(audit).toContain('"applied-live": "test/x86_64/base+tool"');
    expect(audit).toContain('"restarted": [');
  });

  test('what was changed in an unlocked /usr is not overwritten, and a commit can be named', () => {
    const target = `--target=${path.basename(layered).slice(0, 64)}`;
    const done = machine(
      `LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree admin unlock > /dev/null
       echo own > /usr/bin/tool
       client apply-live ${target} || echo "refused: $?"; cat /usr/bin/tool
       client apply-live ${target} --allow-replacement -q; tool 0; echo own > /usr/bin/tool; client unlocked --json
       client apply-live --reset -q; cat /usr/bin/tool`,
    );
    expect(done.stderr).toMatch(
      /^error: files that .*\+tool has were changed in the unlocked \/usr: \/usr\/bin\/tool\nhint: /,
    );
    const [first = '', rest = ''] = done.stdout.split('{\n  "deployments"');
    expect(first).toBe('refused: 1\nown\n');
    const layers = json(`{\n  "deployments"${rest.slice(0, rest.indexOf('\n}\n') + 3)}`) as {
      deployments: { unlocked: string; files: object[] }[];
    };
    expect(layers.deployments[0]?.unlocked).toBe('development');
    expect(layers.deployments[0]?.files).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: '/usr/bin/tool', applied: false }),
        expect.objectContaining({ path: '/usr/share/icons/tool', applied: true }),
      ]),
    );
    expect(rest).toMatch(/\nown\n$/);
  });
});
