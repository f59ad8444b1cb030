import { expect, test } from 'vitest';
import { capabilityXattr } from '#layering/capabilities.ts';

test.each([
  ['cap_net_raw=ep', '0100000200200000000000000000000000000000'],
  ['cap_net_raw+ep', '0100000200200000000000000000000000000000'],
  ['cap_net_admin,cap_net_raw=p', '0000000200300000000000000000000000000000'],
  ['= cap_bpf,cap_perfmon+ei', '01000002' + '00000000' + '00000000' + '00000000' + 'c0000000'],
  ['=ep cap_sys_admin-ep', '01000002' + 'ffffdfff' + '00000000' + 'ff010000' + '00000000'],
  ['cap_chown=i cap_chown+p', '00000002' + '01000000' + '01000000' + '00000000' + '00000000'],
])('%s', (text, hex) => {
  expect(Buffer.from(capabilityXattr(text)).toString('hex')).toBe(hex);
});

test.each([
  '',
  'cap_nothing=ep',
  'cap_net_raw',
  'cap_net_raw=x',
  '+ep',
  'cap_chown=p cap_kill=ep',
  'cap_net_raw+',
])('%j is refused', (text) => {
  expect(() => capabilityXattr(text)).toThrow(/is not a set of file capabilities/);
});
