import type { Goal, Sack } from '#native/solver.ts';
import { type Comps, expandGroup } from '#layering/comps.ts';
import type { PackageId } from '#layering/installed-package.ts';

/** A group's members as jobs of the goal. */
export interface GroupHandles {
  /** With the `@`. */
  readonly spec: string;
  readonly name: string;
  readonly members: readonly { readonly name: string; readonly handle: number }[];
  /** Names of conditional members: whether they come is up to the solver. */
  readonly conditional: readonly string[];
  /** Members that no repository has. */
  readonly missing: readonly string[];
}

/** What became of a group. */
export interface GroupOutcome {
  readonly id: string;
  readonly name: string;
  /** The members that it brings, and those that the base has. */
  readonly packages: readonly PackageId[];
  readonly inBase: readonly PackageId[];
  /** Members that no repository has. */
  readonly missing: readonly string[];
  /** Members that are not mandatory and cannot be installed here. */
  readonly skipped: readonly string[];
}

interface GroupRequest {
  readonly comps: readonly Comps[];
  readonly spec: string;
  readonly optional: boolean;
}

/**
 * Asks for a group's members: mandatory ones must come, default (and, where wanted, optional) ones come where they can,
 * conditional ones where the package they go with is there or comes. Null where no repository has the group.
 */
export function addGroup(
  goal: Goal,
  sack: Sack,
  { comps, spec, optional }: GroupRequest,
): GroupHandles | null {
  const group = expandGroup(comps, spec.slice(1));
  if (group === null) return null;
  const members: { name: string; handle: number }[] = [];
  const missing: string[] = [];
  const add = (name: string, handle: number | null): void => {
    if (handle === null) missing.push(name);
    else members.push({ name, handle });
  };
  for (const name of group.mandatory) add(name, goal.install(name, false));
  for (const name of [...group.default, ...(optional ? group.optional : [])])
    add(name, goal.install(name, true));
  const conditional = group.conditional.filter(({ name }) => sack.query(name, false).length > 0);
  for (const { name, requires } of conditional) goal.installDependency(`(${name} if ${requires})`, true);
  return {
    spec,
    name: group.name,
    members,
    missing,
    conditional: conditional.map(({ name }) => name),
  };
}

/** What the solution made of a group's jobs. */
export function groupOutcome(
  group: GroupHandles,
  outcome: (handle: number) => { packages: PackageId[]; inBase: PackageId[] },
): GroupOutcome {
  const members = group.members.map(({ name, handle }) => ({ name, ...outcome(handle) }));
  return {
    id: group.spec.slice(1),
    name: group.name,
    packages: members.flatMap(({ packages }) => packages),
    inBase: members.flatMap(({ inBase }) => inBase),
    missing: group.missing,
    skipped: members
      .filter(({ packages, inBase }) => packages.length + inBase.length === 0)
      .map(({ name }) => name),
  };
}
