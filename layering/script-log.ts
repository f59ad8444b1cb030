/** What packages' scripts said and how long they took: kept from the events of a run, and in a file. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf } from '#ostree/format/errors.ts';
import type { Progress } from '#layering/progress.ts';
import { scriptLogText, type ScriptRecord } from '#layering/script-record.ts';

const FILE = 'scripts.log';

/** Passes events on, and keeps those of scripts in `records`. */
export function recordingScripts(progress: Progress, records: ScriptRecord[]): Progress {
  return (event) => {
    if (event.kind === 'script') {
      const { kind: _kind, ...record } = event;
      records.push(record);
    }
    progress(event);
  };
}

/**
 * Writes the log of the last run that had scripts, by one rename: a crash leaves the one before. That it cannot be
 * written is told, and is no reason to stop.
 * @returns its host path; null where there was none to write or it was not written
 */
export function keepScriptLog(
  directory: string,
  text: { readonly title: string; readonly records: readonly ScriptRecord[] },
  progress: Progress,
): string | null {
  if (text.records.length === 0) return null;
  const file = path.join(directory, FILE);
  try {
    fs.mkdirSync(directory, { recursive: true });
    fs.rmSync(`${file}.new`, { force: true });
    fs.writeFileSync(`${file}.new`, scriptLogText(text.title, text.records), { mode: 0o600, flag: 'wx' });
    fs.renameSync(`${file}.new`, file);
    return file;
  } catch (error) {
    progress({ kind: 'warning', text: `the output of scripts is not kept: ${messageOf(error)}` });
    return null;
  }
}
