/**
 * The kernel command line as ostree treats it: tokens `key` or `key=value` in order, a key any number of times.
 * Double quotes protect spaces and stay part of the token.
 */
import { UserError } from '#ostree/format/errors.ts';

/** The tokens in their order; none is empty. */
export type KernelArgs = readonly string[];

/** Splits at spaces, tabs and line ends outside double quotes; an unterminated quote takes the rest. */
export function parseKernelArgs(text: string): KernelArgs {
  const tokens: string[] = [];
  let token = '';
  let quoted = false;
  for (const c of text) {
    if (c === '"') quoted = !quoted;
    if (!quoted && isSpace(c)) {
      if (token !== '') tokens.push(token);
      token = '';
    } else token += c;
  }
  return token === '' ? tokens : [...tokens, token];
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
