/** The entries of an origin that name packages by more than a spec: package files, and packages of repositories. Pure. */
import { UserError } from '#ostree/format/errors.ts';
import { formatNevra, parseNevra, type Nevra } from '#layering/nevra.ts';

/** `SHA256:NEVRA`: a package file whose content is in the store. */
export interface FileEntry {
  /** Of the header (ours) or of all that is before the payload (rpm-ostree's). */
  readonly sha256: string;
  readonly nevra: Nevra;
}

/** `repo=ID,SPEC`: what a spec selects in one repository. */
export interface RemoteEntry {
  readonly id: string;
  readonly spec: string;
}

export function formatFileEntry({ sha256, nevra }: FileEntry): string {
  return `${sha256}:${formatNevra(nevra)}`;
}

/** @throws UserError BAD_ORIGIN */
export function parseFileEntry(entry: string): FileEntry {
  const [, sha256, nevra] = /^([0-9a-f]+):(.+)$/.exec(entry) ?? [];
  if (sha256 === undefined || nevra === undefined) throw badEntry(entry, 'SHA256:NEVRA');
  try {
    return { sha256, nevra: parseNevra(nevra) };
  } catch (cause) {
    throw badEntry(entry, 'SHA256:NEVRA', cause);
  }
}

export function formatRemoteEntry({ id, spec }: RemoteEntry): string {
  return `repo=${id},${spec}`;
}

/** @throws UserError BAD_ORIGIN */
export function parseRemoteEntry(entry: string): RemoteEntry {
  const [, id, spec] = /^repo=([^,]+),([^,]+)$/.exec(entry) ?? [];
  if (id === undefined || spec === undefined) throw badEntry(entry, 'repo=ID,PACKAGE');
  return { id, spec };
}

/** Whether a request is a package file: specs hold no such checksum. */
export function isFileEntry(request: string): boolean {
  return /^[0-9a-f]{64}:./.test(request);
}

/** A request for people: of a package file its NEVRA. */
export function shownRequest(request: string): string {
  return isFileEntry(request) ? formatNevra(parseFileEntry(request).nevra) : request;
}

export function isRemoteEntry(entry: string): boolean {
  return entry.startsWith('repo=');
}

/** The specs by `repo=ID`, in the order of the entries. */
export function specsBySource(entries: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { id, spec } of entries.map(parseRemoteEntry))
    found.set(`repo=${id}`, [...(found.get(`repo=${id}`) ?? []), spec]);
  return found;
}

function badEntry(entry: string, form: string, cause?: unknown): UserError {
  return new UserError(
    'BAD_ORIGIN',
    `the origin of the deployment has an entry that cannot be read: ${entry}`,
    { hint: `it is '${form}'`, cause },
  );
}
