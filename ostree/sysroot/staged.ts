/** The deployment that waits to be finished at shutdown, as `/run/ostree/staged-deployment` describes it. */
import { AT_FDCWD, type Fd, type Syscalls } from '#native/syscalls.ts';
import { EMPTY_BLS } from '#ostree/format/bls.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { formatStaged, parseStaged, type StagedState } from '#ostree/format/staged-state.ts';
import { isPinnedOrigin, parseDeploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { readOrigin } from '#ostree/sysroot/load-state.ts';
import { makeDirectories, replaceFile, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

export const STAGED_FILE = '/run/ostree/staged-deployment';
/** How ostree before 2023.8 knew that it must not be finished. */
const LOCKED_FILE = '/run/ostree/staged-deployment-locked';

/** Null where none is staged. @throws UserError BAD_STAGED, BAD_GVARIANT */
export function readStagedState(sys: Syscalls): StagedState | null {
  const bytes = readState(sys);
  if (bytes === null) return null;
  const state = during(`reading ${STAGED_FILE}`, () => parseStaged(bytes));
  return { ...state, isLocked: state.isLocked || sys.lstat(AT_FDCWD, LOCKED_FILE) !== null };
}

/** The staged deployment, for the head of the list; null where none is staged. @throws UserError BAD_STAGED */
export function readStaged(sys: Syscalls, root: Fd): Deployment | null {
  const state = readStagedState(sys);
  if (state === null) return null;
  const { name, stateroot, bootcsum } = state.target;
  const found = parseDeploymentName(name);
  if (found === null)
    throw new UserError('BAD_STAGED', `reading ${STAGED_FILE}: '${name}' is not a deployment's name`);
  const origin = readOrigin(sys, root, { stateroot, ...found });
  return {
    stateroot,
    ...found,
    bootcsum,
    bootserial: -1,
    index: -1,
    origin,
    kargs: state.kargs ?? [],
    bls: EMPTY_BLS,
    tries: null,
    isStaged: true,
    isLocked: state.isLocked,
    isBooted: false,
    isPinned: isPinnedOrigin(origin),
  };
}

/** Replaces the state. It lies in memory: after a crash nothing is staged. */
export function writeStagedState(sys: Syscalls, state: StagedState): void {
  makeDirectories(sys, AT_FDCWD, '/run/ostree');
  if (state.isLocked) replaceFile(sys, AT_FDCWD, { path: LOCKED_FILE, text: '' });
  replaceFile(sys, AT_FDCWD, { path: STAGED_FILE, text: formatStaged(state) });
  if (!state.isLocked) unlinkIfPresent(sys, AT_FDCWD, LOCKED_FILE);
}

/** Gives the staged deployment up; its directory goes with the next cleanup. */
export function removeStagedState(sys: Syscalls): void {
  unlinkIfPresent(sys, AT_FDCWD, STAGED_FILE);
  unlinkIfPresent(sys, AT_FDCWD, LOCKED_FILE);
}

function readState(sys: Syscalls): Uint8Array | null {
  try {
    return sys.readFile(AT_FDCWD, STAGED_FILE);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
