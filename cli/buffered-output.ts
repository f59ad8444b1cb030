import type { Fd, Syscalls } from '#native/syscalls.ts';

/** Text for one file descriptor, written in large pieces. */
export interface BufferedOutput {
  write(text: string): void;
  /** @throws SyscallError EPIPE where the reader has gone */
  flush(): void;
}

const FLUSH_AT = 1 << 16;

export function bufferedOutput(sys: Syscalls, fd: Fd): BufferedOutput {
  let pending = '';
  const flush = (): void => {
    const text = pending;
    pending = '';
    if (text !== '') sys.write(fd, text);
  };
  return {
    write(text) {
      pending += text;
      if (pending.length >= FLUSH_AT) flush();
    },
    flush,
  };
}
