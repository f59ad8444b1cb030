import { expect, test } from 'vitest';
import { restartCommand } from '#layering/restart-command.ts';
import type { NeededRestart } from '#layering/running-audit.ts';

const NEEDED: NeededRestart = {
  unit: 'a.service',
  userUnit: null,
  by: 'restart',
  processes: [{ pid: 1, name: 'a', uid: 1000 }],
  loses: null,
  reasons: [],
};

test.each<[Partial<NeededRestart>, string | undefined]>([
  [{}, 'systemctl restart -- a.service'],
  [
    { unit: 'user@1000.service', userUnit: 'b.service', by: 'user-restart' },
    'systemctl --user --machine=1000@ restart -- b.service',
  ],
  [{ unit: 'init.scope', by: 'reexec' }, 'systemctl daemon-reexec'],
  [{ unit: 'session-1.scope', by: 'log-out' }, undefined],
  [{ unit: 'dbus.service', by: 'reboot' }, 'systemctl restart -- dbus.service'],
])('%j', (more, command) => {
  expect(restartCommand({ ...NEEDED, ...more })?.join(' ')).toBe(command);
});
