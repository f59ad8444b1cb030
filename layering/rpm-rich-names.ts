/** The names inside a rich dependency, as the rpmdb's indexes list them. Pure. */

interface Cursor {
  readonly text: string;
  at: number;
}

interface Names {
  readonly plain: Set<string>;
  readonly negated: Set<string>;
}

const OPERATORS: ReadonlySet<string> = new Set(['and', 'or', 'if', 'unless', 'else', 'with', 'without']);
const CONDITIONS: ReadonlySet<string> = new Set(['if', 'unless']);
const DEEPEST = 64;

/**
 * The names of `(a if b)` and the like, sorted; what stands as a condition gets a `!`, and stands without it too
 * where there is an `else`. Empty for what is not a well-formed rich dependency.
 */
export function richNames(dependency: string): string[] {
  if (!dependency.startsWith('(')) return [];
  const names = { plain: new Set<string>(), negated: new Set<string>() };
  const cursor = { text: dependency, at: 0 };
  if (!readGroup(cursor, names, 0) || cursor.at !== dependency.length) return [];
  return [...sorted(names.plain), ...sorted(names.negated).map((name) => `!${name}`)];
}

/** `( operand { operator operand } )`; false where it is malformed. */
function readGroup(cursor: Cursor, names: Names, depth: number): boolean {
  if (depth > DEEPEST) return false;
  cursor.at++;
  let condition: Names | null = null;
  for (let isCondition = false; ;) {
    const found: Names = { plain: new Set(), negated: new Set() };
    if (!readOperand(cursor, found, depth)) return false;
    if (isCondition) condition = found;
    else addAll(names, found);
    const operator = readWord(cursor);
    if (operator === '' && cursor.text.charAt(cursor.at) === ')') break;
    if (!OPERATORS.has(operator)) return false;
    isCondition = CONDITIONS.has(operator);
    if (operator === 'else' && condition !== null) addAll(names, condition);
  }
  if (condition !== null)
    for (const name of [...condition.plain, ...condition.negated]) names.negated.add(name);
  cursor.at++;
  return true;
}

function readOperand(cursor: Cursor, names: Names, depth: number): boolean {
  skipBlanks(cursor);
  if (cursor.text.charAt(cursor.at) === '(') return readGroup(cursor, names, depth + 1);
  const name = readWord(cursor);
  if (name === '') return false;
  names.plain.add(name);
  const before = cursor.at;
  if (/^(<|<=|=|==|>=|>|=<|=>)$/.test(readWord(cursor))) return readWord(cursor) !== '';
  cursor.at = before;
  return true;
}

/** A word ends at a blank or at a parenthesis that closes more than the word itself opened. */
function readWord(cursor: Cursor): string {
  skipBlanks(cursor);
  const start = cursor.at;
  for (let open = 0; cursor.at < cursor.text.length; cursor.at++) {
    const c = cursor.text.charAt(cursor.at);
    if (c === ' ' || (c === ')' && open === 0)) break;
    open += c === '(' ? 1 : c === ')' ? -1 : 0;
  }
  return cursor.text.slice(start, cursor.at);
}

function skipBlanks(cursor: Cursor): void {
  while (cursor.text.charAt(cursor.at) === ' ') cursor.at++;
}

function addAll(names: Names, found: Names): void {
  for (const name of found.plain) names.plain.add(name);
  for (const name of found.negated) names.negated.add(name);
}

function sorted(names: ReadonlySet<string>): string[] {
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
