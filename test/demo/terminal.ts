/** One statement about what the demo leaves, and whether it is true. */
export interface Fact {
  readonly name: string;
  readonly holds: boolean;
  /** What was seen; shown beside a fact that does not hold. */
  readonly seen: string;
}

/** What the demo prints; times are seconds since its start. */
export interface Terminal {
  heading(text: string): void;
  /** A command as a person would type it. */
  command(words: readonly string[]): void;
  /** The output of a command, indented. */
  output(text: string): void;
  line(text: string): void;
}

export function terminal(write: (text: string) => void): Terminal {
  const started = performance.now();
  return {
    heading(text) {
      const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
      write(`\n[${seconds} s] ${text}\n`);
    },
    command(words) {
      write(`  $ ${words.join(' ')}\n`);
    },
    output(text) {
      const lines = text.trimEnd().split('\n');
      if (text.trim() !== '') write(lines.map((line) => `    ${line}\n`).join(''));
    },
    line(text) {
      write(`  ${text}\n`);
    },
  };
}

/** `✓ name`, or `✗ name: what was seen`. */
export function factLine(fact: Fact): string {
  return fact.holds ? `✓ ${fact.name}` : `✗ ${fact.name}: ${fact.seen.trim().split('\n').join(' | ')}`;
}
