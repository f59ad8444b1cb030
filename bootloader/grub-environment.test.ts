import {
  emptyEnvironment,
  environmentFault,
  environmentValue,
  repairedEnvironment,
  withEnvironment,
} from '#bootloader/grub-environment.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import { expect, test } from '#test/both-engines.ts';

function text(block: Uint8Array): string {
  return [...block].map((byte) => String.fromCharCode(byte)).join('');
}

/** A block of 1024 bytes that starts with a text. */
function block(start: string, padding = '#'): Uint8Array {
  return utf8Bytes(start.padEnd(1024, padding));
}

const SAVED = '# GRUB Environment Block\n# made by hand\nsaved_entry=a\\\\b\\\nc=d\nempty=\n';

test('variables are read, with their escapes', () => {
  expect(environmentValue(block(SAVED), 'saved_entry')).toBe('a\\b\nc=d');
  expect(environmentValue(block(SAVED), 'empty')).toBe('');
  expect(environmentValue(block(SAVED), 'c')).toBeNull();
});

test('a change leaves every other byte', () => {
  const changed = withEnvironment(block(SAVED), { empty: 'x', added: 'y\\\n' });
  expect(text(changed)).toBe(`${SAVED.replace('empty=', 'empty=x')}added=y\\\\\\\n\n`.padEnd(1024, '#'));
  expect(environmentValue(changed, 'added')).toBe('y\\\n');
  expect(withEnvironment(changed, { empty: null, added: null })).toEqual(
    block(SAVED.replace('empty=\n', '')),
  );
  expect(withEnvironment(block(SAVED), { missing: null })).toEqual(block(SAVED));
});

test('a new block', () => {
  expect(text(emptyEnvironment())).toBe('# GRUB Environment Block\n'.padEnd(1024, '#'));
  expect(environmentFault(emptyEnvironment())).toBeNull();
});

test.each([
  [new Uint8Array(1024), 'it is all zeros'],
  [new Uint8Array(0), "it does not start with '# GRUB Environment Block'"],
  [block('#!/bin/sh'), "it does not start with '# GRUB Environment Block'"],
  [block(SAVED).slice(0, 512), 'it has 512 bytes, not 1024'],
])('no block: %#', (bytes, fault) => {
  expect(environmentFault(bytes)).toBe(fault);
  expect(() => withEnvironment(bytes, { a: 'b' })).toThrow(fault);
});

test('a full block is an error, and stays as it was', () => {
  expect(() => withEnvironment(emptyEnvironment(), { a: 'b'.repeat(1000) })).toThrow('bytes');
});

test('what still reads as variables is saved from a damaged block', () => {
  const torn = block(`${SAVED.slice(4, 50)}\nb=1\n\0\0\0\0x=2\n9 lives=no\nlast`, '\0');
  const { block: repaired, kept } = repairedEnvironment(torn);
  expect(kept).toBe(1);
  expect(text(repaired)).toBe('# GRUB Environment Block\nb=1\n'.padEnd(1024, '#'));
  const large = utf8Bytes(`# GRUB Environment Block\n${'a=b\n'.repeat(500)}`);
  expect(environmentFault(repairedEnvironment(large).block)).toBeNull();
});
