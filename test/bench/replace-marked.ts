import fs from 'node:fs';
import { writeFormatted } from '#test/bench/write-formatted.ts';

const END = '<!-- end -->';

/** Replaces what stands in a markdown file between a mark and the next `<!-- end -->`; both have to be there. */
export function replaceMarked(file: string, mark: string, text: string): void {
  writeFormatted(file, withMarked(fs.readFileSync(file, 'utf8'), mark, text));
}

/** The same for a text. */
export function withMarked(whole: string, mark: string, text: string): string {
  const [start, end] = bounds(whole, mark);
  return `${whole.slice(0, start)}\n\n${text.trim()}\n\n${whole.slice(end)}`;
}

/** What stands there, without the marks. */
export function marked(whole: string, mark: string): string {
  return whole.slice(...bounds(whole, mark)).trim();
}

function bounds(whole: string, mark: string): [start: number, end: number] {
  const at = whole.indexOf(mark);
  const end = whole.indexOf(END, at);
  if (at < 0 || end < 0) throw new Error(`there is no '${mark}' followed by '${END}'`);
  return [at + mark.length, end];
}
