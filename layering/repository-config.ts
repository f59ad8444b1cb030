import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { expandVariables, type RepoVariables } from '#layering/repo-variables.ts';
import { parseRepositoryFile, type RepositorySection } from '#layering/repository-file.ts';

/** How to reach a repository's servers. */
export interface TransferSettings {
  readonly sslVerify: boolean;
  /** Paths of PEM files; null for the system's own. */
  readonly sslCaCert: string | null;
  readonly sslClientCert: string | null;
  readonly sslClientKey: string | null;
  /** URL of a proxy; null for what the environment says; '' for none at all. */
  readonly proxy: string | null;
  readonly username: string | null;
  readonly password: string | null;
  /** Seconds without a byte after which a server counts as gone; 30 where it is not said. */
  readonly timeout?: number;
  /** Bytes a second, over `timeout`; less counts as gone too. 1000 where it is not said, as for dnf. */
  readonly minRate?: number;
}

/** One repository as its `.repo` file describes it, variables replaced. */
export interface RepositoryConfig {
  readonly id: string;
  readonly name: string;
  /** Where it was read: `file:line`, or the option that named it. */
  readonly origin: string;
  readonly baseUrls: readonly string[];
  readonly metalink: string | null;
  readonly mirrorlist: string | null;
  readonly enabled: boolean;
  /** Lower is better; 99 unless said otherwise. */
  readonly priority: number;
  /** Among equal packages, lower is better; 1000 unless said otherwise. */
  readonly cost: number;
  readonly gpgCheck: boolean;
  readonly repoGpgCheck: boolean;
  readonly gpgKeys: readonly string[];
  readonly excludePackages: readonly string[];
  readonly includePackages: readonly string[];
  readonly skipIfUnavailable: boolean;
  /** Seconds after which metadata is looked for again; Infinity for never. */
  readonly metadataExpire: number;
  readonly transfer: TransferSettings;
}

export interface RepositoryChoice {
  readonly variables: RepoVariables;
  /** `--repofrompath ID,PATH-or-URL`, each. */
  readonly repoFromPath?: readonly string[];
  /** Ids or globs of ids, applied in this order after the files. */
  readonly enable?: readonly string[];
  readonly disable?: readonly string[];
  /** `--no-gpgchecks`. */
  readonly noGpgChecks?: boolean;
}

const DEFAULT_PRIORITY = 99;
const DEFAULT_COST = 1000;
/** As dnf: two days. */
const DEFAULT_EXPIRE = 48 * 3600;

/**
 * The enabled repositories of `directory` (an `/etc/yum.repos.d`; none where there is none) and of `--repofrompath`.
 * Signatures of packages are checked unless the file says `gpgcheck=0`.
 * @throws UserError BAD_REPOSITORY_FILE with file:line; UNKNOWN_REPOSITORY where --enablerepo names none; USAGE
 */
export function readRepositories(directory: string, choice: RepositoryChoice): RepositoryConfig[] {
  const listed = new Map<string, RepositoryConfig>();
  for (const file of repositoryFiles(directory))
    for (const section of parseRepositoryFile(fs.readFileSync(file, 'utf8'), file))
      if (section.id !== 'main') listed.set(section.id, repositoryOf(section, file, choice.variables));
  for (const argument of choice.repoFromPath ?? []) {
    const config = fromPath(argument, choice.variables);
    listed.set(config.id, config);
  }
  return chosen([...listed.values()], choice);
}

function repositoryFiles(directory: string): string[] {
  if (!fs.existsSync(directory)) return [];
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith('.repo'))
    .sort()
    .map((name) => path.join(directory, name));
}

function chosen(listed: readonly RepositoryConfig[], choice: RepositoryChoice): RepositoryConfig[] {
  const unknown = [...(choice.enable ?? []), ...(choice.disable ?? [])].filter(
    (pattern) => !listed.some(({ id }) => path.matchesGlob(id, pattern)),
  );
  if (unknown.length > 0)
    throw new UserError('UNKNOWN_REPOSITORY', `no repository is named ${unknown.join(', ')}`, {
      hint:
        listed.length > 0 ? `known: ${listed.map(({ id }) => id).join(', ')}` : 'no repository is configured',
    });
  const matches = (id: string, patterns: readonly string[] = []): boolean =>
    patterns.some((pattern) => path.matchesGlob(id, pattern));
  return listed
    .filter(({ id, enabled }) => (enabled || matches(id, choice.enable)) && !matches(id, choice.disable))
    .map((config) => ({
      ...config,
      enabled: true,
      ...(choice.noGpgChecks === true ? { gpgCheck: false, repoGpgCheck: false } : {}),
    }));
}

