import { expect, test } from 'vitest';
import { askingOnce } from '#layering/key-question.ts';
import type { OpenPgpKey } from '#layering/openpgp.ts';

test('questions wait for each other, and none comes twice', async () => {
  const events: string[] = [];
  const ask = askingOnce(async ({ armoured }) => {
    events.push(`ask ${armoured}`);
    await new Promise((done) => setTimeout(done, 5));
    events.push(`answer ${armoured}`);
    if (armoured === 'broken') throw new Error('the terminal is gone');
    return armoured === 'a';
  });
  const key = (armoured: string): OpenPgpKey => ({ armoured }) as OpenPgpKey;
  const answers = ['a', 'broken', 'a', 'b'].map((name) => ask(key(name)).catch(() => 'failed'));
  expect(await Promise.all(answers)).toEqual([true, 'failed', true, false]);
  expect(events).toEqual(['a', 'broken', 'b'].flatMap((name) => [`ask ${name}`, `answer ${name}`]));
});
