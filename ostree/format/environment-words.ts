/** `NAME=VALUE` for each variable that is set, as execve(2) takes them. */
export function environmentWords(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}
