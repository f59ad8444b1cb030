import fs from 'node:fs';
import path from 'node:path';

/** Values for `$name` and `${name}` in repository files. */
export type RepoVariables = Readonly<Record<string, string>>;

/**
 * The variables of a system: `releasever` and `basearch` (with `releasever_major`, `releasever_minor`, `arch`), and
 * one for each file in the given directories (dnf's `vars`; the file's first line is the value, later ones win).
 */
export function readVariables(
  directories: readonly string[],
  { releasever, basearch }: { readonly releasever: string; readonly basearch: string },
): RepoVariables {
  const [major = '', ...minor] = releasever.split('.');
  const built = {
    releasever,
    releasever_major: major,
    releasever_minor: minor.join('.'),
    basearch,
    arch: basearch,
  };
  return Object.assign({}, ...directories.map(readDirectory), built) as RepoVariables;
}

/** Replaces `$name` and `${name}`; an unknown variable stays as it is written, as in dnf. */
export function expandVariables(text: string, variables: RepoVariables): string {
  return text.replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (whole, braced: string | undefined, plain: string | undefined) => {
      const name = braced ?? plain ?? '';
      return Object.hasOwn(variables, name) ? (variables[name] ?? whole) : whole;
    },
  );
}

function readDirectory(directory: string): Record<string, string> {
  if (!fs.existsSync(directory)) return {};
  const files = fs.readdirSync(directory, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
  return Object.fromEntries(
    files.map(({ name }) => [
      name,
      fs.readFileSync(path.join(directory, name), 'utf8').split('\n')[0]?.trim() ?? '',
    ]),
  );
}
