import { messageOf } from '#ostree/format/errors.ts';

/** Why a system call failed, without the path that the caller names better: 'No such file or directory'. */
export function reasonOf(error: unknown): string {
  const text = messageOf(error);
  const colon = text.lastIndexOf(': ');
  return colon < 0 ? text : text.slice(colon + 2);
}
