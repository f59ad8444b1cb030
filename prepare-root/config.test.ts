import { describe, expect, test } from '#test/both-engines.ts';
import { rootConfig } from '#prepare-root/config.ts';

const NOTHING_SET = {
  sysrootReadonly: false,
  etcTransient: false,
  rootTransient: 'no',
  composefs: 'no',
  verity: false,
  signed: false,
  keyFile: null,
  mountVar: false,
  fallback: false,
};
const file = (text: string): { path: string; text: string } => ({ path: '/etc/x.conf', text });

describe('prepare-root.conf', () => {
  test('no file', () => {
    expect(rootConfig([], '')).toEqual(NOTHING_SET);
  });

  test('a later file overrides key by key', () => {
    const first = file('[sysroot]\nreadonly=true\n[etc]\ntransient=true\n');
    const second = file('[sysroot]\nreadonly=false\n[yum-ostree]\nmount-var=1\n');
    expect(rootConfig([first, second], '')).toEqual({ ...NOTHING_SET, etcTransient: true, mountVar: true });
  });

  test('the physical root is read-only by default where composefs is sure', () => {
    const readonly = (text: string, cmdline = ''): boolean =>
      rootConfig([file(text)], cmdline).sysrootReadonly;
    expect(readonly('[composefs]\nenabled=yes')).toBe(true);
    expect(readonly('[composefs]\nenabled=maybe')).toBe(false);
    expect(readonly('[composefs]\nenabled=verity\n[sysroot]\nreadonly=false')).toBe(false);
    expect(readonly('', 'ostree.prepare-root.composefs=yes')).toBe(true);
    expect(readonly('[composefs]\nenabled=yes', 'ostree.prepare-root.composefs=0')).toBe(false);
  });

  test('keys are loaded where the file says signed, whatever the kernel argument says', () => {
    const keys = (text: string, cmdline = ''): string | null => rootConfig([file(text)], cmdline).keyFile;
    expect(keys('[composefs]\nenabled=signed')).toBe('/etc/ostree/initramfs-root-binding.key');
    expect(keys('[composefs]\nenabled=signed\nkeypath=/k', 'ostree.prepare-root.composefs=no')).toBe('/k');
    expect(keys('[composefs]\nkeypath=/k', 'ostree.prepare-root.composefs=signed')).toBe(null);
  });

  test.for([
    ['', 'yes', 'yes', false, false],
    ['', 'verity', 'yes', true, false],
    ['', 'signed', 'yes', true, true],
    ['', '0', 'no', false, false],
    ['no', 'signed', 'no', true, false],
    ['yes', 'verity', 'yes', true, false],
    ['maybe', 'signed', 'maybe', true, false],
    ['signed', 'no', 'yes', true, true],
    ['1 ostree.prepare-root.composefs=0', 'no', 'yes', false, false],
  ] as const)('composefs: argument %j over %s', ([argument, value, composefs, verity, signed]) => {
    const cmdline = argument === '' ? '' : `ostree.prepare-root.composefs=${argument}`;
    const config = rootConfig([file(`[composefs]\nenabled=${value}\n`)], cmdline);
    expect(config).toMatchObject({ composefs, verity, signed });
  });

  test.for([
    ['', '', false],
    ['', 'true', true],
    ['ostree.prepare-root.fallback=1', 'false', true],
    ['ostree.prepare-root.fallback=0', 'true', false],
  ] as const)('fallback: %j over %j', ([cmdline, value, fallback]) => {
    const text = value === '' ? '' : `[yum-ostree]\nfallback=${value}\n`;
    expect(rootConfig([file(text)], cmdline).fallback).toBe(fallback);
  });

  test.for([
    ['', 'ostree.prepare-root.fallback=maybe', 'ostree.prepare-root.fallback=maybe is neither 1 nor 0'],
    ['[sysroot]\nreadonly=perhaps', '', 'Failed to parse sysroot.readonly value: [sysroot] readonly=perhaps'],
    ['x', '', 'Failed to parse config: /etc/x.conf:1:'],
    ['[composefs]\nenabled=constructor', '', 'Invalid tri-state value: constructor'],
    ['[composefs]\nenabled=x', 'ostree.prepare-root.composefs=no', 'Invalid tri-state value: x'],
    ['', 'ostree.prepare-root.composefs=verity', 'Invalid tri-state value: verity'],
    ['[root]\ntransient=1\ntransient-ro=1', '', 'Cannot set both root.transient and root.transient-ro'],
  ] as const)('refused: %j %j', ([text, cmdline, message]) => {
    expect(() => rootConfig([file(text)], cmdline)).toThrow(message);
  });
});
