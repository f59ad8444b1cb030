/** Packages whose scripts would install a kernel on the running machine: composing does what is needed of that. Pure. */
import type { ScriptSource } from '#layering/script-source.ts';

const IMAGE = /^(\/boot\/vmlinuz-[^/]+|(\/usr)?\/lib\/modules\/[^/]+\/vmlinuz)$/;
const MODULE_FILE = /^(\/usr)?\/lib\/modules\/[^/]+\/./;
const FAMILY = /^kernel(-|$)/;

/** It has a kernel's image, or is a part of a kernel by its name and its modules. */
export function isKernelPackage({ name, files }: Pick<ScriptSource, 'name' | 'files'>): boolean {
  const paths = files();
  return (
    paths.some((path) => IMAGE.test(path)) ||
    (FAMILY.test(name) && paths.some((path) => MODULE_FILE.test(path)))
  );
}
