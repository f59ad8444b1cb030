/** dist/yum-ostree by the names of the boot programs and of the client: as the sources under these names. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootedRecord } from '#prepare-root/booted.ts';
import { builtPrograms } from '#test/fixtures/built-programs.ts';
import { describeMounts, withoutSuffix } from './prepare-root-cases.ts';
import { PROJECT, runInScratch, type ScratchResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';
import { commitTree, makeScratch, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

let executable: string;
let sysroot: string;
beforeAll(() => {
  executable = `${builtPrograms('x86-64')}/yum-ostree`;
  sysroot = makeSyntheticSysroot({ legacyReadonly: true });
});
afterAll(() => fs.rmSync(sysroot, { recursive: true }));

type Kind = 'built' | 'source';

/** `script` where $P is the program by that name, after `setup`; nothing else of ours is in PATH. */
function called(kind: Kind, name: string, setup: string, script: string, cmdline = OSTREE_ARGUMENT) {
  const [target, program] =
    kind === 'built' ? [executable, `/names/${name}`] : [`${PROJECT}/cli/main.ts`, `/node /names/${name}`];
  const whole = `cd /; mkdir names; ln -s ${target} /names/${name}; P='${program}'; ${setup}; ${script}`;
  const runs = [['/bin/sh', '-c', whole]];
  return comparable(runInScratch({ sysroot, cmdline, runs }));
}

function comparable({ runs, mountinfo, booted, leftovers }: ScratchResult) {
  return {
    ...{ status: runs[0]?.status, stdout: runs[0]?.stdout, stderr: runs[0]?.stderr },
    mounts: describeMounts(mountinfo, '/', sysroot),
    booted,
    leftovers: leftovers.map(withoutSuffix),
  };
}

const GENERATED =
  "$P out early late; code=$?; find out early late -printf '%y %p %l\\n' -type f -exec cat {} ';'";
const PLACES = 'for d in sysroot etc var; do mount --rbind $d $d; mount -o remount,bind,ro $d; done';

const RECORD = bootedRecord({
  ...{ device: 1, inode: 2, rootTransient: 'no', composefs: null, sysrootReadonly: true, transientEtc: null },
});
const octal = [...RECORD].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

interface Case {
  readonly what: string;
  readonly name: string;
  readonly setup?: string;
  readonly script: string;
  readonly cmdline?: string;
  readonly status: number;
  /** Shows that it did its work: in the output, or a mount. */
  readonly shows: string;
}

const CASES: readonly Case[] = [
  {
    ...{ what: 'mounts the deployment', name: 'ostree-prepare-root', script: '$P /sysroot' },
    ...{ status: 0, shows: '/sysroot/usr /ostree/deploy/os/deploy/aaaa.0/usr ro' },
  },
  {
    ...{ what: 'tells what is there', name: 'ostree-prepare-root', script: '$P /sysroot' },
    ...{ cmdline: 'ostree=/ostree/boot.0/os/x/0', status: 1, shows: "Couldn't find specified OSTree root" },
  },
  {
    ...{ what: 'writes units', name: 'ostree-system-generator', script: `${GENERATED}; exit $code` },
    ...{ setup: 'mkdir -p out early late run/ostree boot etc', status: 0, shows: 'Where=/var' },
  },
  {
    ...{ what: 'says how it is called', name: 'ostree-system-generator', script: '$P' },
    ...{ status: 1, shows: 'usage: ostree-system-generator' },
  },
  {
    ...{ what: 'makes /etc and /var writable', name: 'ostree-remount', script: '$P' },
    setup: `mkdir -p var; ${PLACES}; printf '${octal}' > /run/ostree-booted`,
    ...{ status: 0, shows: 'Remounted rw: /etc\\nRemounted rw: /var\\n' },
  },
  {
    ...{ what: 'refuses a record that is damaged', name: 'ostree-remount', script: '$P' },
    ...{ setup: 'printf x > /run/ostree-booted', status: 1, shows: 'ostree-remount: ' },
  },
];

describe('as the sources', () => {
  test.each(CASES)('$name $what', ({ name, setup = 'true', script, cmdline, status, shows }) => {
    const built = called('built', name, setup, script, cmdline);
    expect(built.status).toBe(status);
    expect(JSON.stringify(built)).toContain(shows);
    expect(built).toEqual(called('source', name, setup, script, cmdline));
  });
});

describe('rpm-ostree: the verbs of the client', () => {
  let folder: string;
  beforeAll(() => {
    folder = makeScratch();
    fs.symlinkSync(executable, `${folder}/rpm-ostree`);
    fs.mkdirSync(`${folder}/source`);
    fs.symlinkSync(`${PROJECT}/cli/main.ts`, `${folder}/source/rpm-ostree`);
    const theirs = `${folder}/sysroot`;
    fs.mkdirSync(theirs);
    run('ostree', ['admin', 'init-fs', '--modern', theirs]);
    theirAdmin(theirs, ['os-init', 'os']);
    commitTree(`${theirs}/ostree/repo`, 'os/tree');
    theirAdmin(theirs, ['deploy', '--os=os', 'os/tree']);
  });
  afterAll(() => removeScratch(folder));

  test.each([
    ['--version', 0, 'yum-ostree '],
    ['status --json', 0, '"osname": "os"'],
    ['install', 1, 'error: '],
    ['no-such-verb', 1, "Unknown command 'no-such-verb'"],
  ])('%s', (words, status, shows) => {
    const args =
      words === 'status --json' ? ['status', '--json', `--sysroot=${folder}/sysroot`] : words.split(' ');
    const { stdout, stderr, ...built } = spawnSync(`${folder}/rpm-ostree`, args, { encoding: 'utf8' });
    expect(stdout + stderr).toContain(shows);
    expect(built.status).toBe(status);
    for (const [program, ...before] of [[executable], [process.execPath, `${folder}/source/rpm-ostree`]]) {
      const same = spawnSync(program ?? '', [...before, ...args], { encoding: 'utf8' });
      // By its own name it tells wrong usage from other failures, as rpm-ostree does not.
      const expected = program === executable && status === 1 ? 2 : status;
      expect([same.status, same.stdout, same.stderr]).toEqual([expected, stdout, stderr]);
    }
  });
});
