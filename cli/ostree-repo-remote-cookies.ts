/** `ostree remote add-cookie`, `delete-cookie` and `list-cookies`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import {
  cookieFile,
  formatCookies,
  parseCookies,
  withCookie,
  withoutCookie,
  type Cookie,
} from '#ostree/repo/remote-cookies.ts';
import { writeConfig, type Repo } from '#ostree/repo/repo.ts';

export function addRemoteCookieVerbs(remote: Command, context: CliContext): void {
  repoVerb(remote, 'add-cookie <name> <domain> <path> <cookie> <value>', 'send a cookie to a remote').action(
    // prettier-ignore
    (name: string, domain: string, path: string, cookie: string, value: string, _options: unknown, command: Command) =>
      withRepo(context, command, (repo) =>
        change(repo, name, (cookies) => withCookie(cookies, { domain, path, name: cookie, value })),
      ),
  );
  repoVerb(remote, 'delete-cookie <name> <domain> <path> <cookie> [value]', 'send it no longer').action(
    // As in ostree the value, which nothing depends on, may be named too.
    // prettier-ignore
    (name: string, domain: string, path: string, cookie: string, _value: string | undefined, _options: unknown, command: Command) =>
      withRepo(context, command, (repo) =>
        change(repo, name, (cookies) => withoutCookie(cookies, { domain, path, name: cookie })),
      ),
  );
  repoVerb(remote, 'list-cookies <name>', 'show the cookies of a remote').action(
    (name: string, _options: unknown, command: Command) =>
      withRepo(context, command, (repo) => {
        for (const cookie of remoteCookies(repo, name))
          context.out(
            `--\nDomain: ${cookie.domain}\nPath: ${cookie.path}\nName: ${cookie.name}\nValue: ${cookie.value}\n`,
          );
      }),
  );
}

export function remoteCookies(repo: Repo, remote: string): Cookie[] {
  return parseCookies(repo.sys.readText(repo.fd, cookieFile(remote)) ?? '');
}

function change(repo: Repo, remote: string, to: (cookies: readonly Cookie[]) => readonly Cookie[]): void {
  const text = formatCookies(to(remoteCookies(repo, remote)));
  writeConfig(repo.sys, repo.fd, text, cookieFile(remote));
}
