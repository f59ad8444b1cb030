/** Which scripts of the suite are ours to pass, and why the others are not; docs/upstream-tests.md says the same in words. */
import fs from 'node:fs';

/** The conformance set: `ostree admin` as a whole. */
export function adminScripts(scripts: string): string[] {
  const others = ['test-no-initramfs.sh', 'test-osupdate-dtb.sh'];
  return [...allScripts(scripts).filter((name) => name.startsWith('test-admin-')), ...others];
}

export function allScripts(scripts: string): string[] {
  return fs
    .readdirSync(scripts)
    .filter((name) => name.startsWith('test-') && name.endsWith('.sh'))
    .sort();
}
