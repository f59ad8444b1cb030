/** Advisories of a repository (rpm-md's updateinfo): why packages were updated. Pure. */
import { SaxesParser } from 'saxes';
import { UserError } from '#ostree/format/errors.ts';
import { compareEvr, formatEvr } from '#layering/evr.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import type { PackageDiff } from '#layering/package-diff.ts';

/** Their order is the number that rpm-ostree gives them. */
export const ADVISORY_KINDS = ['unknown', 'security', 'bugfix', 'enhancement', 'newpackage'] as const;
export const SEVERITIES = ['none', 'low', 'moderate', 'important', 'critical'] as const;

export interface Advisory {
  /** `FEDORA-2026-0123456789`. */
  readonly id: string;
  readonly kind: (typeof ADVISORY_KINDS)[number];
  readonly severity: (typeof SEVERITIES)[number];
  readonly title: string;
  readonly references: readonly AdvisoryReference[];
  /** What it brings. */
  readonly packages: readonly Nevra[];
}

export interface AdvisoryReference {
  readonly kind: string;
  readonly url: string;
  readonly title: string;
}

/** Elements within each other; real files have six. */
const DEEPEST = 32;

/** Parses updateinfo.xml. @throws UserError BAD_METADATA naming `source` */
export function parseUpdateinfo(xml: string, source: string): Advisory[] {
  const advisories: Advisory[] = [];
  const bad = (why: string): UserError =>
    new UserError('BAD_METADATA', `${source}: not an updateinfo file: ${why}`);
  const parser = new SaxesParser();
  const path: string[] = [];
  let draft = emptyDraft({});
  let text = '';
  parser.on('error', (error) => {
    throw bad(error.message);
  });
  parser.on('opentag', ({ name, attributes }) => {
    path.push(name);
    if (path.length > DEEPEST) throw bad(`its elements are nested ${DEEPEST} deep`);
    text = '';
    if (path.length === 2) draft = emptyDraft(attributes);
    if (path.length > 2) takeElement(draft, name, attributes);
  });
  parser.on('text', (part) => (text += part));
  parser.on('closetag', ({ name }) => {
    path.pop();
    if (path.length === 2) takeText(draft, name, text.trim());
    if (path.length === 1 && name === 'update' && draft.id !== '') advisories.push(draft);
    text = '';
  });
  parser.write(xml).close();
  return advisories;
}

/** The advisories of what a diff brings, each with those packages of it; of upgrades also what was in between. */
export function advisoriesOf(diff: PackageDiff, known: readonly Advisory[]): Advisory[] {
  const upgraded = new Map(diff.upgraded.map((change) => [keyOf(change.to), change]));
  const added = new Set(diff.added.map(formatNevra));
  const brings = (one: Nevra): boolean => {
    const change = upgraded.get(keyOf(one));
    if (change === undefined) return added.has(formatNevra(one));
    return compareEvr(one, change.from) > 0 && compareEvr(one, change.to) <= 0;
  };
  const found = new Map<string, Advisory>();
  for (const advisory of known) {
    const packages = advisory.packages.filter(brings);
    // Several repositories may have the same.
    if (packages.length > 0 && !found.has(advisory.id)) found.set(advisory.id, { ...advisory, packages });
  }
  return [...found.values()].sort(bySeverity);
}

/** URLs and titles of the references that name security flaws, the first of each flaw. */
export function flawReferences({ references }: Advisory): AdvisoryReference[] {
  const seen = new Set<string>();
  const sorted = [...references].sort((a, b) => (a.url < b.url ? -1 : 1));
  return sorted.filter(({ kind, title, url }) => {
    const flaws = title.match(/\bCVE-[0-9]+-[0-9]+\b/g) ?? [];
    const isNew = kind === 'bugzilla' && url !== '' && flaws.some((flaw) => !seen.has(flaw));
    if (isNew) for (const flaw of flaws) seen.add(flaw);
    return isNew;
  });
}

/** `FEDORA-2026-1  security, important  openssl-3.0-2.x86_64`. */
export function advisoryRow({ id, kind, severity, packages }: Advisory): string[] {
  const names = packages.map(({ name, ...evr }) => `${name}-${formatEvr(evr)}`);
  return [id, severity === 'none' ? kind : `${kind}, ${severity}`, [...new Set(names)].join(' ')];
}

type Draft = {
  -readonly [K in keyof Advisory]: Advisory[K] extends readonly (infer One)[] ? One[] : Advisory[K];
};

function emptyDraft(attributes: Readonly<Record<string, string>>): Draft {
  const kind = ADVISORY_KINDS.find((one) => one === attributes['type']) ?? 'unknown';
  return { id: '', kind, severity: 'none', title: '', references: [], packages: [] };
}

function takeElement(draft: Draft, name: string, attributes: Readonly<Record<string, string>>): void {
  const text = (key: string): string => attributes[key] ?? '';
  if (name === 'reference')
    draft.references.push({ kind: text('type'), url: text('href'), title: text('title') });
  if (name !== 'package' || text('name') === '') return;
  const epoch = /^[0-9]{1,9}$/.test(text('epoch')) ? Number(text('epoch')) : 0;
  const [version, release, arch] = [text('version'), text('release'), text('arch')];
  draft.packages.push({ name: text('name'), epoch, version, release, arch });
}

function takeText(draft: Draft, name: string, text: string): void {
  if (name === 'id') draft.id = text;
  if (name === 'title') draft.title = text;
  if (name === 'severity') draft.severity = SEVERITIES.find((one) => one === text.toLowerCase()) ?? 'none';
}

function keyOf({ name, arch }: Nevra): string {
  return `${name}.${arch}`;
}

function bySeverity(a: Advisory, b: Advisory): number {
  const rank = (one: Advisory): number =>
    SEVERITIES.indexOf(one.severity) + (one.kind === 'security' ? 10 : 0);
  return rank(b) - rank(a) || (a.id < b.id ? -1 : 1);
}
