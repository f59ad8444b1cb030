/** The boot programs of the real root under Node: `node boot-program.ts ostree-remount|ostree-system-generator [ARGUMENT…]`. */
import { loadSyscalls } from '#native/load.ts';
import { systemGenerator } from '#prepare-root/generator.ts';
import { remount } from '#prepare-root/remount.ts';

const [name, ...argv] = process.argv.slice(2);
const sys = loadSyscalls();
process.exitCode = name === 'ostree-remount' ? remount(sys) : systemGenerator(argv, sys);
