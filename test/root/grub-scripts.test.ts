/** What we write for GRUB is a script for the real GRUB (grub-script-check); and a menu that shows all twice is told. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fsckBoot, fsckText } from '#bootloader/fsck-boot.ts';
import { loadSyscalls } from '#native/load.ts';
import { commitTree, makeScratch, ourAdmin, removeScratch, run } from './sysroot-fixture.ts';

let scratch: string;
let root: string;
beforeAll(async () => {
  scratch = makeScratch();
  root = path.join(scratch, 'root');
  fs.mkdirSync(path.join(root, 'boot/grub2'), { recursive: true });
  fs.symlinkSync('../loader/grub.cfg', path.join(root, 'boot/grub2/grub.cfg'));
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
  const release = `NAME=x\nID=x\nPRETTY_NAME="It's {a} \\$x \\"OS\\" ; # é"\n`;
  commitTree(`${root}/ostree/repo`, 'os/one', { files: { 'usr/lib/os-release': release } });
  for (const word of ['first=1', 'second=2'])
    await ourAdmin(root, ['deploy', '--os=testos', `--karg=${word}`, '--retain', 'os/one']);
});
afterAll(() => {
  removeScratch(scratch);
});

function checked(): string {
  let text = '';
  fsckBoot({ sys: loadSyscalls(), env: {}, path: root }, false, (report) => (text = fsckText(report)));
  return text;
}

test('our grub.cfg is a script for GRUB, whatever the system is called', () => {
  const file = path.join(root, 'boot/loader/grub.cfg');
  run('grub-script-check', [file]);
  expect(fs.readFileSync(file, 'utf8').match(/^menuentry /gm)).toHaveLength(2);
  const broken = path.join(scratch, 'broken.cfg');
  fs.writeFileSync(broken, fs.readFileSync(file, 'utf8').replace("'\\''", "'"));
  expect(() => run('grub-script-check', [broken])).toThrow('grub-script-check');
});

test('the snippet of the documentation for a static grub.cfg is one', () => {
  const page = fs.readFileSync(path.join(import.meta.dirname, '../../docs/boot-loaders.md'), 'utf8');
  const snippet = /^```\n(search --no-floppy[^`]*)^```$/m.exec(page)?.[1] ?? '';
  expect(snippet).toContain('configfile /boot/loader/grub.cfg');
  const file = path.join(scratch, 'snippet.cfg');
  fs.writeFileSync(file, snippet);
  run('grub-script-check', [file]);
});

test('fsck-boot warns of a menu that shows each deployment twice', () => {
  expect(checked()).toBe('');
  const file = path.join(root, 'boot/grub2/grub.cfg');
  const text = fs.readFileSync(file, 'utf8');
  fs.unlinkSync(file);
  fs.writeFileSync(file, `insmod blscfg\nblscfg\n${text}`);
  expect(checked()).toContain('/boot/grub2/grub.cfg shows each deployment twice');
});

test('fsck-boot warns of it beforehand, where the default deployment has what makes it so', () => {
  const file = path.join(root, 'boot/grub2/grub.cfg');
  fs.writeFileSync(file, 'insmod blscfg\nblscfg\n');
  expect(checked()).toBe('');
  const [tree = ''] = fs.globSync(`${root}/ostree/deploy/testos/deploy/*.1`);
  fs.mkdirSync(`${tree}/etc/grub.d`, { recursive: true });
  fs.mkdirSync(`${tree}/etc/default`, { recursive: true });
  fs.writeFileSync(`${tree}/etc/grub.d/15_ostree`, '#!/bin/sh\n', { mode: 0o755 });
  expect(checked()).toContain('the next grub2-mkconfig adds each deployment once more');
  fs.writeFileSync(`${tree}/etc/default/grub`, 'GRUB_ENABLE_BLSCFG=true\n');
  fs.writeFileSync(`${root}/boot/grub2/.grub2-blscfg-supported`, '');
  expect(checked()).toBe('');
  fs.rmSync(`${root}/boot/grub2/.grub2-blscfg-supported`);
  fs.chmodSync(`${tree}/etc/grub.d/15_ostree`, 0o644);
  expect(checked()).toBe('');
});
