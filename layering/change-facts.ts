/** What a change has to know of the base, and of the package files of the command line. */
import fs from 'node:fs';
import path from 'node:path';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { Change } from '#layering/change.ts';
import { collectProblems } from '#layering/collected-problems.ts';
import { openBaseDatabase, type OpenDatabase } from '#layering/compose-database.ts';
import { openConnections } from '#layering/http-get.ts';
import type { InstalledPackage } from '#layering/installed-package.ts';
import { readKeyring } from '#layering/keyring.ts';
import { parseNevra } from '#layering/nevra.ts';
import { formatFileEntry } from '#layering/origin-entries.ts';
import type { LocalRequest, RequestFacts } from '#layering/plan.ts';
import type { RequestItem } from '#layering/request.ts';
import { readRpmFile } from '#layering/rpm-file.ts';
import { isSource } from '#layering/rpm-file-list.ts';
import { architectureOf, installedPackages } from '#layering/solver-input.ts';
import type { System } from '#layering/system.ts';
import { fetchBytes } from '#layering/transfer.ts';
import { readTreeText } from '#layering/users-tree.ts';
import { verifyPackage } from '#layering/verify-package.ts';

export interface BaseFacts extends RequestFacts {
  readonly database: OpenDatabase;
  readonly installed: readonly InstalledPackage[];
  /** rpm's name of the architecture. */
  readonly arch: string;
  /** VERSION_ID of the base's os-release; '' where it has none. */
  readonly releasever: string;
}

/** Node's names of architectures that differ from rpm's. */
const RPM_ARCH: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686' };
/** A package file from a URL is read into memory: larger ones are refused. */
const MOST_URL_BYTES = 512 * 1024 * 1024;
const PLAIN_TRANSFER = {
  sslVerify: true,
  sslCaCert: null,
  sslClientCert: null,
  sslClientKey: null,
  proxy: null,
  username: null,
  password: null,
};

/** Runs `action` with the facts of a base, whose database is closed afterwards. */
export async function withFacts<T>(
  system: System,
  baseCommit: Checksum,
  action: (facts: BaseFacts) => Promise<T>,
): Promise<T> {
  const facts = factsOf(system, baseCommit);
  try {
    return await action(facts);
  } finally {
    facts.database.close();
  }
}

function factsOf(system: System, baseCommit: Checksum): BaseFacts {
  const { repo } = system.sysroot;
  const database = openBaseDatabase(repo, baseCommit);
  const installed = installedPackages(database.headers());
  const tree = MutableTree.fromCommit(repo, baseCommit);
  const osRelease =
    readTreeText(repo, tree, 'usr/lib/os-release') ?? readTreeText(repo, tree, 'usr/etc/os-release') ?? '';
  return {
    database,
    installed,
    basePackages: new Set(installed.map(({ name }) => name)),
    resolved: system.requestPackages,
    layered: new Set(system.layered.map((nevra) => parseNevra(nevra).name)),
    arch: architectureOf(installed) ?? RPM_ARCH[process.arch] ?? process.arch,
    releasever: /^VERSION_ID=["']?([^"'\n]*)/m.exec(osRelease)?.[1] ?? '',
  };
}

/**
 * Reads the package files that are asked for, and checks who signed them. They are kept in `change.files`.
 * @throws UserError BAD_RPM, UNSIGNED, … naming every file that cannot be had
 */
export async function localRequests(change: Change, items: readonly RequestItem[]): Promise<LocalRequest[]> {
  const requests: LocalRequest[] = [];
  const problems = collectProblems();
  for (const item of items) {
    if (item.kind !== 'file' && item.kind !== 'url') continue;
    const request = await problems.attemptAsync(() => localRequest(change, item));
    if (request !== null) requests.push(request);
  }
  problems.throwIfAny();
  return requests;
}

async function localRequest(
  change: Change,
  item: Extract<RequestItem, { kind: 'file' | 'url' }>,
): Promise<LocalRequest> {
  const rpm = readRpmFile(item.kind === 'file' ? path.resolve(item.path) : await fetched(change, item.url));
  if (isSource(rpm.header))
    throw new UserError('BAD_RPM', `${rpm.path} is a source package, which cannot be layered`);
  if (!change.options.noGpgChecks) await verifyPackage(rpm, await trustedKeys(change));
  const entry = formatFileEntry({ sha256: rpm.headerSha256, nevra: rpm.nevra });
  change.files.set(entry, rpm);
  return { entry, name: rpm.nevra.name };
}

/**
 * Reads what shall stand in for base packages: package files, and packages of repositories, for which the repository is
 * chosen here, once and for all. @throws UserError BAD_RPM, UNSIGNED, UNSOLVABLE, USAGE, … naming all that cannot be had
 */
export async function replaceRequests(
  change: Change,
  items: readonly RequestItem[],
): Promise<readonly LocalRequest[]> {
  const groups = items.filter(({ kind }) => kind === 'group');
  if (groups.length > 0)
    throw new UserError('USAGE', 'a group cannot replace packages of the base: name the packages');
  const specs = items.flatMap((item) => (item.kind === 'spec' ? [item.spec] : []));
  const files = await localRequests(change, items);
  if (specs.length === 0) return files;
  const { remoteReplacements } = await import('#layering/replace-request.ts');
  return [...files, ...(await remoteReplacements(change, specs))];
}

/** The keys of the distribution, and those that were accepted. */
function trustedKeys({ system, options }: Change) {
  const trust = { root: system.mergePath, acceptKeys: options.acceptKeys };
  return readKeyring([], trust, () => Promise.resolve(new Uint8Array(0)));
}

async function fetched({ system, options }: Change, url: string): Promise<string> {
  options.progress({ kind: 'stage', stage: 'download', text: `Downloading ${url}` });
  const connections = openConnections(PLAIN_TRANSFER);
  const bytes = await fetchBytes(url, { connections, signal: options.signal }, MOST_URL_BYTES);
  const directory = path.join(system.cachePath, 'packages');
  fs.mkdirSync(directory, { recursive: true });
  const name = path.basename(new URL(url).pathname).replace(/[^A-Za-z0-9._+~-]/g, '_');
  const file = path.join(directory, name);
  fs.writeFileSync(`${file}.part`, bytes);
  fs.renameSync(`${file}.part`, file);
  return file;
}