function fromPath(argument: string, variables: RepoVariables): RepositoryConfig {
  const [, id, place] = /^([A-Za-z0-9._:+-]+),(.+)$/.exec(argument) ?? [];
  if (id === undefined || place === undefined)
    throw new UserError('USAGE', `--repofrompath ${argument}: expected ID,PATH`);
  const url = /^\w+:\/\//.test(place) ? place : `file://${encodeURI(path.resolve(place))}`;
  const values = new Map([['baseurl', { text: url, line: 0 }]]);
  return repositoryOf({ id, line: 0, values }, '--repofrompath', variables);
}

function repositoryOf(section: RepositorySection, file: string, variables: RepoVariables): RepositoryConfig {
  const read = reader(section, file, variables);
  const config: RepositoryConfig = {
    id: section.id,
    name: read.text('name') ?? section.id,
    origin: section.line === 0 ? file : `${file}:${section.line}`,
    baseUrls: read.list('baseurl'),
    metalink: read.text('metalink'),
    mirrorlist: read.text('mirrorlist'),
    enabled: read.flag('enabled', true),
    priority: read.number('priority', DEFAULT_PRIORITY),
    cost: read.number('cost', DEFAULT_COST),
    gpgCheck: read.flag('gpgcheck', true),
    repoGpgCheck: read.flag('repo_gpgcheck', false),
    gpgKeys: read.list('gpgkey'),
    excludePackages: [...read.list('excludepkgs'), ...read.list('exclude')],
    includePackages: read.list('includepkgs'),
    skipIfUnavailable: read.flag('skip_if_unavailable', false),
    metadataExpire: read.seconds('metadata_expire', DEFAULT_EXPIRE),
    transfer: transferOf(read),
  };
  if (config.baseUrls.length === 0 && config.metalink === null && config.mirrorlist === null)
    throw new UserError(
      'BAD_REPOSITORY_FILE',
      `${config.origin}: repository ${config.id} has no baseurl, metalink or mirrorlist`,
    );
  return config;
}

function transferOf(read: Reader): TransferSettings {
  const proxy = read.text('proxy');
  return {
    sslVerify: read.flag('sslverify', true),
    sslCaCert: read.text('sslcacert'),
    sslClientCert: read.text('sslclientcert'),
    sslClientKey: read.text('sslclientkey'),
    proxy: proxy === null ? null : proxyUrl(proxy, read),
    username: read.text('username'),
    password: read.text('password'),
    ...(read.text('timeout') === null ? {} : { timeout: read.seconds('timeout', 0) }),
    ...(read.text('minrate') === null ? {} : { minRate: read.number('minrate', 0) }),
  };
}

function proxyUrl(proxy: string, read: Reader): string {
  if (proxy === '' || proxy === '_none_') return '';
  const url = URL.parse(proxy);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw read.bad('proxy', 'is not the address of an http proxy');
  url.username = read.text('proxy_username') ?? url.username;
  url.password = read.text('proxy_password') ?? url.password;
  return url.href;
}

interface Reader {
  text(key: string): string | null;
  list(key: string): string[];
  flag(key: string, otherwise: boolean): boolean;
  number(key: string, otherwise: number): number;
  seconds(key: string, otherwise: number): number;
  bad(key: string, what: string): UserError;
}

function reader(section: RepositorySection, file: string, variables: RepoVariables): Reader {
  const text = (key: string): string | null => {
    const value = section.values.get(key);
    return value === undefined ? null : expandVariables(value.text, variables);
  };
  const bad = (key: string, what: string): UserError => {
    const line = section.values.get(key)?.line ?? section.line;
    return new UserError(
      'BAD_REPOSITORY_FILE',
      `${file}:${line}: ${key}${key === 'proxy' ? '' : `='${text(key) ?? ''}'`} of repository ${section.id} ${what}`,
    );
  };
  const parsed = <T>(key: string, otherwise: T, parse: (value: string) => T | null, expected: string): T => {
    const value = text(key);
    if (value === null) return otherwise;
    const result = parse(value.toLowerCase());
    if (result === null) throw bad(key, `is not ${expected}`);
    return result;
  };
  return {
    text,
    bad,
    list: (key) => (text(key) ?? '').split(/[\s,]+/).filter((item) => item !== ''),
    flag: (key, otherwise) => parsed(key, otherwise, parseFlag, 'yes or no'),
    number: (key, otherwise) => parsed(key, otherwise, parseInteger, 'a number'),
    seconds: (key, otherwise) => parsed(key, otherwise, parseSeconds, 'a time such as 90m, 6h, 2d or never'),
  };
}

function parseFlag(value: string): boolean | null {
  if (['1', 'yes', 'true', 'on', 'enabled'].includes(value)) return true;
  return ['0', 'no', 'false', 'off', 'disabled'].includes(value) ? false : null;
}

function parseInteger(value: string): number | null {
  return /^-?\d{1,9}$/.test(value) ? Number(value) : null;
}

function parseSeconds(value: string): number | null {
  if (value === 'never' || value === '-1') return Infinity;
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)([smhdw]?)$/.exec(value) ?? [];
  if (amount === undefined) return null;
  const factor = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit === '' ? 's' : unit];
  return factor === undefined ? null : Number(amount) * factor;
}
