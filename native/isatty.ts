import { loadAddon } from '#native/load.ts';

interface TerminalCalls {
  isatty(fd: number): boolean;
}

/** Whether the descriptor is a terminal, as isatty(3). `node:tty` loads sockets and streams before it can tell. */
export function isatty(fd: number): boolean {
  return (loadAddon('syscalls.node') as TerminalCalls).isatty(fd);
}
