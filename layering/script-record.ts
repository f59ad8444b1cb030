/** What is kept of a script that ran, and how it is shown. Pure. */
import type { ProgressEvent } from '#layering/progress.ts';

/** One script that ran to its end. */
export type ScriptRecord = Omit<Extract<ProgressEvent, { kind: 'script' }>, 'kind'>;

/** `nano %post: 0.12 s`, with how it ended where that was not well. */
export function scriptTitle({ package: name, script, seconds, ending }: ScriptRecord): string {
  return `${name} %${script}: ${seconds.toFixed(2)} s${ending === null ? '' : `, ${ending}`}`;
}

/** Package by package, in the order in which their first scripts ran. */
export function scriptLogText(title: string, records: readonly ScriptRecord[]): string {
  const names = [...new Set(records.map((record) => record.package))];
  const ordered = names.flatMap((name) => records.filter((record) => record.package === name));
  const parts = ordered.map((record) => `\n== ${scriptTitle(record)}\n${ended(record.output)}`);
  return `${title}\n${parts.join('')}`;
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
