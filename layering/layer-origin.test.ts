import { expect, test } from 'vitest';
import { isPureOrigin, readLayerOrigin, writeLayerOrigin } from '#layering/layer-origin.ts';
import { formatKeyFile, parseKeyFile } from '#ostree/format/keyfile.ts';

const PURE = parseKeyFile('[origin]\nrefspec=fedostree/base/minimal\n\n[vendor]\nx=1\n', 'origin');

test('layering and its undoing keep what others wrote and end in the same text', () => {
  const base = readLayerOrigin(PURE);
  expect(isPureOrigin(base)).toBe(true);
  const layered = writeLayerOrigin(
    PURE,
    { ...base, requested: ['strace', '/usr/bin/gdb'], groups: ['tracing'], removals: ['nano'] },
    'fedostree/base/minimal+@tracing+gdb+strace-nano',
  );
  expect(formatKeyFile(layered)).toMatchInlineSnapshot(`
    "[origin]
    baserefspec=fedostree/base/minimal

    [vendor]
    x=1

    [packages]
    requested=/usr/bin/gdb;strace;

    [overrides]
    remove=nano;

    [yum-ostree]
    groups=tracing;
    removals=nano;
    tree-name=fedostree/base/minimal+@tracing+gdb+strace-nano
    "
  `);
  const read = readLayerOrigin(layered);
  expect(read).toMatchObject({ groups: ['tracing'], removals: ['nano'], weakDependencies: true });
  const undone = writeLayerOrigin(
    layered,
    { ...read, requested: [], groups: [], removals: [] },
    'fedostree/base/minimal',
  );
  expect(formatKeyFile(undone).trimEnd()).toBe('[origin]\nrefspec=fedostree/base/minimal\n\n[vendor]\nx=1');
});

test('a removal that rpm-ostree took back is taken back', () => {
  const file = parseKeyFile('[origin]\nbaserefspec=b\n[yum-ostree]\nremovals=nano;\n', 'origin');
  expect(readLayerOrigin(file).removals).toEqual([]);
});

test('replacements are read and written as rpm-ostree has them', () => {
  const text =
    `[origin]\nbaserefspec=b\n\n[overrides]\nreplace-local=${'a'.repeat(64)}:nano-2-1.x86_64;\n` +
    'replace=repo=bar,kernel,kernel-core;repo=foo,systemd;\n\n[yum-ostree]\ntree-name=b\n';
  const file = parseKeyFile(text, 'origin');
  const origin = readLayerOrigin(file);
  expect(origin.replaceRemote).toEqual(['repo=bar,kernel', 'repo=bar,kernel-core', 'repo=foo,systemd']);
  expect(formatKeyFile(writeLayerOrigin(file, origin, 'b'))).toBe(text);
  const bad = parseKeyFile('[origin]\nbaserefspec=b\n[overrides]\nreplace=koji=1,x;\n', 'origin');
  expect(() => readLayerOrigin(bad)).toThrow(expect.objectContaining({ code: 'BAD_ORIGIN' }) as Error);
});

test('the transient group does not survive', () => {
  const file = parseKeyFile('[origin]\nrefspec=b\n[libostree-transient]\npinned=true\n', 'origin');
  expect(formatKeyFile(writeLayerOrigin(file, readLayerOrigin(file), 'b'))).not.toContain('pinned');
});

test.each([
  ['[origin]\n', /names neither refspec nor baserefspec/],
  ['[origin]\ncontainer-image-reference=x\n', /comes from the container image x/],
  ['[origin]\nrefspec=../../x\n', /'..\/..\/x' is not a valid ref name/],
  ['[origin]\nbaserefspec=a b\n', /'a b' is not a valid ref name/],
  ['[origin]\nrefspec=re/mote:a\n', /'re\/mote:a' names a malformed remote/],
  ['[origin]\nrefspec=a\nbaserefspec=b\n', /both refspec=a and baserefspec=b/],
])('%j has no base', (text, message) => {
  const read = () => readLayerOrigin(parseKeyFile(text, 'origin'));
  expect(read).toThrow(message);
  expect(read).toThrow(expect.objectContaining({ code: 'BAD_ORIGIN' }));
});

test.each(['fedora:fedora/40/x86_64/silverblue', 'a', 'f'.repeat(64)])('%s is a base', (base) => {
  expect(readLayerOrigin(parseKeyFile(`[origin]\nrefspec=${base}\n`, 'origin')).base).toBe(base);
});
