/** Runs inside `unshare --mount` (machine-overlay.ts): lays the overlay, fills it, and becomes the script in it. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '#native/load.ts';
import { MS } from '#native/syscalls.ts';
import type { MachineRequest } from './machine-overlay.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8' };

/** Of ostree-prepare-root: what this machine has there is not to be in images. */
const CONFIGURATION = ['/usr/lib/ostree/prepare-root.conf', '/etc/ostree'];

/** An empty folder of the machine; what is mounted there is seen in this mount namespace only. */
const base = process.argv[2] ?? '';
const request = JSON.parse(process.argv[3] ?? '{}') as MachineRequest;
const sys = loadSyscalls();
const root = path.join(base, 'root');

sys.mount('machine', base, 'tmpfs', 0, 'mode=755');
for (const name of ['upper', 'work', 'root']) fs.mkdirSync(path.join(base, name));
const layers = `lowerdir=${request.machine ?? '/'},upperdir=${base}/upper,workdir=${base}/work`;
sys.mount('machine', root, 'overlay', 0, layers);
for (const name of ['proc', 'dev', 'sys'])
  sys.mount(`/${name}`, `${root}/${name}`, null, MS.BIND | MS.REC, null);
sys.mount('run', `${root}/run`, 'tmpfs', 0, 'mode=755');
for (const file of [...CONFIGURATION, ...(request.without ?? [])])
  fs.rmSync(root + file, { recursive: true, force: true });
for (const tree of request.trees) execFileSync('cp', ['-a', '--remove-destination', `${tree}/.`, root]);
for (const [file, text] of Object.entries(request.files ?? {})) {
  fs.mkdirSync(path.dirname(`${root}${file}.`), { recursive: true });
  if (!file.endsWith('/')) fs.writeFileSync(root + file, text);
}
for (const [place, folder] of Object.entries(request.binds ?? {})) {
  fs.mkdirSync(root + place, { recursive: true });
  sys.mount(folder, root + place, null, MS.BIND | MS.REC, null);
}
sys.chroot(root);
sys.chdir('/');
const done = spawnSync('/bin/bash', ['-euc', request.script], { stdio: 'inherit', env: ENVIRONMENT });
process.exitCode = done.status ?? 1;
