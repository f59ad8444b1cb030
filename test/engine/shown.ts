/** A value as text, for messages of failed tests; the engine has no JSON. */
export function shown(value: unknown, depth = 0): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (depth > 5) return '…';
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Uint8Array) return `bytes(${[...value].map((byte) => byte.toString(16)).join(' ')})`;
  if (Array.isArray(value)) return `[${value.map((one) => shown(one, depth + 1)).join(', ')}]`;
  const properties = Object.entries(value).map(([key, one]) => `${key}: ${shown(one, depth + 1)}`);
  return `{ ${properties.join(', ')} }`;
}
