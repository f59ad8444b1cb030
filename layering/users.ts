/** passwd, group and their shadows as text, and what sysusers.d(5) lines add to them. Pure. */
import { UserError } from '#ostree/format/errors.ts';

export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
  /** null where the tree has none. */
  readonly shadow: string | null;
  readonly gshadow: string | null;
}

/** Names to ids, of everything a tree's passwd and group files say. */
export interface UserIds {
  readonly users: ReadonlyMap<string, number>;
  readonly groups: ReadonlyMap<string, number>;
}

/** The ids of `name:x:ID:…` lines of several files; the first that names somebody counts. `root` is always 0. */
export function readUserIds(passwds: readonly string[], groups: readonly string[]): UserIds {
  return { users: idsOf(passwds), groups: idsOf(groups) };
}

/** @throws UserError UNKNOWN_OWNER naming package, path and user */
export function userId(ids: ReadonlyMap<string, number>, name: string, whose: string): number {
  const id = ids.get(name);
  if (id !== undefined) return id;
  if (/^[0-9]+$/.test(name)) return Number(name);
  throw new UserError(
    'UNKNOWN_OWNER',
    `${whose} belongs to '${name}', whom neither the tree nor a script of the packages makes`,
    {
      hint: 'the package lacks a requirement on the one that makes this user or group',
    },
  );
}

/** The lines of `after` whose name `before` does not have: what a script added. */
export function addedEntries(before: string, after: string): string[] {
  const known = new Set(before.split('\n').map(nameOf));
  return after.split('\n').filter((line) => line !== '' && !known.has(nameOf(line)));
}

/** `text` with the lines at its end, each with a newline. */
export function appendEntries(text: string, lines: readonly string[]): string {
  if (lines.length === 0) return text;
  return (text === '' || text.endsWith('\n') ? text : `${text}\n`) + lines.map((l) => `${l}\n`).join('');
}

