import { CLONE_NEWNS, AT_FDCWD, type Fd, type Syscalls } from '#native/syscalls.ts';

const OWN = '/proc/self/ns/mnt';

/** The mount namespace of this process, to come back to. */
export function openMountNamespace(sys: Syscalls): Fd {
  return sys.open(AT_FDCWD, OWN, ['read']);
}

/** Runs `action` in another mount namespace, and comes back. */
export function inMountNamespace(sys: Syscalls, namespace: Fd, action: () => void): void {
  const own = openMountNamespace(sys);
  try {
    if (sys.fstat(own).ino === sys.fstat(namespace).ino) return action();
    sys.setns(namespace, CLONE_NEWNS);
    try {
      action();
    } finally {
      sys.setns(own, CLONE_NEWNS);
    }
  } finally {
    sys.close(own);
  }
}
