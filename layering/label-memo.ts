/** What was found out about labels, kept between runs: to ask the policy and to write an object anew takes time. */
import fs from 'node:fs';
import path from 'node:path';
import type { Checksum } from '#ostree/format/checksum.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import type { LabelRules } from '#layering/selinux-policy.ts';

export interface LabelMemo {
  /** By `MODE PATH`; null where the policy has none. */
  readonly labels: Map<string, string | null>;
  /** The object with a label, by `CHECKSUM LABEL` of the one that has another or none. */
  readonly objects: Map<string, Checksum>;
}

interface Stored {
  readonly rules: string;
  readonly labels: readonly (readonly [string, string | null])[];
  readonly objects: readonly (readonly [string, string])[];
}

/** More than a large distribution has; older entries than these are forgotten. */
const LIMIT = 200_000;

/** Empty where there is no file, or one that cannot be read; labels are those of the same rules only. */
export function readLabelMemo(file: string | null, rules: LabelRules): LabelMemo {
  const empty = { labels: new Map<string, string | null>(), objects: new Map<string, Checksum>() };
  if (file === null) return empty;
  try {
    const stored = JSON.parse(fs.readFileSync(file, 'utf8')) as Stored;
    const objects = stored.objects.map(([key, checksum]) => [key, parseChecksum(checksum)] as const);
    return {
      labels: stored.rules === rulesText(rules) ? new Map(stored.labels) : empty.labels,
      objects: new Map(objects),
    };
  } catch {
    return empty;
  }
}

/** By one rename: a crash leaves the old file. One that cannot be written costs the next run time, no more. */
export function writeLabelMemo(file: string | null, rules: LabelRules, memo: LabelMemo): void {
  if (file === null) return;
  const stored: Stored = {
    rules: rulesText(rules),
    labels: [...memo.labels].slice(-LIMIT),
    objects: [...memo.objects].slice(-LIMIT),
  };
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.rmSync(`${file}.new`, { force: true });
    fs.writeFileSync(`${file}.new`, JSON.stringify(stored), { mode: 0o600, flag: 'wx' });
    fs.renameSync(`${file}.new`, file);
  } catch {
    fs.rmSync(`${file}.new`, { force: true });
  }
}

function rulesText(rules: LabelRules): string {
  return [...rules].map((entry) => entry.join(' ')).join('\n');
}
