import { SaxesParser } from 'saxes';
import { UserError } from '#ostree/format/errors.ts';

/** How strongly a group wants a package. */
export type MemberKind = 'mandatory' | 'default' | 'optional' | 'conditional';

export interface GroupMember {
  readonly name: string;
  readonly kind: MemberKind;
  /** Of a conditional member: the package beside which it is wanted. */
  readonly requires?: string;
}

export interface Group {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly members: readonly GroupMember[];
}

export interface Environment {
  readonly id: string;
  readonly name: string;
  /** Ids of the groups it always has, and of those it offers. */
  readonly groups: readonly string[];
  readonly optionalGroups: readonly string[];
}

/** The groups of a repository (rpm-md's comps file). */
export interface Comps {
  readonly groups: ReadonlyMap<string, Group>;
  readonly environments: ReadonlyMap<string, Environment>;
}

/** A group or environment resolved to package names, from all repositories together. */
export interface ExpandedGroup {
  readonly id: string;
  readonly name: string;
  readonly mandatory: readonly string[];
  readonly default: readonly string[];
  readonly optional: readonly string[];
  readonly conditional: readonly { readonly name: string; readonly requires: string }[];
}

type MutableGroup = { -readonly [K in keyof Group]: Group[K] } & { members: GroupMember[] };
type MutableEnvironment = { -readonly [K in keyof Environment]: Environment[K] } & {
  groups: string[];
  optionalGroups: string[];
};

/** Parses a comps file. @throws UserError BAD_METADATA naming `source` and the line */
export function parseComps(xml: string, source: string): Comps {
  const groups = new Map<string, Group>();
  const environments = new Map<string, Environment>();
  readSections(xml, source, (section) => {
    const { group, environment } = section;
    if (group !== undefined && group.id !== '') groups.set(group.id, group);
    if (environment !== undefined && environment.id !== '') environments.set(environment.id, environment);
  });
  return { groups, environments };
}

/**
 * The members of `@id` over several repositories' comps; null where none knows it. A group that two repositories
 * have is their union; the strongest wish of a member counts. An environment is the union of its (not optional) groups.
 */
export function expandGroup(comps: readonly Comps[], id: string): ExpandedGroup | null {
  const groups = comps.flatMap((one) => one.groups.get(id) ?? []);
  if (groups.length > 0) return expanded(id, groups);
  const environments = comps.flatMap((one) => one.environments.get(id) ?? []);
  if (environments.length === 0) return null;
  const ids = new Set(environments.flatMap((environment) => environment.groups));
  const parts = [...ids].flatMap((part) => comps.flatMap((one) => one.groups.get(part) ?? []));
  return { ...expanded(id, parts), name: environments[0]?.name ?? id };
}

function expanded(id: string, groups: readonly Group[]): ExpandedGroup {
  const members = groups.flatMap((group) => group.members);
  const names = (kind: MemberKind): string[] => [
    ...new Set(members.filter((member) => member.kind === kind).map((member) => member.name)),
  ];
  const mandatory = names('mandatory');
  const byDefault = without(names('default'), mandatory);
  const optional = without(names('optional'), [...mandatory, ...byDefault]);
  const certain = new Set([...mandatory, ...byDefault]);
  const conditional = members.flatMap(({ name, kind, requires }) =>
    kind === 'conditional' && requires !== undefined && !certain.has(name) ? [{ name, requires }] : [],
  );
  return { id, name: groups[0]?.name ?? id, mandatory, default: byDefault, optional, conditional };
}

function without(names: readonly string[], taken: readonly string[]): string[] {
  const set = new Set(taken);
  return names.filter((name) => !set.has(name));
}

/** Elements within each other; real files have four. */
const DEEPEST = 32;

interface Section {
  group?: MutableGroup;
  environment?: MutableEnvironment;
}

/** Streams over the file; calls `finished` at the end of each group and environment. */
function readSections(xml: string, source: string, finished: (section: Section) => void): void {
  const parser = new SaxesParser();
  let section: Section = {};
  let path: string[] = [];
  let text = '';
  let attributes: Record<string, string> = {};
  parser.on('error', (error) => {
    throw new UserError('BAD_METADATA', `${source}: not a comps file: ${error.message}`, { cause: error });
  });
  parser.on('opentag', (tag) => {
    path.push(tag.name);
    if (path.length > DEEPEST)
      throw new UserError(
        'BAD_METADATA',
        `${source}: not a comps file: its elements are nested ${DEEPEST} deep`,
      );
    text = '';
    attributes = tag.attributes;
    if (path.length === 2 && tag.name === 'group')
      section = { group: { id: '', name: '', description: '', members: [] } };
    if (path.length === 2 && tag.name === 'environment')
      section = { environment: { id: '', name: '', groups: [], optionalGroups: [] } };
  });
  parser.on('text', (part) => (text += part));
  parser.on('closetag', () => {
    takeElement(section, { path, text: text.trim(), attributes });
    text = '';
    path = path.slice(0, -1);
    if (path.length !== 1) return;
    finished(section);
    section = {};
  });
  parser.write(xml).close();
}

interface Element {
  /** From the document's element down to this one. */
  readonly path: readonly string[];
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

function takeElement(section: Section, element: Element): void {
  if (section.group !== undefined) takeGroupElement(section.group, element);
  if (section.environment !== undefined) takeEnvironmentElement(section.environment, element);
}

function takeGroupElement(group: MutableGroup, { path, text, attributes }: Element): void {
  const inner = path.slice(2).join('/');
  // Translations carry xml:lang; the plain one is English.
  const translated = attributes['xml:lang'] !== undefined;
  if (inner === 'id') group.id = text;
  if (inner === 'name' && !translated) group.name = text;
  if (inner === 'description' && !translated) group.description = text;
  if (inner === 'packagelist/packagereq' && text !== '') group.members.push(memberOf(text, attributes));
}

function memberOf(name: string, attributes: Readonly<Record<string, string>>): GroupMember {
  const { type } = attributes;
  if (type === 'default' || type === 'optional') return { name, kind: type };
  if (type === 'conditional') return { name, kind: type, requires: attributes.requires ?? name };
  // Without a type, or with one from the future, a member is mandatory, as for dnf.
  return { name, kind: 'mandatory' };
}

function takeEnvironmentElement(environment: MutableEnvironment, { path, text, attributes }: Element): void {
  const inner = path.slice(2).join('/');
  if (inner === 'id') environment.id = text;
  if (inner === 'name' && attributes['xml:lang'] === undefined) environment.name = text;
  if (inner === 'grouplist/groupid') environment.groups.push(text);
  if (inner === 'optionlist/groupid') environment.optionalGroups.push(text);
}
