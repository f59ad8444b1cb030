/** Runs depmod and dracut in the sandbox of the scripts; what they write is taken into the tree as theirs is. */
import { gzipSync } from 'node:zlib';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { cpioArchive } from '#layering/cpio-archive.ts';
import { initramfsPath, type DracutRun, type KernelWork } from '#layering/kernel-work.ts';
import { lastLines, type ScriptEnd } from '#layering/sandbox.ts';
import type { ScriptPhase } from '#layering/scripts-plan.ts';
import type { ScriptHost, ScriptSession } from '#layering/scripts-run.ts';

/** What the kernel's own script would be. */
const PHASE: ScriptPhase = 'posttrans';
const DEVICES = '/run/yum-ostree/devices';

/** dracut writes its image in one go at its end; the devices, which it may not make there, come after it. */
const BUILD = `set -e
image=$1
shift
"$@" "$image"
test -s "$image"
cat ${DEVICES} >> "$image"
`;

/** @throws UserError INITRAMFS_FAILED with the last lines of what dracut said, SCRIPT_FAILED, INTERRUPTED */
export async function runKernelWork(
  host: ScriptHost,
  session: ScriptSession,
  work: KernelWork,
): Promise<void> {
  const { version, depmod, dracut } = work;
  if (depmod !== null) {
    stage(host, `Indexing the modules of kernel ${version}`);
    await session.run({ ...step('kmod', [depmod, '-a', version], ''), args: [] });
  }
  if (dracut === null) return;
  stage(host, `Making the initramfs of kernel ${version}`);
  await session.run({
    ...step('dracut', ['/bin/sh'], BUILD),
    args: [`/${initramfsPath(version)}`, dracut.program, ...dracut.args],
    place: {
      environment: [['DRACUT_NO_MKNOD', '1']],
      binds: binds(host, dracut),
    },
    failure: (end) => initramfsFailure(version, end),
  });
}

function step(name: string, interpreter: readonly string[], body: string) {
  const script = { package: name, phase: PHASE, interpreter, body, expand: false };
  return { script, stdin: '', mayFail: false };
}

/** Work files lie on the disk: an image for all machines is unpacked some hundred megabytes. */
function binds({ sys, scratch }: ScriptHost, { etc }: DracutRun) {
  const [work, devices] = [`${scratch}/dracut`, `${scratch}/devices`];
  sys.mkdir(AT_FDCWD, work, 0o700);
  const fd = sys.open(AT_FDCWD, devices, ['write', 'create', 'exclusive'], 0o644);
  try {
    sys.write(fd, devicesArchive());
  } finally {
    sys.close(fd);
  }
  return [
    { source: work, target: '/var/tmp', isWritable: true },
    { source: devices, target: DEVICES, isWritable: false },
    ...(etc === null ? [] : [{ source: etc, target: '/etc', isWritable: false }]),
  ];
}

/** The kernel needs these before it has a devtmpfs where programs check themselves at once. */
function devicesArchive(): Uint8Array {
  const content = new Uint8Array(0);
  const device = (name: string, minor: number) => ({
    name: `dev/${name}`,
    mode: 0o020666,
    content,
    device: { major: 1, minor },
  });
  return gzipSync(
    cpioArchive([{ name: 'dev', mode: 0o040755, content }, device('random', 8), device('urandom', 9)]),
  );
}

function initramfsFailure(version: string, { ending, output }: ScriptEnd): UserError {
  const said = lastLines(output);
  return new UserError(
    'INITRAMFS_FAILED',
    `the initramfs of kernel ${version} could not be made: dracut failed (${ending ?? 'well'})${said}`,
    { hint: 'nothing was deployed; the system is as before' },
  );
}

function stage({ progress }: ScriptHost, text: string): void {
  progress({ kind: 'stage', stage: 'scripts', text });
}
