/** A word as a shell has to be given it, where people are told a command. Pure. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9@%+=:,./_-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A whole command line. */
export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
