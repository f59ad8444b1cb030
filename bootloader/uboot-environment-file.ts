/** Reads and writes U-Boot's stored environment as `fw_setenv` of libubootenv does. */
import { AT_FDCWD, S, type Fd, type Syscalls } from '#native/syscalls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { parseEnvironmentConfig, type EnvironmentPlace } from '#bootloader/uboot-environment-config.ts';
import {
  currentCopy,
  decodeCopy,
  encodeCopy,
  nextFlags,
  parseInitialEnvironment,
  withVariables,
  type EnvironmentCopy,
  type FlagConvention,
  type Variables,
} from '#bootloader/uboot-environment.ts';

/** Of the running system: the devices that it names are those of this machine. */
const CONFIG = '/etc/fw_env.config';
/** What U-Boot has built in, where the vendor left it for programs as this one. */
const INITIAL = '/etc/u-boot-initial-env';
const CRC_SIZE = 4;

interface Stored {
  readonly places: readonly EnvironmentPlace[];
  readonly copies: readonly EnvironmentCopy[];
  readonly convention: FlagConvention;
  /** null: both are damaged. */
  readonly current: number | null;
}

/** The variables that U-Boot uses. @throws UserError UBOOT_ENVIRONMENT */
export function readUbootVariables(sys: Syscalls): Variables {
  return variablesOf(sys, readStored(sys)).variables;
}

/**
 * Sets variables, or unsets them (null). Of two copies the one not in use is written, then counts as the newer one: a
 * crash leaves the old variables or the new ones. An only copy is written over: after a crash its CRC may be wrong, and
 * U-Boot uses its built-in environment.
 * @returns what was mended, for people; null where nothing was
 * @throws UserError UBOOT_ENVIRONMENT
 */
export function setUbootVariables(
  sys: Syscalls,
  changes: Readonly<Record<string, string | null>>,
): string | null {
  const stored = readStored(sys);
  const { variables, repaired } = variablesOf(sys, stored);
  const isSame = Object.entries(changes).every(([name, value]) => (variables.get(name) ?? null) === value);
  if (isSame && repaired === null) return null;
  during('writing the U-Boot environment', () => {
    if (stored.places.some(({ device }) => isFlash(sys, device))) return runFwSetenv(sys, changes);
    writeStored(sys, stored, withVariables(variables, changes));
  });
  return repaired;
}

function readStored(sys: Syscalls): Stored {
  const text = sys.readText(AT_FDCWD, CONFIG);
  if (text === null)
    throw new UserError('UBOOT_ENVIRONMENT', `there is no ${CONFIG}`, {
      hint: 'it says where the U-Boot environment lies: DEVICE OFFSET SIZE, a line for each copy',
    });
  const places = parseEnvironmentConfig(text, CONFIG);
  const missing = places.find(({ device }) => sys.stat(AT_FDCWD, device) === null);
  if (missing !== undefined)
    throw new UserError('UBOOT_ENVIRONMENT', `${CONFIG} names ${missing.device}, which is not there`, {
      hint: "'saveenv' at U-Boot's prompt stores the environment; the file says where: DEVICE OFFSET SIZE",
    });
  const isRedundant = places.length > 1;
  const copies = places.map((place) =>
    during(`reading the U-Boot environment in ${place.device}`, () =>
      decodeCopy(readPlace(sys, place), isRedundant),
    ),
  );
  const convention = conventionOf(sys, places[0]?.device ?? '');
  return { places, copies, convention, current: currentCopy(copies, convention) };
}

