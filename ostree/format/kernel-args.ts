/**
 * The kernel command line as ostree treats it: tokens `key` or `key=value` in order, a key any number of times.
 * Double quotes protect spaces and stay part of the token.
 */
import { UserError } from '#ostree/format/errors.ts';

/** The tokens in their order; none is empty. */
export type KernelArgs = readonly string[];

/**
 * Splits at spaces, tabs and line ends outside double quotes. Where a quote has no end, or hides an `ostree=`, quotes
 * protect nothing: what boots a deployment reads the words between spaces, and so must what lists it.
 */
export function parseKernelArgs(text: string): KernelArgs {
  const tokens = split(text, true);
  return hasOpenQuote(text) || tokens.some(hidesOstree) ? split(text, false) : tokens;
}

/**
 * Refuses an argument with which an entry would not say what it is meant to say.
 * @throws UserError BAD_KARG naming it
 */
export function requireKernelArg(token: string): void {
  const why = kernelArgProblem(token);
  if (why !== null) throw new UserError('BAD_KARG', `the kernel argument '${token}' ${why}`);
}

/** Why an argument cannot stand in a boot entry; null where it can. */
export function kernelArgProblem(token: string): string | null {
  if (token.includes('\n') || token.includes('\r')) return 'has a line end in it';
  if (hasOpenQuote(token)) return 'has a double quote without its other half';
  return hidesOstree(token) ? "has the word 'ostree=' in it, which only the boot entry itself sets" : null;
}

/**
 * The same of all arguments that no deployment has yet: what another program has written must not stand in the way of
 * a change. @throws UserError BAD_KARG
 */
export function requireNewKernelArgs(
  args: KernelArgs,
  deployments: readonly { readonly kargs: KernelArgs }[],
): void {
  const present = new Set(deployments.flatMap(({ kargs }) => kargs));
  for (const token of args) if (!present.has(token)) requireKernelArg(token);
}

/** What a person asks to add, replace or delete. @throws UserError USAGE, BAD_KARG */
export function requireKernelArgEdit(token: string): void {
  if (token.trim() === '') throw new UserError('USAGE', 'a kernel argument is empty');
  if (kernelArgKey(token) === 'ostree')
    throw new UserError('USAGE', `the kernel argument '${token}' is not to be changed`, {
      hint: "'ostree=' names the deployment: the boot entry sets it",
    });
}

function split(text: string, heedsQuotes: boolean): string[] {
  const tokens: string[] = [];
  let token = '';
  let quoted = false;
  for (const c of text) {
    if (c === '"') quoted = !quoted && heedsQuotes;
    if (!quoted && isSpace(c)) {
      if (token !== '') tokens.push(token);
      token = '';
    } else token += c;
  }
  return token === '' ? tokens : [...tokens, token];
}

function hasOpenQuote(text: string): boolean {
  return text.split('"').length % 2 === 0;
}

/** Whether a word that is not its first is an `ostree=` to those who read no quotes. */
function hidesOstree(token: string): boolean {
  const [first = '', ...others] = split(token, false);
  return (
    others.some((word) => kernelArgKey(word) === 'ostree') ||
    // With blanks around it, its key is another one to who replaces `ostree=`.
    (kernelArgKey(first) === 'ostree' && kernelArgKey(token) !== 'ostree')
  );
}

export function formatKernelArgs(args: KernelArgs): string {
  return args.join(' ');
}

/** The part before the first `=`; the whole token where there is none. */
export function kernelArgKey(token: string): string {
  const equals = token.indexOf('=');
  return equals < 0 ? token : token.slice(0, equals);
}

/** The last value of `key`; '' for a key without a value, null where the key is absent. */
export function kernelArgValue(args: KernelArgs, key: string): string | null {
  const token = args.findLast((candidate) => kernelArgKey(candidate) === key);
  return token === undefined ? null : token.slice(key.length + 1);
}

export function appendKernelArgs(args: KernelArgs, added: KernelArgs): KernelArgs {
  return [...args, ...added];
}

/** Adds the tokens that are not there with the same value. */
export function appendMissingKernelArgs(args: KernelArgs, added: KernelArgs): KernelArgs {
  return added.reduce((all, token) => (all.includes(token) ? all : [...all, token]), args);
}

/** Removes every value of the token's key and puts the token where the first of them was, or at the end. */
export function replaceKernelArg(args: KernelArgs, token: string): KernelArgs {
  const key = kernelArgKey(token);
  const at = args.findIndex((candidate) => kernelArgKey(candidate) === key);
  if (at < 0) return [...args, token];
  const others = (candidate: string): boolean => kernelArgKey(candidate) !== key;
  return [...args.slice(0, at), token, ...args.slice(at + 1).filter(others)];
}

/**
 * Removes one token: `key=value` exactly, or `key` where it is there once.
 * @throws UserError NO_KARG (also where several values make `key` ambiguous)
 */
export function deleteKernelArg(args: KernelArgs, token: string): KernelArgs {
  const at = token.includes('=') ? indexOfToken(args, token) : indexOfKey(args, token);
  return args.toSpliced(at, 1);
}

/** Removes the token where it is there; `key` alone removes every value of it. */
export function deleteKernelArgIfPresent(args: KernelArgs, token: string): KernelArgs {
  return args.filter((candidate) =>
    token.includes('=') ? candidate !== token : kernelArgKey(candidate) !== token,
  );
}

export function withoutKernelArg(args: KernelArgs, key: string): KernelArgs {
  return args.filter((token) => kernelArgKey(token) !== key);
}

/** The running kernel's arguments without those that boot loaders add themselves. */
export function withoutBootLoaderArgs(args: KernelArgs): KernelArgs {
  return args.filter((token) => !token.startsWith('BOOT_IMAGE=') && !token.startsWith('initrd='));
}

function indexOfToken(args: KernelArgs, token: string): number {
  const at = args.indexOf(token);
  if (at >= 0) return at;
  const key = kernelArgKey(token);
  const known = args.some((candidate) => kernelArgKey(candidate) === key);
  throw new UserError(
    'NO_KARG',
    known ? `No karg '${token}' found` : `No key '${key}' found`,
    hintOf(args, key),
  );
}

function indexOfKey(args: KernelArgs, key: string): number {
  const matches = args.filter((token) => kernelArgKey(token) === key);
  if (matches.length > 1)
    throw new UserError('NO_KARG', `Multiple values for key '${key}' found`, hintOf(args, key));
  if (matches.length === 0) throw new UserError('NO_KARG', `No key '${key}' found`);
  return args.findIndex((token) => kernelArgKey(token) === key);
}

function hintOf(args: KernelArgs, key: string): { readonly hint?: string } {
  const matches = args.filter((token) => kernelArgKey(token) === key);
  return matches.length === 0 ? {} : { hint: `there are: ${matches.join(' ')}` };
}

function isSpace(c: string): boolean {
  return c === ' ' || c === '\t' || c === '\n' || c === '\r';
}
