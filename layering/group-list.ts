/** `group list` and `group info`: the comps groups of the enabled repositories. */
import { UserError } from '#ostree/format/errors.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { expandGroup, type Comps } from '#layering/comps.ts';
import type { PackageState, PackageWorld } from '#layering/package-world.ts';

export interface GroupSummary {
  /** Without the `@`. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'group' | 'environment';
  /** It is one of the requests of the tree that boots next. */
  readonly layered: boolean;
}

export interface GroupMemberInfo {
  readonly name: string;
  readonly kind: 'mandatory' | 'default' | 'optional' | 'conditional';
  /** Of a conditional member: the package beside which it is wanted. */
  readonly requires?: string;
  /** null where no repository has it. */
  readonly state: PackageState | null;
}

export interface GroupInfo extends GroupSummary {
  readonly description: string;
  readonly members: readonly GroupMemberInfo[];
}

/** Every group and environment, by id; one that several repositories have is told once. */
export async function listGroups(world: PackageWorld): Promise<GroupSummary[]> {
  return summaries(await world.comps(), world.system.origin.groups);
}

export function summaries(comps: readonly Comps[], requested: readonly string[]): GroupSummary[] {
  const layered = new Set(requested);
  const found = new Map<string, GroupSummary>();
  const add = (
    kind: GroupSummary['kind'],
    { id, name }: { readonly id: string; readonly name: string },
  ): void => {
    if (!found.has(id)) found.set(id, { id, name, kind, layered: layered.has(id) });
  };
  for (const { groups } of comps) for (const group of groups.values()) add('group', group);
  for (const { environments } of comps) for (const one of environments.values()) add('environment', one);
  return [...found.values()].sort((a, b) => compareBytewise(a.id, b.id));
}

/** @throws UserError UNKNOWN_GROUP naming every id that no enabled repository has */
export async function groupInfo(world: PackageWorld, ids: readonly string[]): Promise<GroupInfo[]> {
  const comps = await world.comps();
  const known = summaries(comps, world.system.origin.groups);
  const wanted = ids.map((id) => (id.startsWith('@') ? id.slice(1) : id));
  const unknown = wanted.filter((id) => !known.some((group) => group.id === id));
  if (unknown.length > 0)
    throw new UserError(
      'UNKNOWN_GROUP',
      `no enabled repository has the group ${unknown.map((id) => `@${id}`).join(', ')}`,
      {
        hint: "'yum-ostree group list' lists those that there are",
      },
    );
  const stateOf = await memberStates(world);
  return known
    .filter(({ id }) => wanted.includes(id))
    .map((group) => ({
      ...group,
      description: comps.flatMap(({ groups }) => groups.get(group.id)?.description ?? []).at(0) ?? '',
      members: membersOf(comps, group.id).map((member) => ({ ...member, state: stateOf(member.name) })),
    }));
}

function membersOf(comps: readonly Comps[], id: string): Omit<GroupMemberInfo, 'state'>[] {
  const group = expandGroup(comps, id);
  if (group === null) return [];
  const plain = (['mandatory', 'default', 'optional'] as const).flatMap((kind) =>
    group[kind].map((name) => ({ name, kind })),
  );
  return [
    ...plain,
    ...group.conditional.map(({ name, requires }) => ({ name, kind: 'conditional' as const, requires })),
  ];
}

/** By name: the strongest state of any package of that name. */
async function memberStates(world: PackageWorld): Promise<(name: string) => PackageState | null> {
  const sack = await world.sack(false);
  const order: readonly PackageState[] = ['layered', 'base', 'removed', 'available'];
  return (name) => {
    const states = sack
      .query(name, false)
      .filter((one) => one.name === name)
      .map((one) => world.stateOf(one));
    return order.find((state) => states.includes(state)) ?? null;
  };
}
