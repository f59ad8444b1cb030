import { expect, test } from 'vitest';
import { expandGroup, parseComps } from '#layering/comps.ts';

const group = (id: string, members: string) =>
  `<group><id>${id}</id><name>${id} group</name><name xml:lang="de">Gruppe</name><packagelist>${members}</packagelist></group>`;
const member = (name: string, type: string, more = '') =>
  `<packagereq type="${type}"${more}>${name}</packagereq>`;

const first = parseComps(
  `<comps>${group('tools', member('a', 'mandatory') + member('b', 'default') + member('c', 'optional') + member('d', 'conditional', ' requires="x"'))}
   <environment><id>env</id><name>Env</name><grouplist><groupid>tools</groupid><groupid>more</groupid></grouplist>
   <optionlist><groupid>extra</groupid></optionlist></environment></comps>`,
  'first',
);
const second = parseComps(
  `<comps>${group('tools', member('b', 'mandatory') + '<packagereq>e</packagereq>')}${group('more', member('f', 'default'))}</comps>`,
  'second',
);

test('a group of one repository', () => {
  expect(expandGroup([first], 'tools')).toEqual({
    id: 'tools',
    name: 'tools group',
    mandatory: ['a'],
    default: ['b'],
    optional: ['c'],
    conditional: [{ name: 'd', requires: 'x' }],
  });
});

test('of two repositories: the union, where the stronger wish counts', () => {
  expect(expandGroup([first, second], 'tools')).toMatchObject({ mandatory: ['a', 'b', 'e'], default: [] });
});

test('an environment is its groups, not those it only offers', () => {
  expect(expandGroup([first, second], 'env')).toMatchObject({
    id: 'env',
    name: 'Env',
    mandatory: ['a', 'b', 'e'],
    default: ['f'],
  });
});

test('an unknown one', () => expect(expandGroup([first], 'nope')).toBeNull());

test('what is no comps file is refused by name', () => {
  expect(() => parseComps('<comps><group>', 'here')).toThrow('here: not a comps file');
});
