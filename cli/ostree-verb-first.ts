const GLOBAL_WITH_VALUE = ['--repo', '--sysroot'];
const GLOBAL = ['-v', '--verbose', '--debug', '--version', '-h', '--help'];

/**
 * The words of an `ostree` command with the verb's own options behind the verb: ostree(1) takes them before it too,
 * as in `ostree --print-metadata-key=K show REV`. Such an option must carry its value in the same word.
 */
export function verbFirst(argv: readonly string[]): string[] {
  const [kept, moved]: [string[], string[]] = [[], []];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    const name = word.split('=')[0] ?? '';
    if (!word.startsWith('-') || word === '--') return [...kept, word, ...moved, ...argv.slice(at + 1)];
    if (GLOBAL_WITH_VALUE.includes(name)) {
      kept.push(word);
      const value = argv[at + 1];
      if (word === name && value !== undefined) {
        kept.push(value);
        at++;
      }
    } else (GLOBAL.includes(name) ? kept : moved).push(word);
  }
  return [...kept, ...moved];
}

/**
 * Scripts write `--gpg-verify=true`, which ostree(1) takes, beside `--gpg-verify`. Our parser would take the next word
 * for the value of an option that may have one: so the value is resolved before it.
 */
export function withoutBooleans(argv: readonly string[]): string[] {
  return argv.flatMap((word) => {
    const [, flag = '', value = ''] =
      /^(--gpg-verify(?:-summary)?)=(true|false|yes|no|1|0)$/.exec(word) ?? [];
    if (flag === '') return [word];
    return ['true', 'yes', '1'].includes(value) ? [flag] : [];
  });
}
