/** `REMOTE.cookies.txt` in the format that browsers and curl share: seven fields between tabs. */

export interface Cookie {
  readonly domain: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** Far enough in the future to be for good, in seconds since the epoch. */
const NEVER = 4102444800;

export function cookieFile(remote: string): string {
  return `${remote}.cookies.txt`;
}

export function parseCookies(text: string): Cookie[] {
  return text.split('\n').flatMap((line) => {
    const [domain, , path, , , name, value] = line.split('\t');
    const isCookie = !line.startsWith('#') && value !== undefined;
    return isCookie ? [{ domain: domain ?? '', path: path ?? '', name: name ?? '', value }] : [];
  });
}

export function formatCookies(cookies: readonly Cookie[]): string {
  return cookies
    .map(({ domain, path, name, value }) =>
      [domain, 'FALSE', path, 'FALSE', String(NEVER), name, value].join('\t'),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** The list with a cookie set; one of the same domain, path and name is replaced. */
export function withCookie(cookies: readonly Cookie[], cookie: Cookie): Cookie[] {
  return [...withoutCookie(cookies, cookie), cookie];
}

export function withoutCookie(
  cookies: readonly Cookie[],
  named: Pick<Cookie, 'domain' | 'path' | 'name'>,
): Cookie[] {
  const isSame = (one: Cookie): boolean =>
    one.domain === named.domain && one.path === named.path && one.name === named.name;
  return cookies.filter((one) => !isSame(one));
}

/** The value of the Cookie header for an address; '' where there is none to send. */
export function cookieHeader(cookies: readonly Cookie[], url: string): string {
  const target = URL.parse(url);
  if (target === null) return '';
  return cookies
    .filter(({ domain, path }) => isOfDomain(target.hostname, domain) && target.pathname.startsWith(path))
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
}

function isOfDomain(host: string, domain: string): boolean {
  return domain.startsWith('.') ? host === domain.slice(1) || host.endsWith(domain) : host === domain;
}
