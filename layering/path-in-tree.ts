/** Paths as a tree means them: links in it lead to its own files, never to those of the machine that looks. */
import fs from 'node:fs';
import path from 'node:path';

const MOST_LINKS = 40;

/** Where a path of the tree below `root` is on this machine; null where there is nothing, or links go round in a ring. */
export function pathInTree(root: string, file: string): string | null {
  const ahead = file.split('/');
  let at: string[] = [];
  for (let links = 0; ahead.length > 0;) {
    const name = ahead.shift() ?? '';
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at.pop();
      continue;
    }
    const here = path.join(root, ...at, name);
    const stat = fs.lstatSync(here, { throwIfNoEntry: false });
    if (stat === undefined) return null;
    if (!stat.isSymbolicLink()) at.push(name);
    else if (++links > MOST_LINKS) return null;
    else {
      const target = fs.readlinkSync(here);
      if (target.startsWith('/')) at = [];
      ahead.unshift(...target.split('/'));
    }
  }
  return path.join(root, ...at);
}
