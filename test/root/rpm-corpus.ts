/** Real packages of other projects, where they lie beside the project or in the folder that YUM_OSTREE_CORPUS names. */
import fs from 'node:fs';
import path from 'node:path';

export const CORPUS =
  process.env['YUM_OSTREE_CORPUS'] ?? path.resolve(import.meta.dirname, '../../../shared/corpus');
export const HAS_CORPUS = fs.existsSync(CORPUS);

/** The files below `folder` of the corpus whose name ends in `ending`, sorted. */
export function corpusFiles(folder: string, ending: string): string[] {
  if (!HAS_CORPUS) return [];
  const root = path.join(CORPUS, folder);
  return (fs.readdirSync(root, { recursive: true }) as string[])
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => path.join(root, name));
}
