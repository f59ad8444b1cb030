/** Inside the scratch initramfs: `soft-reboot-program.ts DEPLOYMENT`, or `--reset`. */
import { loadSyscalls } from '#native/load.ts';
import { reportFailure } from '#prepare-root/report-failure.ts';
import { prepareSoftReboot, resetSoftReboot } from '#prepare-root/soft-reboot.ts';

const sys = loadSyscalls();
const [what = ''] = process.argv.slice(2);
try {
  if (what === '--reset') resetSoftReboot(sys);
  else prepareSoftReboot(sys, what);
} catch (error) {
  process.exitCode = reportFailure(sys, 'error', error);
}
