/** What was found out about labels, kept between runs: to ask the policy and to write an object anew takes time. */
import fs from 'node:fs';
import path from 'node:path';
import type { Checksum } from '#ostree/format/checksum.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { labelKey } from '#layering/label-attribute.ts';
import { labelsOf, type LabelPolicy, type Unlabelled } from '#layering/selinux-labels.ts';
import type { LabelRules } from '#layering/selinux-policy.ts';

interface Stored {
  readonly rules: string;
  readonly labels: readonly (readonly [string, string | null])[];
  readonly objects: readonly (readonly [string, string])[];
}

/** More than a large distribution has; older entries than these are forgotten. */
const LIMIT = 200_000;

/** The labels that one policy gives. */
export class LabelBook {
  /** The object with a label, by `CHECKSUM LABEL` of the one that has another or none. */
  readonly objects: Map<string, Checksum>;
  /** By labelKey; null where the policy has none. */
  private readonly labels: Map<string, string | null>;
  private readonly repo: Repo;
  private readonly policy: LabelPolicy;
  private readonly file: string | null;
  /** How many entries the file has. */
  private readonly kept: number;

  /** `file` is the host path of what earlier runs found out, which need not exist; null where nothing is kept. */
  constructor(repo: Repo, policy: LabelPolicy, file: string | null) {
    const { labels, objects } = readStored(file, policy.rules);
    this.labels = labels;
    this.objects = objects;
    this.kept = labels.size + objects.size;
    this.repo = repo;
    this.policy = policy;
    this.file = file;
  }

  /** Asks for those that are not known yet. @throws UserError BAD_POLICY */
  async learn(files: readonly Unlabelled[]): Promise<void> {
    const unknown = new Map(
      files.filter((one) => !this.labels.has(labelKey(one))).map((one) => [labelKey(one), one]),
    );
    const labels = await labelsOf(this.repo, this.policy, [...unknown.values()]);
    [...unknown.keys()].forEach((key, at) => this.labels.set(key, labels[at] ?? null));
  }

  /** Of a file that was learnt; null where the policy has none for it. */
  label(file: Unlabelled): string | null {
    return this.labels.get(labelKey(file)) ?? null;
  }

  /** By one rename: a crash leaves the old file. One that cannot be written costs the next run time, no more. */
  save(): void {
    const { file, labels, objects } = this;
    if (file === null || labels.size + objects.size === this.kept) return;
    const stored: Stored = {
      rules: rulesText(this.policy.rules),
      labels: [...labels].slice(-LIMIT),
      objects: [...objects].slice(-LIMIT),
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
}

interface Known {
  readonly labels: Map<string, string | null>;
  readonly objects: Map<string, Checksum>;
}

/** Empty where there is no file, or one that cannot be read; labels are those of the same rules only. */
function readStored(file: string | null, rules: LabelRules): Known {
  const empty: Known = { labels: new Map(), objects: new Map() };
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

function rulesText(rules: LabelRules): string {
  return [...rules].map((entry) => entry.join(' ')).join('\n');
}
