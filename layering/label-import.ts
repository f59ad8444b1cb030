/** The labels with which packages are imported: those that the policy of the base gives. */
import { UserError } from '#ostree/format/errors.ts';
import { loadContent } from '#ostree/repo/content.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { importedPlaces, type FileLabels } from '#layering/import-rpm.ts';
import { LabelBook } from '#layering/label-memo.ts';
import type { RpmFile } from '#layering/rpm-file.ts';
import { labelRules } from '#layering/selinux-policy.ts';

/**
 * All of them are asked for at once. `memo` is the host path of what earlier runs found out; null where the base has no
 * policy. @throws UserError BAD_POLICY
 */
export async function labelsForImport(
  repo: Repo,
  base: MutableTree,
  { files, memo }: { readonly files: readonly RpmFile[]; readonly memo: string },
): Promise<FileLabels | null> {
  const read = (checksum: Parameters<typeof loadContent>[1]): Uint8Array =>
    loadContent(repo, checksum).read();
  const rules = labelRules(base, read);
  if (rules === null) return null;
  const book = new LabelBook(repo, { rules, read }, memo);
  await book.learn(files.flatMap(placesOf));
  book.save();
  return (file) => book.label(file);
}

/** None of a package that cannot be imported, which its import tells together with all others'. */
function placesOf(file: RpmFile): ReturnType<typeof importedPlaces> {
  try {
    return importedPlaces(file);
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}
