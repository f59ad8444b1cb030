/** `ostree admin config-diff --content`: what of one file of /etc is not as in the defaults. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { codeOf, UserError } from '#ostree/format/errors.ts';

/** What may be compared. The target of a link is its content. */
type Side =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'link'; readonly target: string };

/**
 * In the form of diff(1): the default, then what is there now; one that is missing is empty.
 * @param root of the deployment
 * @param file relative to its etc
 * @throws UserError NO_FILE where it is in neither, NOT_A_FILE where one is neither a file nor a link: nothing is read then
 */
export function configContent(root: string, file: string): string {
  const places = [path.join(root, 'usr/etc', file), path.join(root, 'etc', file)] as const;
  const [before, after] = [lstat(places[0]), lstat(places[1])];
  if (before === null && after === null)
    throw new UserError('NO_FILE', `there is no /etc/${file}, and none in the defaults`);
  const [from, to] = [sideOf(places[0]), sideOf(places[1])];
  if (from === null || to === null)
    throw new UserError(
      'NOT_A_FILE',
      `/etc/${file} is not a regular file: by default ${kindOf(before)}, now ${kindOf(after)}`,
      { hint: "'ostree admin config-diff' names what was changed below /etc" },
    );
  const isMixed = (from.kind === 'link') !== (to.kind === 'link');
  const kinds = isMixed ? `by default ${kindOf(before)}, now ${kindOf(after)}\n` : '';
  return `${kinds}${difference(file, from, to)}`;
}

function difference(file: string, from: Side, to: Side): string {
  const labels = [`usr/etc/${file}`, `etc/${file}`];
  if (from.kind === 'link' && to.kind === 'link') {
    if (from.target === to.target) return '';
    return `--- ${labels[0] ?? ''}\n+++ ${labels[1] ?? ''}\n@@ -1 +1 @@\n-${from.target}\n+${to.target}\n`;
  }
  const input = [from, to].map((side) => (side.kind === 'link' ? `${side.target}\n` : '')).join('');
  const operands = [from, to].map((side) => operandOf(side));
  const { status, stdout, stderr, error } = spawnSync(
    'diff',
    ['-u', ...labels.flatMap((label) => ['--label', label]), ...operands],
    { encoding: 'utf8', maxBuffer: 64 << 20, input },
  );
  if (status === 0 || status === 1) return stdout;
  throw new UserError('DIFF_FAILED', `comparing /etc/${file}: ${error?.message ?? stderr.trim()}`);
}

function operandOf(side: Side): string {
  if (side.kind === 'file') return side.path;
  return side.kind === 'link' ? '-' : '/dev/null';
}

/** null for what cannot be compared. */
function sideOf(whole: string): Side | null {
  const stat = lstat(whole);
  if (stat === null) return { kind: 'absent' };
  if (stat.isFile()) return { kind: 'file', path: whole };
  return stat.isSymbolicLink() ? { kind: 'link', target: fs.readlinkSync(whole) } : null;
}

function kindOf(stat: fs.Stats | null): string {
  if (stat === null) return 'not there';
  if (stat.isFile()) return 'a file';
  if (stat.isSymbolicLink()) return 'a link';
  if (stat.isDirectory()) return 'a directory';
  if (stat.isFIFO()) return 'a FIFO';
  return stat.isSocket() ? 'a socket' : 'a device';
}

/** null also where what should be a directory above it is none. */
function lstat(whole: string): fs.Stats | null {
  try {
    return fs.lstatSync(whole);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}
