/** A running machine (`running-machine.ts`) whose first process is systemd. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { RpmTestPackage } from '#test/fixtures/rpm-build.ts';
import { runProgram, STATEROOT, type ProgramResult, type TestSystem } from './layering-sysroot.ts';
import { onRunningMachine } from './running-machine.ts';

export const UNITS = '/usr/lib/systemd/system';
/** Of units: without the targets and sockets of a whole system. */
export const ALONE = '[Unit]\nDefaultDependencies=no\n';
/** Of this machine, which the base has to have. */
export const SYSTEMD_PROGRAMS = ['/bin/systemctl', '/lib/systemd/systemd'];

/** What the base has to have: units that start these services, and then the report. */
export function systemdPackage(services: readonly string[]): RpmTestPackage {
  const names = services.join(' ');
  return {
    name: 'system',
    arch: 'x86_64',
    files: [
      { path: '/sys', kind: 'directory' },
      {
        path: '/usr/lib/systemd/systemd-shutdown',
        content: fs.readFileSync('/lib/systemd/systemd-shutdown'),
        mode: 0o755,
      },
      { path: `${UNITS}/default.target`, content: `${ALONE}Wants=${names} report.service\n` },
      {
        path: `${UNITS}/report.service`,
        content: `${ALONE}After=${names}\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/bash /tmp/report\n`,
      },
    ],
  };
}

/** Few devices, and not those of the test's machine: systemd makes links there. What it logs goes to /var. */
const DEVICES = `
mkdir /tmp/dev; : > /var/messages
for name in null zero full random urandom; do : > /tmp/dev/$name; host mount --bind /dev/$name /tmp/dev/$name; done
: > /tmp/dev/kmsg; host mount --bind /var/messages /tmp/dev/kmsg
host mount --rbind /tmp/dev /dev`;

/** A control group for such machines, and what removes it. */
export function machineCgroup(): { readonly path: string; remove(): void } {
  const unified = runProgram('findmnt', ['-n', '-t', 'cgroup2', '-o', 'TARGET']).trim().split('\n')[0] ?? '';
  const group = fs.mkdtempSync(path.join(unified, 'yum-ostree-running-'));
  // The deepest first; it is empty when its processes are gone.
  const remove = (): void => {
    spawnSync('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
  };
  return { path: group, remove };
}

/** Boots the deployment in `directory`; the script of `report` runs as its last service, and what it writes to /var is left. */
export function onSystemdMachine(
  system: TestSystem,
  directory: string,
  { report, cgroup }: { readonly report: string; readonly cgroup: string },
): ProgramResult {
  return onRunningMachine(
    system,
    directory,
    `cat > /tmp/report <<'END'\n${report}\nsystemctl exit --force\nEND
     echo 0123456789abcdef0123456789abcdef > /etc/machine-id
     ${DEVICES}
     export container=test SYSTEMD_LOG_TARGET=kmsg
     exec /usr/bin/systemd --system --unit=default.target --show-status=false`,
    cgroup,
  );
}

/** A file that such a machine left in /var. */
export function varFile(system: TestSystem, name: string): string {
  return fs.readFileSync(path.join(system.sysroot, 'ostree/deploy', STATEROOT, 'var', name), 'utf8');
}
