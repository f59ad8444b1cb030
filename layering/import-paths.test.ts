import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planImport, treePathOf } from '#layering/import-paths.ts';
import type { RpmFileEntry } from '#layering/rpm-file-list.ts';
import { FILE } from '#layering/rpm-tags.ts';
import { formatTmpfiles } from '#layering/tmpfiles-lines.ts';

const FILE_MODE = 0o100644;
const DIRECTORY_MODE = 0o040755;
const LINK_MODE = 0o120777;

function entry(path: string, mode = FILE_MODE, more: Partial<RpmFileEntry> = {}): RpmFileEntry {
  const rest = { size: 0, uidName: 'root', gidName: 'root', flags: 0, digest: '', linkto: '', caps: '' };
  return { path, mode, ...rest, mtime: 0, device: 1, inode: 1, rdev: 0, color: 0, ...more };
}

test.each([
  ['/usr/bin/x', 'usr/bin/x'],
  ['/bin/sh', 'usr/bin/sh'],
  ['/lib64/libc.so.6', 'usr/lib64/libc.so.6'],
  ['/etc/x.conf', 'usr/etc/x.conf'],
  ['/boot/vmlinuz-6', 'usr/lib/ostree-boot/vmlinuz-6'],
  ['/opt/Vendor/bin/x', 'usr/lib/opt/Vendor/bin/x'],
  ['/var/lib/alternatives/awk', 'usr/lib/alternatives/awk'],
  ['/var/lib/selinux/targeted/active/x', 'usr/etc/selinux/targeted/active/x'],
  ['/var/lib/x/state', null],
  ['/run/x', null],
  ['/usr/local/bin/x', 'usr/local/bin/x'],
  ['/libexec/x', null],
])('%s lies at %s', (path, expected) => {
  expect(treePathOf(path)).toBe(expected);
});

test('what belongs to /var, /run and /opt becomes lines of tmpfiles.d', () => {
  const plan = planImport(
    [
      entry('/var/lib/my app', DIRECTORY_MODE | 0o1022, { uidName: 'app', gidName: 'app' }),
      entry('/var/lib/my app/seed', 0o100600, { uidName: 'app' }),
      entry('/var/run-link', LINK_MODE, { linkto: '../run/100%' }),
      entry('/run/app', DIRECTORY_MODE),
      entry('/run/app/pid', FILE_MODE, { flags: FILE.GHOST }),
      entry('/opt/Big Vendor', DIRECTORY_MODE),
      entry('/opt/Big Vendor/bin', DIRECTORY_MODE),
      entry('/var/lib/alternatives/awk'),
      entry('/var', DIRECTORY_MODE),
    ],
    'app-1-1.noarch',
  );
  expect(formatTmpfiles(plan.tmpfiles)).toMatchInlineSnapshot(`
    "L "/opt/Big Vendor" - - - - ../../usr/lib/opt/Big Vendor
    L /var/lib/alternatives - - - - ../../usr/lib/alternatives
    d "/var/lib/my app" 1777 app app - -
    C "/var/lib/my app/seed" 0600 app root - -
    L /var/run-link - - - - ../run/100%%
    d /run/app 0755 root root - -
    "
  `);
  expect(plan.placements[1]).toMatchObject({ factory: 'usr/share/factory/var/lib/my app/seed' });
});

test('the links that merge /usr, and empty places that every tree has, are left to the tree', () => {
  const files = [
    entry('/', DIRECTORY_MODE),
    entry('/bin', LINK_MODE, { linkto: 'usr/bin' }),
    entry('/home', DIRECTORY_MODE),
    entry('/var/lib/rpm/x'),
  ];
  expect(planImport(files, 'filesystem-1-1.noarch').placements).toEqual(files.map(() => ({ kind: 'drop' })));
});

test.each([
  ['/srv/www/x', FILE_MODE, /'\/srv\/www\/x' cannot be part of a tree/],
  ['/nix', DIRECTORY_MODE, /'\/nix' cannot be part of a tree/],
  ['/usr/dev/null', 0o020666, /'\/usr\/dev\/null' is a character device/],
  ['/usr/lib/fifo', 0o010644, /'\/usr\/lib\/fifo' is a named pipe/],
  ['/usr/../etc/passwd', FILE_MODE, /'\/usr\/\.\.\/etc\/passwd' is not an absolute path/],
  ['usr/bin/x', FILE_MODE, /is not an absolute path/],
  ['/usr//bin/x', FILE_MODE, /is not an absolute path/],
  ['/usr/./x', FILE_MODE, /is not an absolute path/],
  ['/var/lib/a\nd /etc/evil', DIRECTORY_MODE, /no line of tmpfiles.d can name it/],
  ['/opt/a\nb', FILE_MODE, /no line of tmpfiles.d can name it/],
])('%s (mode %o) is refused', (path, mode, message) => {
  expect(() => planImport([entry(path, mode)], 'p-1-1.noarch')).toThrow(message);
});

test('no path leads out of the tree', () => {
  const component = fc.constantFrom(
    'usr',
    'etc',
    'var',
    'opt',
    'boot',
    'run',
    'bin',
    '..',
    '.',
    '',
    'x',
    'local',
  );
  fc.assert(
    fc.property(fc.array(component, { minLength: 1, maxLength: 5 }), (components) => {
      const path = `/${components.join('/')}`;
      try {
        for (const placement of planImport([entry(path)], 'p').placements) {
          const places = placement.kind === 'tree' ? [placement.path] : [];
          if (placement.kind === 'tmpfiles' && placement.factory !== null) places.push(placement.factory);
          for (const place of places) expect(place).toMatch(/^usr\/([^/.][^/]*\/)*[^/.][^/]*$/);
        }
      } catch (error) {
        expect(error).toHaveProperty('code', expect.stringMatching(/^(BAD_PATH|PATH_NOT_ALLOWED)$/));
      }
    }),
  );
});

test('all that is wrong with a package is told at once', () => {
  const files = [entry('/home/joe/x'), entry('/usr/bin/x'), entry('/srv/y'), entry('/usr/share/f', 0o010644)];
  expect(() => planImport(files, 'p-1-1.noarch')).toThrow(
    /^package p-1-1.noarch: '\/home\/joe\/x' .*\npackage p-1-1.noarch: '\/srv\/y' .*\npackage p-1-1.noarch: '\/usr\/share\/f' is a named pipe/,
  );
});
