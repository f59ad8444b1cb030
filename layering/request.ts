import { UserError } from '#ostree/format/errors.ts';

/** One thing that a person asked for. */
export type RequestItem =
  | { readonly kind: 'group'; readonly id: string }
  /** A package name, NEVRA part, provide or absolute path, as the solver's specs are. */
  | { readonly kind: 'spec'; readonly spec: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

/**
 * What the words of a command line ask for: `@id` a group, `https://…` and `file://…` a package file elsewhere, what
 * ends in `.rpm` a package file here, anything else a spec.
 * @throws UserError USAGE for an empty word, one with control characters, an empty group, or a pattern
 */
export function parseRequest(words: readonly string[]): RequestItem[] {
  return words.map(parseItem);
}

/** The text by which the origin remembers a spec or a group. */
export function formatItem(item: RequestItem): string {
  switch (item.kind) {
    case 'group':
      return `@${item.id}`;
    case 'spec':
      return item.spec;
    case 'file':
      return item.path;
    case 'url':
      return item.url;
    default:
      return item satisfies never;
  }
}

/** Whether it is a package file, here or elsewhere. @throws UserError USAGE */
export function isFileWord(word: string): boolean {
  const { kind } = parseItem(word);
  return kind === 'file' || kind === 'url';
}

function parseItem(word: string): RequestItem {
  if (word.trim() === '' || /[\0-\x1f\x7f;]/.test(word))
    throw new UserError('USAGE', `${JSON.stringify(word)} is not a package, group, path or file`);
  if (word.startsWith('@')) return { kind: 'group', id: groupId(word) };
  if (word.startsWith('file://')) return { kind: 'file', path: filePath(word) };
  if (/^https?:\/\//.test(word)) return { kind: 'url', url: word };
  if (/\.rpm$/i.test(word)) return { kind: 'file', path: word };
  if (/[*?]|\[.*\]/.test(word))
    throw new UserError('USAGE', `'${word}' is a pattern: name the packages one by one`, {
      hint: 'what a pattern stands for would change from one upgrade to the next',
    });
  return { kind: 'spec', spec: word };
}

function groupId(word: string): string {
  const id = word.slice(1);
  if (!/^[A-Za-z0-9._+-][A-Za-z0-9._+ -]*$/.test(id))
    throw new UserError('USAGE', `'${word}' does not name a group`, {
      hint: 'a group is @ID, with the ID that the repositories give it: @core',
    });
  return id;
}

function filePath(word: string): string {
  try {
    return decodeURIComponent(new URL(word).pathname);
  } catch (cause) {
    throw new UserError('USAGE', `'${word}' is not a well-formed file:// address`, { cause });
  }
}
