/** The deployment that waits to be finished at shutdown, as `/run/ostree/staged-deployment` describes it. */
import { AT_FDCWD, type Fd, type Syscalls } from '#native/syscalls.ts';
import { EMPTY_BLS } from '#ostree/format/bls.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { parse, type GValue, type VariantDict } from '#ostree/format/gvariant.ts';
import { isPinnedOrigin, parseDeploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { readOrigin } from '#ostree/sysroot/load-state.ts';

export const STAGED_FILE = '/run/ostree/staged-deployment';

/** Null where none is staged. @throws UserError BAD_STAGED */
export function readStaged(sys: Syscalls, root: Fd): Deployment | null {
  const bytes = readState(sys);
  if (bytes === null) return null;
  return during(`reading ${STAGED_FILE}`, () => {
    const dict = parse('a{sv}', bytes) as unknown as VariantDict;
    const target = lookupVariant(dict, 'target', 'a{sv}') as unknown as VariantDict | undefined;
    if (target === undefined) throw badStaged(`it has no 'target'`);
    const found = parseDeploymentName(text(target, 'name'));
    if (found === null) throw badStaged(`'${text(target, 'name')}' is not a deployment's name`);
    const named = { stateroot: text(target, 'osname'), ...found };
    const origin = readOrigin(sys, root, named);
    return {
      ...named,
      bootcsum: parseChecksum(text(target, 'bootcsum')),
      bootserial: -1,
      index: -1,
      origin,
      kargs: (lookupVariant(dict, 'kargs', 'as') as string[] | undefined) ?? [],
      bls: EMPTY_BLS,
      tries: null,
      isStaged: true,
      isBooted: false,
      isPinned: isPinnedOrigin(origin),
    };
  });
}

function readState(sys: Syscalls): Uint8Array | null {
  try {
    return sys.readFile(AT_FDCWD, STAGED_FILE);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function text(dict: VariantDict, key: string): string {
  const value: GValue | undefined = lookupVariant(dict, key, 's');
  if (typeof value !== 'string') throw badStaged(`it has no '${key}'`);
  return value;
}

function badStaged(why: string): UserError {
  return new UserError('BAD_STAGED', why);
}
