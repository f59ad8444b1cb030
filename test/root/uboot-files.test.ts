/** extlinux.conf and boot.scr of a deployed system; the image of the script as the real mkimage reads it. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitTree, makeScratch, ourAdmin, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

let scratch: string;
let root: string;
beforeAll(async () => {
  scratch = makeScratch();
  root = path.join(scratch, 'root');
  fs.mkdirSync(path.join(root, 'boot/extlinux'), { recursive: true });
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
  for (const name of ['one', 'two'])
    commitTree(`${root}/ostree/repo`, `os/${name}`, { version: name, kernel: name });
  const repo = `--repo=${root}/ostree/repo`;
  run('/usr/bin/ostree', [repo, 'config', 'set', 'yum-ostree.devicetree-overlays', 'vendor/other.dtb']);
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one']);
});
afterAll(() => {
  removeScratch(scratch);
});

test('nothing of them is written where nobody asks', () => {
  expect(fs.readdirSync(path.join(root, 'boot/loader/')).sort()).toEqual(['entries']);
});

test('with links they come with each change of the list, and go with its rename', async () => {
  const foreign = 'TIMEOUT 5\nLABEL rescue\n\tKERNEL /rescue\n';
  fs.writeFileSync(path.join(root, 'boot/loader/extlinux.conf'), foreign);
  fs.symlinkSync('../loader/extlinux.conf', path.join(root, 'boot/extlinux/extlinux.conf'));
  fs.symlinkSync('loader/boot.scr', path.join(root, 'boot/boot.scr'));
  await ourAdmin(root, ['deploy', '--os=testos', '--karg=console=ttyAMA0', 'os/two']);
  const text = fs.readFileSync(path.join(root, 'boot/extlinux/extlinux.conf'), 'utf8');
  expect(text).toContain(foreign);
  const files = [...text.matchAll(/^\t(?:linux|initrd|fdtdir|fdtoverlays) (\S+)$/gm)].map(
    ([, file]) => file ?? '',
  );
  expect(files).toHaveLength(8);
  for (const file of files) expect(fs.existsSync(path.join(root, file)), file).toBe(true);
  const kernel = /^\tlinux (\S+)$/m.exec(text)?.[1] ?? '';
  expect(fs.readFileSync(path.join(root, kernel), 'utf8')).toBe('two');
  expect(theirAdmin(root, ['status'])).toBe(await ourAdmin(root, ['status']));
});

test('mkimage finds the script whole, and its text is ours', () => {
  const image = path.join(root, 'boot/boot.scr');
  const listed = run('mkimage', ['-l', image]);
  expect(listed).toMatch(/Image Name: +ostree\n/);
  expect(listed).toMatch(/Image Type: +ARM Linux Script \(uncompressed\)\n/);
  const text = fs.readFileSync(image).subarray(72).toString();
  fs.writeFileSync(path.join(scratch, 'script'), text);
  const theirs = path.join(scratch, 'theirs.scr');
  const args = ['-A', 'arm', '-O', 'linux', '-T', 'script', '-C', 'none', '-n', 'ostree'];
  run('mkimage', [...args, '-d', path.join(scratch, 'script'), theirs], { SOURCE_DATE_EPOCH: '0' });
  expect(fs.readFileSync(image).equals(fs.readFileSync(theirs))).toBe(true);
  // A damaged one is not one for it.
  const damaged = fs.readFileSync(image);
  damaged.writeUInt8(damaged.readUInt8(20) ^ 1, 20);
  fs.writeFileSync(theirs, damaged);
  expect(run('mkimage', ['-l', theirs])).not.toContain('Linux Script');
});

test("somebody else's boot.scr stays; an overlay outside is refused", async () => {
  fs.unlinkSync(path.join(root, 'boot/boot.scr'));
  fs.writeFileSync(path.join(root, 'boot/boot.scr'), 'mine');
  await ourAdmin(root, ['deploy', '--os=testos', '--karg=again', 'os/two']);
  expect(fs.readFileSync(path.join(root, 'boot/boot.scr'), 'utf8')).toBe('mine');
  expect(fs.existsSync(path.join(root, 'boot/loader/boot.scr'))).toBe(false);
  const repo = `--repo=${root}/ostree/repo`;
  run('/usr/bin/ostree', [repo, 'config', 'set', 'yum-ostree.devicetree-overlays', '../../etc/passwd']);
  await expect(ourAdmin(root, ['deploy', '--os=testos', 'os/one'])).rejects.toThrow(
    "has the name '../../etc/passwd'",
  );
});
