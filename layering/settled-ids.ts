/** Which ids users and groups have on the machine already: what lies in /var and /etc belongs to them. */
import { AT_FDCWD } from '#native/syscalls.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { machineRoot } from '#layering/initramfs-etc.ts';
import type { System } from '#layering/system.ts';
import { readTreeUsers } from '#layering/users-tree.ts';
import { readUserIds, type UserIds } from '#layering/users.ts';

/** Of the /etc that is carried over, then of the tree that changes start from. */
export function settledIds(system: System): UserIds {
  const { sys, repo } = system.sysroot;
  const local = (name: string): string => sys.readText(AT_FDCWD, `${machineRoot(system)}/etc/${name}`) ?? '';
  const own = readUserIds([local('passwd')], [local('group')]);
  const { ids } = readTreeUsers(repo, MutableTree.fromCommit(repo, system.from.checksum));
  return {
    users: new Map([...ids.users, ...own.users]),
    groups: new Map([...ids.groups, ...own.groups]),
  };
}
