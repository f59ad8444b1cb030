/** Runs packages' scripts on a checked-out farm: an overlay above it takes all that they write. */
import { AT_FDCWD, CLONE_NEWNS, MNT_DETACH, MS, S, type Fd } from '#native/syscalls.ts';
import { loadProgram } from '#native/static-program.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import type { Progress } from '#layering/progress.ts';
import {
  runScript,
  scriptFailure,
  type SandboxRoot,
  type ScriptEnd,
  type TopLevel,
} from '#layering/sandbox.ts';
import { expandPercents, expansionOf } from '#layering/macros.ts';
import type { PackageScript } from '#layering/scripts-plan.ts';
import type { ScriptStep } from '#layering/scripts-order.ts';

export interface ScriptHost {
  readonly sys: RepoCalls;
  /** Host path of the farm; it is never written to. */
  readonly farm: string;
  /** Host path of an empty directory on the same file system, for the overlay's layers. */
  readonly scratch: string;
  /** Paths in the tree that hold the rpm database. */
  readonly databases: readonly string[];
  /** Seconds since the epoch. */
  readonly sourceDateEpoch: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** An overlay mounted over a farm, and what runs in it; `end` unmounts. */
export interface ScriptSession {
  /** Host path of the merged view; writing there goes to the upper layer. */
  readonly merged: string;
  readonly upper: Fd;
  /** Runs one script. @throws UserError SCRIPT_FAILED, INTERRUPTED */
  run(step: ScriptStep): Promise<void>;
  end(): void;
}

const KERNEL_INSTALLERS = ['/usr/bin/kernel-install', '/usr/sbin/installkernel', '/usr/sbin/new-kernel-pkg'];

/** As decided: nothing of overlayfs's extensions, so that the upper layer holds plain files and whiteouts. */
const OVERLAY_OPTIONS = 'redirect_dir=off,metacopy=off,index=off';

/**
 * Mounts the overlay in a mount namespace of this process (it vanishes with the process, however that ends).
 * @throws UserError SANDBOX where the kernel refuses
 */
export function startScripts(host: ScriptHost): ScriptSession {
  const { sys, scratch } = host;
  for (const name of ['upper', 'work', 'merged', 'rpm-state', 'scripts'])
    sys.mkdir(AT_FDCWD, `${scratch}/${name}`, 0o755);
  copyRootMode(host);
  mountOverlay(host);
  const upper = sys.open(AT_FDCWD, `${scratch}/upper`, ['read', 'directory']);
  const root: SandboxRoot = {
    merged: `${scratch}/merged`,
    top: topLevel(host),
    rpmState: `${scratch}/rpm-state`,
    databases: host.databases,
    sourceDateEpoch: host.sourceDateEpoch,
    lua: placeLua(host),
    ...silenced(host),
  };
  let count = 0;
  return {
    merged: root.merged,
    upper,
    async run({ script, args, stdin, place, failure }) {
      const lines = linesTo((text) =>
        host.progress({ kind: 'output', package: script.package, script: script.phase, text }),
      );
      const run: RunBody = async (what, output) => {
        const scriptFile = `${scratch}/scripts/${count++}`;
        writeScript(sys, scriptFile, what.body);
        const start = performance.now();
        const end = await runScript(root, what, {
          run: { scriptFile, args, stdin, place },
          signal: host.signal,
          output: output ?? lines.add,
          errors: lines.add,
        });
        lines.end();
        const failed = end.ending !== null;
        if (output === null || failed) tellEnd(host, script, { ...end, start });
        if (host.signal.aborted) throw endedEarly(script);
        if (failed) throw failure?.(end) ?? scriptFailure(script, end);
      };
      await run(script.expand ? await expanded(script, run) : script, null);
    },
    end() {
      sys.close(upper);
      sys.umount(root.merged, MNT_DETACH);
    },
  };
}

function endedEarly({ package: name, phase }: PackageScript): UserError {
  return new UserError('INTERRUPTED', `package ${name}: %${phase} was running`);
}

/** `output` takes what is printed; null where that is the script's own. @throws UserError SCRIPT_FAILED, INTERRUPTED */
type RunBody = (what: PackageScript, output: ((text: string) => void) | null) => Promise<void>;

function tellEnd(
  { progress, signal }: ScriptHost,
  { package: name, phase }: PackageScript,
  { start, ending, output }: ScriptEnd & { readonly start: number },
): void {
  const seconds = (performance.now() - start) / 1000;
  const how = ending !== null && signal.aborted ? 'interrupted' : ending;
  progress({ kind: 'script', package: name, script: phase, seconds, ending: how, output });
}

/** Puts pieces of text together to whole lines; the last one may lack its end. */
function linesTo(tell: (text: string) => void): { add: (piece: string) => void; end: () => void } {
  let rest = '';
  return {
    add: (piece) => {
      const text = rest + piece;
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      if (end > 0) tell(text.slice(0, end));
    },
    end: () => {
      if (rest !== '') tell(rest);
      rest = '';
    },
  };
}

/** A script whose macros are expanded; `run` gives what the expansion prints. */
async function expanded(script: PackageScript, run: RunBody): Promise<PackageScript> {
  const simple = expandPercents(script.body);
  if (simple !== null) return { ...script, body: simple };
  let text = '';
  await run(expansionOf(script), (piece) => (text += piece));
  return { ...script, body: text.replace(/\n$/, '') };
}

/** What installs kernels on a running machine does nothing: composing does what is needed of it. */
function silenced({ sys, farm, scratch }: ScriptHost): Pick<SandboxRoot, 'nothing' | 'silenced'> {
  const nothing = `${scratch}/nothing`;
  writeScript(sys, nothing, '#!/bin/sh\nexit 0\n');
  const isFile = (path: string): boolean =>
    ((sys.lstat(AT_FDCWD, farm + path)?.mode ?? 0) & S.IFMT) === S.IFREG;
  return { nothing, silenced: KERNEL_INSTALLERS.filter(isFile) };
}

/** Out of the executable, to where the sandbox can show it; null where there is none. */
function placeLua({ sys, scratch }: ScriptHost): string | null {
  const program = loadProgram('rpm-lua');
  if (program === null) return null;
  const path = `${scratch}/lua`;
  const fd = sys.open(AT_FDCWD, path, ['write', 'create', 'exclusive'], 0o755);
  try {
    sys.write(fd, program);
  } finally {
    sys.close(fd);
  }
  return path;
}

function mountOverlay({ sys, farm, scratch }: ScriptHost): void {
  if (/[:,\\]/.test(farm + scratch))
    throw new UserError(
      'SANDBOX',
      `scripts cannot run below '${scratch}': overlayfs cannot name such a path`,
    );
  const layers = `lowerdir=${farm},upperdir=${scratch}/upper,workdir=${scratch}/work`;
  try {
    sys.unshare(CLONE_NEWNS);
    sys.mount(null, '/', null, MS.REC | MS.PRIVATE, null);
    sys.mount('overlay', `${scratch}/merged`, 'overlay', 0, `${layers},${OVERLAY_OPTIONS}`);
  } catch (cause) {
    throw new UserError('SANDBOX', `scripts of packages cannot run: ${messageOf(cause)}`, {
      // The kernel says EINVAL where the upper layer's file system has no whiteouts or attributes of its own.
      hint:
        codeOf(cause) === 'EINVAL'
          ? 'the sysroot must lie on a file system that can be an upper layer (ext4, XFS, btrfs), not on an overlay or NFS'
          : 'this needs root and the kernel module overlay',
      cause,
    });
  }
}

/** The overlay's root shows the upper layer's own mode and owner. */
function copyRootMode({ sys, farm, scratch }: ScriptHost): void {
  const stat = sys.stat(AT_FDCWD, farm);
  if (stat !== null) sys.chmod(AT_FDCWD, `${scratch}/upper`, stat.mode & 0o7777);
}

/** Packages' files in /opt and the like lie in /usr/lib; on the running system systemd-tmpfiles makes links to them. */
function topLevel({ sys, farm }: ScriptHost): TopLevel {
  const isLinked = (name: string): boolean => {
    const mode = sys.lstat(AT_FDCWD, `${farm}/usr/lib/${name}`)?.mode ?? 0;
    return (mode & S.IFMT) === S.IFDIR;
  };
  const opt = isLinked('opt') ? [{ name: 'opt', target: 'usr/lib/opt' }] : [];
  const entries = sys.readdir(AT_FDCWD, farm).filter(({ name }) => name !== 'opt' || opt.length === 0);
  return {
    symlinks: entries
      .filter(({ kind }) => kind === 'symlink')
      .map(({ name }) => ({ name, target: sys.readlink(AT_FDCWD, `${farm}/${name}`) ?? '' }))
      .filter(({ name, target }) => target !== '' && isOwnLink(name))
      .concat(opt),
    directories: entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name),
    inVarLib: ['alternatives', 'vagrant'].filter(isLinked),
  };
}

/** The sandbox makes these itself. */
function isOwnLink(name: string): boolean {
  return !['etc', 'var', 'run', 'tmp', 'dev', 'proc', 'sys', 'usr'].includes(name);
}

function writeScript(sys: RepoCalls, path: string, body: string): void {
  const fd = sys.open(AT_FDCWD, path, ['write', 'create', 'exclusive'], 0o755);
  try {
    sys.write(fd, body.endsWith('\n') ? body : `${body}\n`);
  } finally {
    sys.close(fd);
  }
}
