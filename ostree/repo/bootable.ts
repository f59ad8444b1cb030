/** What `commit --bootable` finds out: the version of the tree's kernel. */
import { UserError } from '#ostree/format/errors.ts';
import type { Variant, VariantDict } from '#ostree/format/gvariant.ts';
import { hashTableOrder } from '#ostree/repo/dict-order.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';

/** The metadata with `ostree.linux` and `ostree.bootable`, in ostree's order. @throws UserError NO_KERNEL */
export function withBootable(metadata: VariantDict, tree: MutableTree): VariantDict {
  const values = new Map<string, Variant>(metadata);
  values.set('ostree.linux', { type: 's', value: kernelVersion(tree) });
  values.set('ostree.bootable', { type: 'b', value: true });
  return hashTableOrder([...values.keys()]).flatMap((key) => {
    const value = values.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
}

function kernelVersion(tree: MutableTree): string {
  const version =
    versionInModules(tree) ?? versionInBoot(tree, 'usr/lib/ostree-boot') ?? versionInBoot(tree, 'boot');
  if (version === null)
    throw new UserError(
      'NO_KERNEL',
      'No kernel found in the tree: /usr/lib/modules/VERSION/vmlinuz: No such file or directory',
      {
        hint: 'without --bootable the commit is made as it is',
      },
    );
  return version;
}

function versionInModules(tree: MutableTree): string | null {
  const modules = tree.get('usr/lib/modules');
  if (modules?.kind !== 'directory') return null;
  const found = modules.tree
    .entries()
    .filter(([, entry]) => entry.kind === 'directory' && entry.tree.get('vmlinuz')?.kind === 'file');
  return found[0]?.[0] ?? null;
}

/** `vmlinuz-VERSION-CHECKSUM`. */
function versionInBoot(tree: MutableTree, path: string): string | null {
  const boot = tree.get(path);
  if (boot?.kind !== 'directory') return null;
  for (const [name, entry] of boot.tree.entries()) {
    const match = /^vmlinuz-(.+)-[0-9a-f]{64}$/.exec(name);
    if (entry.kind === 'file' && match !== null) return match[1] ?? null;
  }
  return null;
}
