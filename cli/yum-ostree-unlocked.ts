/** What `unlocked` prints, for people and for programs. Pure. */
import { shownWord } from '#cli/report-error.ts';
import { isoTime, tableText } from '#cli/report.ts';
import type { ChangedLayer } from '#layering/running-layer.ts';

export function unlockedText(layers: readonly ChangedLayer[]): string {
  if (layers.length === 0) return 'No deployment is unlocked.\n';
  return layers
    .map(({ tree, kind, files }) => {
      const head = `${shownWord(tree.treeName)} (${kind}, ${files.length === 1 ? '1 file' : `${files.length} files`})\n`;
      const rows = files.map(({ path, change, packages, time, isApplied }) => [
        `  ${change}`,
        time === null ? '-' : isoTime(time),
        path,
        [...packages, ...(isApplied ? ['apply-live'] : [])].join(', '),
      ]);
      return rows.length === 0 ? head : head + tableText(rows);
    })
    .join('');
}

export function unlockedJson(layers: readonly ChangedLayer[]): object {
  return {
    deployments: layers.map(({ tree, kind, files }) => ({
      id: tree.id,
      'tree-name': tree.treeName,
      booted: tree.deployment.isBooted,
      unlocked: kind,
      files: files.map(({ isApplied, ...file }) => ({ ...file, applied: isApplied })),
    })),
  };
}
