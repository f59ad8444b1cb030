/** Settings that may be left to what is there, as ostree writes them. */
export type TriState = 'yes' | 'no' | 'maybe';

const WORDS: Readonly<Record<string, TriState>> = {
  yes: 'yes',
  true: 'yes',
  '1': 'yes',
  no: 'no',
  false: 'no',
  '0': 'no',
  maybe: 'maybe',
};

export const TRI_STATE_WORDS = Object.keys(WORDS);

/** null for a word that is none of them. */
export function parseTriState(text: string): TriState | null {
  return Object.hasOwn(WORDS, text) ? (WORDS[text] ?? null) : null;
}