interface SysusersLine {
  readonly type: 'u' | 'g' | 'm';
  readonly name: string;
  /** '-', a number, `uid:gid`, `uid:groupname`, or a path (which is taken as '-'). */
  readonly id: string;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

/** Nobody has an id yet. */
export const NO_IDS: UserIds = { users: new Map(), groups: new Map() };

/**
 * The files after the lines of some sysusers.d(5) files. Who has an id on the machine keeps it; other ids that are not fixed
 * are the highest free ones below 1000, so that the same packages on the same base give the same ids.
 * @param settled who has which id where the tree is to run: nobody else gets it
 * @throws UserError BAD_SYSUSERS naming file and line
 */
export function applySysusers(
  files: UserFiles,
  known: UserIds,
  configs: readonly { readonly file: string; readonly text: string }[],
  settled: UserIds = NO_IDS,
): UserFiles {
  const state = {
    ...files,
    settled,
    users: new Map(known.users),
    groups: new Map(known.groups),
  };
  const lines = configs.flatMap(({ file, text }) => parseSysusers(text, file));
  // As systemd-sysusers: groups first, then users, then memberships, wherever they stand.
  for (const line of lines.filter((l) => l.type === 'g')) addGroup(state, line.name, line.id);
  for (const line of lines.filter((l) => l.type === 'u')) addUser(state, line);
  for (const line of lines.filter((l) => l.type === 'm')) addMember(state, line);
  const { passwd, group, shadow, gshadow } = state;
  return { passwd, group, shadow, gshadow };
}

interface State {
  passwd: string;
  group: string;
  shadow: string | null;
  gshadow: string | null;
  readonly users: Map<string, number>;
  readonly groups: Map<string, number>;
  readonly settled: UserIds;
}

function addGroup(state: State, name: string, wanted: string): number {
  const existing = state.groups.get(name);
  if (existing !== undefined) return existing;
  const gid = idFor(state, 'groups', name, wanted) ?? freeId(state, name);
  state.groups.set(name, gid);
  state.group = appendEntries(state.group, [`${name}:x:${gid}:`]);
  if (state.gshadow !== null) state.gshadow = appendEntries(state.gshadow, [`${name}:!*::`]);
  return gid;
}

function addUser(state: State, line: SysusersLine): void {
  if (state.users.has(line.name)) return;
  const [wantedUid = '-', wantedGroup = ''] = line.id.split(':');
  const ownGroup = wantedGroup === '' ? state.groups.get(line.name) : undefined;
  const uid =
    idFor(state, 'users', line.name, wantedUid) ??
    (ownGroup !== undefined && isFree(state, 'users', line.name, ownGroup)
      ? ownGroup
      : freeId(state, line.name));
  const gid = groupOfUser(state, { name: line.name, uid, wanted: wantedGroup });
  state.users.set(line.name, uid);
  state.passwd = appendEntries(state.passwd, [
    `${line.name}:x:${uid}:${gid}:${line.gecos}:${line.home}:${line.shell}`,
  ]);
  if (state.shadow !== null) state.shadow = appendEntries(state.shadow, [`${line.name}:!*:::::::`]);
}

function groupOfUser(
  state: State,
  { name, uid, wanted }: { readonly name: string; readonly uid: number; readonly wanted: string },
): number {
  if (/^[0-9]+$/.test(wanted)) return Number(wanted);
  if (wanted !== '') return addGroup(state, wanted, '-');
  return addGroup(state, name, String(uid));
}

function addMember(state: State, line: SysusersLine): void {
  addUser(state, { ...line, type: 'u', id: '-', gecos: '', home: '/', shell: '/usr/sbin/nologin' });
  addGroup(state, line.id, '-');
  state.group = withMember(state.group, line.id, line.name);
  if (state.gshadow !== null) state.gshadow = withMember(state.gshadow, line.id, line.name);
}

function withMember(text: string, group: string, user: string): string {
  return text
    .split('\n')
    .map((line) => {
      const fields = line.split(':');
      if (fields[0] !== group || fields.length < 4) return line;
      const members = (fields[3] ?? '').split(',').filter((m) => m !== '');
      if (!members.includes(user)) members.push(user);
      return [...fields.slice(0, 3), members.join(',')].join(':');
    })
    .join('\n');
}

type Kind = keyof UserIds;

/** The one that somebody has already, or is to have; null where that is not to be had. */
function idFor(state: State, kind: Kind, name: string, wanted: string): number | null {
  const had = state.settled[kind].get(name);
  if (had !== undefined && !hasId(state[kind], had)) return had;
  return /^[0-9]+$/.test(wanted) && isFree(state, kind, name, Number(wanted)) ? Number(wanted) : null;
}

function isFree(state: State, kind: Kind, name: string, id: number): boolean {
  return !hasId(state[kind], id) && !hasId(state.settled[kind], id, name);
}

function freeId(state: State, name: string): number {
  for (let id = 999; id > 0; id--)
    if (isFree(state, 'users', name, id) && isFree(state, 'groups', name, id)) return id;
  throw new UserError('NO_FREE_ID', 'no user or group id below 1000 is free');
}

function hasId(ids: ReadonlyMap<string, number>, id: number, except?: string): boolean {
  for (const [name, taken] of ids) if (taken === id && name !== except) return true;
  return false;
}

function parseSysusers(text: string, file: string): SysusersLine[] {
  return text.split('\n').flatMap((row, index) => {
    const trimmed = row.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const [type = '', name = '', id = '-', gecos = '-', home = '-', shell = '-'] = splitFields(trimmed);
    const kind = type.replace(/[!]$/, '');
    if (kind === 'r') return [];
    const valid = /^[A-Za-z_][A-Za-z0-9_.-]{0,30}$/.test(name) && (kind !== 'm' || id !== '-');
    if ((kind !== 'u' && kind !== 'g' && kind !== 'm') || !valid || /[:\n]/.test(gecos + home + shell))
      throw new UserError('BAD_SYSUSERS', `${file}:${index + 1}: '${trimmed}' is not a sysusers.d line`);
    return [
      {
        type: kind,
        name,
        id,
        gecos: gecos === '-' ? '' : gecos,
        home: home === '-' ? '/' : home,
        shell: shell === '-' ? '/usr/sbin/nologin' : shell,
      },
    ];
  });
}

/** Fields between blanks; double or single quotes hold blanks together. */
function splitFields(row: string): string[] {
  return [...row.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double?.replace(/\\(.)/g, '$1') ?? single ?? bare ?? '',
  );
}

function idsOf(texts: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>([['root', 0]]);
  for (const line of texts.join('\n').split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name !== '' && /^[0-9]+$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}

function nameOf(line: string): string {
  return line.slice(0, Math.max(line.indexOf(':'), 0));
}
