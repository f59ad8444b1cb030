import type { Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** A content object that is written in pieces; ended by `finish` or `abort`. */
export interface FileWriter {
  write(chunk: Uint8Array): void;
  /** @throws UserError BAD_SIZE where not exactly the announced number of bytes came */
  finish(): Checksum;
  /** May be called at any time, also after `finish`. */
  abort(): void;
}

/** Collects the pieces in an unnamed file of the staging directory, which `store` then takes as its source. */
export function openFileWriter(
  repo: Repo,
  staging: Fd,
  options: { readonly size: number; readonly store: (fd: Fd) => Checksum },
): FileWriter {
  const { sys } = repo;
  const fd = sys.open(staging, '.', ['read-write', 'tmpfile'], 0o600);
  let written = 0;
  let open = true;
  const close = (): void => {
    if (open) sys.close(fd);
    open = false;
  };
  return {
    write(chunk) {
      written += chunk.length;
      if (written > options.size) throw wrongSize(options.size, `more than that`);
      sys.write(fd, chunk);
    },
    finish() {
      if (written !== options.size) throw wrongSize(options.size, `${written}`);
      const checksum = options.store(fd);
      close();
      return checksum;
    },
    abort: close,
  };
}

function wrongSize(expected: number, got: string): UserError {
  return new UserError('BAD_SIZE', `a file of ${expected} bytes was announced, ${got} came`);
}
