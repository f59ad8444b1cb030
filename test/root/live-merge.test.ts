/** apply-live on a machine whose /usr or /etc somebody changed, and after it was interrupted more than once. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import {
  deploymentRoot,
  makeTestSystem,
  packageFile,
  publish,
  runProgram,
  yumOstreeOk,
  type ProgramResult,
  type TestSystem,
} from './layering-sysroot.ts';
import { onRunningMachine } from './running-machine.ts';

function daemon(version: string): RpmTestPackage {
  const more: RpmTestPackage['files'] =
    version === '1'
      ? []
      : [
          { path: '/etc/daemon/sub/new', content: 'new\n', role: 'noreplace' },
          { path: '/usr/share/daemon/sub/new', content: 'new\n' },
          // What was a link is a directory.
          { path: '/usr/share/turned/a', content: 'same\n' },
        ];
  const old: RpmTestPackage['files'] =
    version === '1' ? [{ path: '/usr/share/turned', kind: 'symlink', target: 'turned-to' }] : [];
  return {
    name: 'daemon',
    version,
    arch: 'x86_64',
    files: [
      { path: '/etc/daemon/conf', content: `v=${version}\n`, role: 'noreplace' },
      { path: '/etc/daemon/sub/conf', content: `v=${version}\n`, role: 'noreplace' },
      { path: '/usr/share/daemon/data', content: version },
      { path: '/usr/share/daemon/sub/data', content: version },
      { path: '/usr/share/turned-to/a', content: 'same\n' },
      ...(old ?? []),
      ...(more ?? []),
    ],
  };
}

const TOOL: RpmTestPackage = {
  name: 'tool',
  files: [
    { path: '/usr/share/tool/file', content: 'tool\n' },
    { path: '/etc/tool/tool.conf', content: 'a=1\n', role: 'noreplace' },
    { path: '/usr/lib/tmpfiles.d/tool.conf', content: 'd /run/made-by-tool\n' },
    { path: '/usr/lib/tmpfiles.d/masked.conf', content: 'd /run/masked\n' },
    { path: '/usr/lib/tmpfiles.d/own.conf', content: 'd /run/not-own\n' },
    { path: '/usr/lib/sysusers.d/late.conf', content: 'u late 456\n' },
  ],
};

const BEGIN = `
  here() { host find /usr /etc ! -name .pwd.lock -printf '%p %y %m %U %G %s %l\\n'; }
  ostree() { LD_LIBRARY_PATH=/tmp/libraries /tmp/project/node_modules/.bin/node /tmp/project/cli/bin/ostree "$@"; }
`;

let system: TestSystem;
let base: string;
let withTool: string;
let newer: string;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', {
    base: [daemon('1')],
    mountPoints: true,
    programs: ['/usr/bin/systemd-tmpfiles', '/usr/bin/systemd-sysusers'],
  });
  base = deploymentRoot(system);
  publish(system, [TOOL, daemon('2')]);
  const pin = (): string => runProgram('ostree', ['admin', 'pin', `--sysroot=${system.sysroot}`, '0']);
  pin();
  yumOstreeOk(system, ['install', 'tool']);
  pin();
  withTool = path.basename(deploymentRoot(system)).slice(0, 64);
  yumOstreeOk(system, ['uninstall', 'tool']);
  yumOstreeOk(system, ['override', 'replace', packageFile(system, 'daemon')]);
  newer = path.basename(deploymentRoot(system)).slice(0, 64);
});
afterAll(() => system.remove());

function machine(script: string): ProgramResult {
  return onRunningMachine(system, base, BEGIN + script);
}

function said(script: string): string {
  const { status, stdout, stderr } = machine(script);
  expect(`${stderr}${status}`).toBe('0');
  return stdout;
}

test('two interruptions in a row: --reset knows what both began to bring', () => {
  const out = said(
    `here > /tmp/before
     mkdir /etc/tool; host chattr +i /etc/tool
     client apply-live -q --target=${withTool} 2> /dev/null || echo "first: $?"
     ls /usr/share/tool
     host chattr -i /etc/tool; rm -r /etc/tool
     # Its files cannot be removed.
     host mount -o remount,bind,rw /sysroot
     upper=$(echo /sysroot/ostree/deploy/test/backing/*/usr-transient/upper/share/tool); host chattr +i $upper
     client apply-live -q --target=${newer} --allow-replacement 2> /dev/null || echo "second: $?"
     host chattr -i $upper
     client status --json --booted > /tmp/status; sed -n '/live-inprogress/p' /tmp/status
     client apply-live --reset -q; here > /tmp/after; host diff /tmp/before /tmp/after && echo same
     client status --booted`,
  );
  expect(out).toMatch(/^first: 1\nfile\nsecond: 1\n {6}"live-inprogress": "[0-9a-f]{64}",\nsame\n/);
  expect(out).not.toContain('apply-live');
});

test('what was removed in /etc stays away, and so does what is new below it', () => {
  const out = said(
    `rm /etc/daemon/conf; rm -r /etc/daemon/sub; here > /tmp/before
     client apply-live -q --target=${newer} --allow-replacement
     ls -R /etc/daemon; cat /usr/share/daemon/data; echo; client status --booted
     client apply-live --reset -q; here > /tmp/after; host diff /tmp/before /tmp/after && echo same
     mkdir /etc/daemon/sub; echo v=1 > /etc/daemon/conf; echo v=1 > /etc/daemon/sub/conf`,
  );
  expect(out).toMatch(/^\/etc\/daemon:\n2\n/);
  expect(out).toContain(
    'kept files of /etc as they are: /etc/daemon/conf /etc/daemon/sub/conf /etc/daemon/sub/new\n',
  );
  expect(out).toMatch(/\nsame\n$/);
});

test('what was removed before a tree without it was applied does not come back either', () => {
  const out = said(
    `client apply-live -q --target=${newer} --allow-replacement; ls /etc/daemon/sub
     rm /etc/daemon/sub/new; client apply-live --reset -q
     client apply-live -q --target=${newer} --allow-replacement; ls /etc/daemon/sub
     client apply-live --reset -q; ls /etc/daemon/sub`,
  );
  // The second time it is new again: the tree that was booted does not have it.
  expect(out).toBe('conf\nnew\nconf\nnew\nconf\n');
});

test('a directory in the place of a link holds what the tree has, and the other way round', () => {
  const out = said(
    `here > /tmp/before
     client apply-live -q --target=${newer} --allow-replacement
     host diff -r --no-dereference /usr /sysroot/ostree/deploy/test/deploy/${newer}.0/usr && echo same
     client apply-live --reset -q; here > /tmp/after; host diff /tmp/before /tmp/after && echo same`,
  );
  expect(out).toBe('same\nsame\n');
});

test('a directory that became a link in the unlocked /usr is not followed', () => {
  const done = machine(
    `ostree admin unlock > /dev/null
     host cp -a /usr/share/daemon /var/elsewhere; rm -r /usr/share/daemon; ln -s /var/elsewhere /usr/share/daemon
     client apply-live -q --target=${newer} || echo "refused: $?"
     client apply-live -q --target=${newer} --allow-replacement || echo "refused: $?"
     ls -R /var/elsewhere; cat /var/elsewhere/data; client status --booted`,
  );
  expect(done.stdout).toMatch(/^refused: 1\nrefused: 1\n\/var\/elsewhere:\ndata\nsub\n.*\ndata\n1/s);
  expect(done.stdout).not.toContain('apply-live');
  expect(done.stderr.split('hint: undo that there, or reboot into it\n')).toEqual([
    expect.stringMatching(
      /^error: directories of .* are links or files in the unlocked \/usr, or the other way round: \/usr\/share\/daemon\/data; /,
    ) as string,
    expect.stringContaining('error: directories of ') as string,
    '',
  ]);
});

test('a directory that somebody removed in the unlocked /usr is made anew', () => {
  const done = machine(
    `ostree admin unlock > /dev/null; rm -r /usr/share/daemon
     client apply-live -q --target=${newer} || echo "refused: $?"
     client apply-live -q --target=${newer} --allow-replacement; cat /usr/share/daemon/sub/new
     client apply-live --reset -q; client status --booted`,
  );
  expect(done.stderr).toMatch(/^error: .* does not only add to what runs: .*\nhint: .*\n$/);
  expect(done.stdout).toMatch(/^refused: 1\nnew\n●/);
});

test('masked and overridden files of tmpfiles.d are not what runs', () => {
  const out = said(
    `mkdir -p /etc/tmpfiles.d; ln -s /dev/null /etc/tmpfiles.d/masked.conf
     echo 'd /run/own' > /etc/tmpfiles.d/own.conf
     client apply-live -q --target=${withTool}; for name in made-by-tool masked own not-own; do ls -d /run/$name; done 2> /dev/null || true
     client apply-live --reset -q; rm -r /etc/tmpfiles.d`,
  );
  expect(out).toBe('/run/made-by-tool\n/run/own\n');
});

test('a user whose id somebody else has here is not added, and named', () => {
  const done = machine(
    `echo 'mine:x:456:456::/:/bin/bash' >> /etc/passwd
     client apply-live -q --target=${withTool} || echo "ended: $?"
     sed -n '/:456:/p;/^late:/p' /etc/passwd; client status --booted; client apply-live --reset -q
     sed -i -e /^mine/d -e /^late/d /etc/passwd; sed -i /^late/d /etc/group /etc/shadow /etc/gshadow`,
  );
  const said = 'late was not added to /etc/passwd: its id 456 is that of mine there';
  expect(done.stderr).toContain(`warning: ${said}\n`);
  expect(done.stdout).toMatch(/^ended: 1\nmine:x:456:456:/);
  expect(done.stdout).toContain(`after apply-live ${said}\n`);
  expect(done.stdout).not.toMatch(/^late:x:456:/m);
});