function variablesOf(
  sys: Syscalls,
  { copies, current }: Stored,
): { readonly variables: Variables; readonly repaired: string | null } {
  const variables = current === null ? null : (copies[current]?.variables ?? null);
  if (variables !== null) return { variables, repaired: null };
  const initial = sys.readText(AT_FDCWD, INITIAL);
  if (initial !== null)
    return {
      variables: parseInitialEnvironment(initial),
      repaired: `the U-Boot environment, whose CRC was wrong, was made anew from ${INITIAL}`,
    };
  throw new UserError(
    'UBOOT_ENVIRONMENT',
    'the U-Boot environment has a bad CRC: U-Boot uses its built-in one',
    {
      hint: `'saveenv' at U-Boot's prompt stores that; or put it into ${INITIAL}`,
    },
  );
}

function writeStored(sys: Syscalls, stored: Stored, variables: Variables): void {
  const { places, copies, convention, current } = stored;
  const [only, second] = places;
  if (only === undefined) return;
  if (second === undefined) return writePlace(sys, only, encodeCopy(variables, only.size, null));
  const used = current ?? 1;
  const target = used === 0 ? second : only;
  const flags = nextFlags(copies[used]?.flags ?? 0, convention);
  writePlace(sys, target, encodeCopy(variables, target.size, flags));
  if (convention !== 'boolean' || current === null) return;
  const old = places[used];
  if (old !== undefined) writeBytes(sys, { ...old, offset: old.offset + CRC_SIZE }, Uint8Array.of(0));
}

function readPlace(sys: Syscalls, { device, offset, size }: EnvironmentPlace): Uint8Array {
  const fd = sys.open(AT_FDCWD, device, ['read']);
  try {
    sys.seek(fd, offset);
    const bytes = new Uint8Array(size);
    let length = 0;
    for (;;) {
      const part = sys.read(fd, size - length);
      bytes.set(part, length);
      length += part.length;
      // A file that is shorter has no environment: the CRC shows it.
      if (length === size || part.length === 0) return bytes;
    }
  } finally {
    sys.close(fd);
  }
}

function writePlace(sys: Syscalls, place: EnvironmentPlace, bytes: Uint8Array): void {
  writeBytes(sys, place, bytes);
}

/** In place: U-Boot finds the blocks of a device, not names. */
function writeBytes(sys: Syscalls, { device, offset }: EnvironmentPlace, bytes: Uint8Array): void {
  const fd: Fd = sys.open(AT_FDCWD, device, ['read-write']);
  try {
    sys.seek(fd, offset);
    sys.write(fd, bytes);
    sys.fsync(fd);
  } finally {
    sys.close(fd);
  }
}

/** Flash has to be erased before it is written: that is for the distribution's program. */
function isFlash(sys: Syscalls, device: string): boolean {
  const stat = sys.stat(AT_FDCWD, device);
  return stat !== null && (stat.mode & S.IFMT) === S.IFCHR;
}

function conventionOf(sys: Syscalls, device: string): FlagConvention {
  const name = device.slice(device.lastIndexOf('/') + 1);
  if (!name.startsWith('mtd')) return 'incremental';
  return sys.readText(AT_FDCWD, `/sys/class/mtd/${name}/type`)?.trim() === 'nor' ? 'boolean' : 'incremental';
}

function runFwSetenv(sys: Syscalls, changes: Readonly<Record<string, string | null>>): void {
  const script = '/run/yum-ostree-fw-setenv';
  const fd = sys.open(AT_FDCWD, script, ['write', 'create', 'truncate', 'nofollow'], 0o600);
  try {
    const lines = Object.entries(changes).map(([name, value]) => `${name} ${value ?? ''}`.trimEnd());
    sys.write(fd, `${lines.join('\n')}\n`);
  } finally {
    sys.close(fd);
  }
  const code = sys.spawn('fw_setenv', ['fw_setenv', '-s', script], ['PATH=/usr/sbin:/usr/bin:/sbin:/bin']);
  sys.unlink(AT_FDCWD, script);
  if (code === 0) return;
  throw new UserError('UBOOT_ENVIRONMENT', `fw_setenv failed (${code ?? 'it is not installed'})`, {
    hint: `the environment of ${CONFIG} lies in flash, which fw_setenv erases and writes`,
  });
}
