/** What guest/report.sh tells about a booted system. */
export interface GuestReport {
  readonly kernel: string;
  /** `uptime`, `init`, `os`, `multi-user`, … */
  readonly facts: ReadonlyMap<string, string>;
  readonly mounts: readonly GuestMount[];
  /** Names below /run that start with `ostree`. */
  readonly run: readonly string[];
  /** The bytes of /run/ostree-booted; null where it is not there. */
  readonly booted: Buffer | null;
  /** Directory → whether a file could be made in it. */
  readonly writable: ReadonlyMap<string, boolean>;
}

/** A line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface GuestMount {
  readonly root: string;
  readonly point: string;
  readonly options: readonly string[];
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** null where the report is not there or not complete. */
export function parseReport(text: string): GuestReport | null {
  const lines = text.replaceAll('\r', '').split('\n');
  const start = lines.findIndex((line) => line.startsWith('@@report '));
  if (start < 0 || !lines.includes('@@done')) return null;
  const sections = new Map<string, string[]>();
  const facts = new Map<string, string>();
  const writable = new Map<string, boolean>();
  let current: string[] | null = null;
  for (const line of lines.slice(start)) {
    const [word = '', first = '', ...rest] = line.split(' ');
    if (word === '@@begin') sections.set(first, (current = []));
    else if (word === '@@end') current = null;
    else if (current !== null) {
      if (line !== '') current.push(line);
    } else if (word === '@@fact') facts.set(first, rest.join(' '));
    else if (word === '@@write') writable.set(first, rest[0] === 'ok');
  }
  const booted = sections.get('booted');
  return {
    kernel: (lines[start] ?? '').slice('@@report '.length),
    facts,
    mounts: (sections.get('mountinfo') ?? []).map(parseMount),
    run: [...(sections.get('run') ?? [])].sort(),
    booted: booted === undefined ? null : Buffer.from(booted.join(''), 'hex'),
    writable,
  };
}

/** The mount that is seen at a point: the last one on it; null where nothing is mounted. */
export function mountAt(report: GuestReport, point: string): GuestMount | null {
  return report.mounts.findLast((mount) => mount.point === point) ?? null;
}

/** The directories in which a file could be made. */
export function writableIn(report: GuestReport): string[] {
  return [...report.writable].filter(([, yes]) => yes).map(([directory]) => directory);
}

function parseMount(line: string): GuestMount {
  const words = line.split(' ');
  const dash = words.indexOf('-');
  const list = (text: string | undefined) => (text ?? '').split(',');
  return {
    root: words[3] ?? '',
    point: words[4] ?? '',
    options: list(words[5]),
    propagation: words.slice(6, dash),
    type: words[dash + 1] ?? '',
    source: words[dash + 2] ?? '',
    superOptions: list(words[dash + 3]),
  };
}
