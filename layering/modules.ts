/**
 * The NEVRAs that module metadata keeps from view: the packages of every stream that is not its module's default.
 * Streams are never enabled here, so a plain `install` sees plain packages, as with dnf where no stream is enabled.
 * Reads only what it needs of the YAML (the documents' kind, module, stream and package list), line by line.
 */
export function hiddenModularPackages(yaml: string): string[] {
  const documents = yaml.split(/^---.*$/m).map(readDocument);
  const defaults = new Set(
    documents.flatMap(({ kind, module, stream }) =>
      kind === 'modulemd-defaults' && stream !== '' ? [`${module}:${stream}`] : [],
    ),
  );
  const hidden: string[] = [];
  const shown = new Set<string>();
  for (const { kind, module, stream, packages } of documents) {
    if (kind !== 'modulemd') continue;
    const visible = defaults.has(`${module}:${stream}`);
    for (const one of packages) {
      if (visible) shown.add(one);
      else hidden.push(one);
    }
  }
  return [...new Set(hidden)].filter((one) => !shown.has(one) && !one.endsWith('.src'));
}

interface ModuleDocument {
  readonly kind: string;
  readonly module: string;
  readonly stream: string;
  readonly packages: readonly string[];
}

function readDocument(text: string): ModuleDocument {
  const kind = valueOf(text, /^document:\s*(.+)$/m);
  const module = valueOf(
    text,
    kind === 'modulemd-defaults' ? /^ {2}module:\s*(.+)$/m : /^ {2}name:\s*(.+)$/m,
  );
  return { kind, module, stream: valueOf(text, /^ {2}stream:\s*(.+)$/m), packages: artifactsOf(text) };
}

function valueOf(text: string, pattern: RegExp): string {
  return (pattern.exec(text)?.[1] ?? '').trim().replace(/^(['"])(.*)\1$/, '$2');
}

/** The list under data → artifacts → rpms. */
function artifactsOf(text: string): string[] {
  const [, after] = /^ {2}artifacts:\n {4}rpms:\n([\s\S]*)/m.exec(text) ?? [];
  if (after === undefined) return [];
  const packages: string[] = [];
  for (const line of after.split('\n')) {
    const [, one] = /^ {4,6}- (\S+)$/.exec(line) ?? [];
    if (one === undefined) break;
    packages.push(one);
  }
  return packages;
}
