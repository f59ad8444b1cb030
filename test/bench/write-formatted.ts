import fs from 'node:fs';
import path from 'node:path';
import { run } from '#test/bench/measure.ts';

const PRETTIER = path.resolve(import.meta.dirname, '../../node_modules/.bin/prettier');

/** Replaces a markdown file by the text, formatted. A crash leaves the file as it was or as it is to be. */
export function writeFormatted(file: string, text: string): void {
  fs.writeFileSync(`${file}.new`, text);
  run([PRETTIER, '--parser=markdown', '--write', `${file}.new`]);
  fs.renameSync(`${file}.new`, file);
}
