import type { OpenPgpKey } from '#layering/openpgp.ts';

/** Several repositories may have to ask: one question at a time, and none twice. */
export function askingOnce(
  ask: (key: OpenPgpKey) => Promise<boolean>,
): (key: OpenPgpKey) => Promise<boolean> {
  const answers = new Map<string, Promise<boolean>>();
  let last: Promise<unknown> = Promise.resolve();
  return (key) => {
    const known = answers.get(key.armoured);
    if (known !== undefined) return known;
    const answer = last.then(() => ask(key));
    answers.set(key.armoured, answer);
    last = answer.catch(() => undefined);
    return answer;
  };
}
