/** Marks of the fallback model in boot entries: the key `yum-ostree-boot`, which boot loaders pass over. */
import { fallbackOf, type Mark, type Standing, type Trial } from '#bootloader/fallback.ts';
import { blsValue, withBlsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { kernelArgValue, parseKernelArgs } from '#ostree/format/kernel-args.ts';
import { isSerial } from '#ostree/sysroot/deployment.ts';
import { parseBootLink } from '#ostree/sysroot/load-state.ts';

/** `trial CSUM.N ID TRIES`, `good CSUM.N`, `failed CSUM.N`. */
const KEY = 'yum-ostree-boot';

/**
 * The mark for the deployment `name` (`CSUM.N`); null where the entry has none, or one for another deployment: a swap of
 * boot links alone leaves the entry as it was.
 */
export function markOf(entry: BlsEntry, name: string): Mark | null {
  const found = markIn(entry);
  return found?.name === name ? found.mark : null;
}

export function withMark(entry: BlsEntry, name: string, mark: Mark | null): BlsEntry {
  return withBlsValue(entry, KEY, mark === null ? null : markText(mark, name));
}

/** What the texts for boot loaders need of a menu whose first entry is on trial. */
export interface MenuFallback {
  readonly trial: Trial;
  /** The place of the entry that boots when the tries are used up. */
  readonly place: number;
}

/** null where the first entry of the menu is not on trial, or there is nothing to fall back to. */
export function menuFallback(entries: readonly BlsEntry[]): MenuFallback | null {
  const list = entries.map((entry) => ({
    stateroot: staterootOf(entry),
    standing: writtenStanding(markIn(entry)?.mark ?? null),
  }));
  const standing = list[0]?.standing;
  const place = fallbackOf(list, 0);
  return standing?.kind === 'trial' && place !== null ? { trial: standing.trial, place } : null;
}

function writtenStanding(mark: Mark | null): Standing {
  if (mark === null) return { kind: 'unknown' };
  return mark.kind === 'trial' ? { kind: 'trial', trial: mark.trial, left: mark.trial.tries } : mark;
}

function staterootOf(entry: BlsEntry): string {
  const path = kernelArgValue(parseKernelArgs(blsValue(entry, 'options') ?? ''), 'ostree');
  return (path === null ? null : parseBootLink(path)?.stateroot) ?? '';
}

function markIn(entry: BlsEntry): { readonly name: string; readonly mark: Mark } | null {
  const [kind, name, id, tries] = (blsValue(entry, KEY) ?? '').split(' ');
  if (name === undefined) return null;
  if (kind === 'good' || kind === 'failed') return { name, mark: { kind } };
  if (kind !== 'trial' || id === undefined || !isTrialId(id)) return null;
  if (tries === undefined || !isSerial(tries) || Number(tries) < 1) return null;
  return { name, mark: { kind: 'trial', trial: { id, tries: Number(tries) } } };
}

function markText(mark: Mark, name: string): string {
  return mark.kind === 'trial'
    ? `trial ${name} ${mark.trial.id} ${mark.trial.tries}`
    : `${mark.kind} ${name}`;
}

/** It becomes a part of scripts for boot loaders. */
function isTrialId(id: string): boolean {
  const isPart = (c: string): boolean => (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
  return id.length > 0 && id.length <= 32 && [...id].every(isPart);
}
