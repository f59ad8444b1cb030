import { expect, test } from 'vitest';
import { addedEntries, applySysusers, appendEntries, readUserIds, userId } from '#layering/users.ts';

const FILES = {
  passwd: 'root:x:0:0::/root:/bin/sh\ndaemon:x:999:2::/:/sbin/nologin\n',
  group: 'root:x:0:\nwheel:x:10:\n',
  shadow: 'root:*:::::::\n',
  gshadow: null,
};
const IDS = readUserIds([FILES.passwd], [FILES.group]);

test('sysusers lines add users, groups and members with the highest free ids', () => {
  const text = [
    '# comment',
    'u tcpdump - "Packet capture" /var/lib/tcpdump',
    'g tape 33',
    'u fixed 72:wheel - - /bin/sh',
    'u daemon 2',
    'm tcpdump wheel',
    'r - 500-900',
  ].join('\n');
  const after = applySysusers(FILES, IDS, [{ file: 'tcpdump.conf', text }]);
  expect(after.passwd).toBe(
    FILES.passwd +
      'tcpdump:x:998:998:Packet capture:/var/lib/tcpdump:/usr/sbin/nologin\nfixed:x:72:10::/:/bin/sh\n',
  );
  expect(after.group).toBe('root:x:0:\nwheel:x:10:tcpdump\ntape:x:33:\ntcpdump:x:998:\n');
  expect(after.shadow).toBe('root:*:::::::\ntcpdump:!*:::::::\nfixed:!*:::::::\n');
  expect(after.gshadow).toBeNull();
});

test('what exists stays as it is', () => {
  expect(applySysusers(FILES, IDS, [{ file: 'a', text: 'u root 0\ng wheel 99\n' }])).toEqual(FILES);
});

test('who has an id on the machine keeps it, and nobody else gets it', () => {
  const settled = readUserIds(
    ['b:x:998:7::/:\nlocal:x:997:997::/:\ndaemon:x:5:5::/:\n'],
    ['c:x:996:\nb:x:7:\n'],
  );
  const configs = [{ file: 'a', text: 'u a -\nu b 50\nu fixed 997\ng c -\ng d 996\nu daemon -\n' }];
  const { passwd, group } = applySysusers(FILES, IDS, configs, settled);
  const names = (text: string): string[] =>
    text.split('\n').map((line) => line.split(':').slice(0, 4).join(':'));
  expect(names(passwd.slice(FILES.passwd.length))).toEqual([
    'a:x:994:994',
    'b:x:998:7',
    'fixed:x:993:993',
    '',
  ]);
  expect(names(group.slice(FILES.group.length))).toEqual([
    'c:x:996:',
    'd:x:995:',
    'a:x:994:',
    'b:x:7:',
    'fixed:x:993:',
    '',
  ]);
});

test('a malformed line is named', () => {
  expect(() => applySysusers(FILES, IDS, [{ file: 'x.conf', text: '\nu a:b -\n' }])).toThrow(/^x\.conf:2: /);
});

test('owners are names or numbers; an unknown one is named with its file', () => {
  expect(userId(IDS.users, 'daemon', 'x')).toBe(999);
  expect(userId(IDS.users, '1234', 'x')).toBe(1234);
  expect(() => userId(IDS.users, 'tss', 'tpm2-tss: /usr/x')).toThrow(/^tpm2-tss: \/usr\/x belongs to 'tss'/);
});

test('what a script added is found and put elsewhere', () => {
  const added = addedEntries('a:x:1\nb:x:2\n', 'a:x:9\nc:x:3\nb:x:2\n');
  expect(added).toEqual(['c:x:3']);
  expect(appendEntries('z:x:7', added)).toBe('z:x:7\nc:x:3\n');
});
