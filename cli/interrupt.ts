/** Ctrl-C and SIGTERM: what runs is asked to stop in order; a second time the process ends at once. */
import { shownText } from '#cli/report-error.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Stop = keyof typeof EXIT_CODES;

/**
 * Runs `action` with a signal that is aborted by SIGINT or SIGTERM. @returns its exit code, or 130 or 143 where it
 * stopped because of that
 * @param left what an interruption leaves behind, for people
 */
export async function interruptible(
  action: (signal: AbortSignal) => Promise<number>,
  left: () => string = () => 'the system is as before',
): Promise<number> {
  const controller = new AbortController();
  let stopped: Stop | null = null;
  const stop = (name: Stop): void => {
    if (stopped !== null) process.exit(EXIT_CODES[name]);
    stopped = name;
    controller.abort(new Error('interrupted'));
  };
  const listeners = (Object.keys(EXIT_CODES) as Stop[]).map((name) => {
    const listener = (): void => stop(name);
    process.on(name, listener);
    return { name, listener };
  });
  try {
    return await action(controller.signal);
  } catch (error) {
    const reason = stopped as Stop | null;
    if (reason === null) throw error;
    const running = codeOf(error) === 'INTERRUPTED' ? `${shownText(messageOf(error))}; ` : '';
    process.stderr.write(`interrupted: ${running}${left()}\n`);
    return EXIT_CODES[reason];
  } finally {
    for (const { name, listener } of listeners) process.off(name, listener);
  }
}
