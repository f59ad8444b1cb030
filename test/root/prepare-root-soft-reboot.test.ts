/** Our preparation of a soft reboot beside that of ostree 2026.4, run live, on a sysroot that the C ostree made. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeComposefsSysroot, removeSysroot, type ComposefsSysroot } from './composefs-sysroot.ts';
import { newerOstree } from './newer-ostree.ts';
import { describeMounts, describeRecord, withoutSuffix } from './prepare-root-cases.ts';
import { PROJECT, runInScratch } from './scratch-initramfs.ts';

const OURS = `/node ${PROJECT}/test/root/soft-reboot-program.ts`;
const C_PROGRAM = 'ostree admin impl-prepare-soft-reboot';

let sysroot: ComposefsSysroot;
beforeAll(() => {
  sysroot = makeComposefsSysroot();
});
afterAll(() => removeSysroot(sysroot));

interface Prepared {
  readonly status: number | null;
  /** The first line. */
  readonly error: string;
  readonly mounts: readonly string[];
  readonly record: readonly string[] | null;
  /** Type and mode, and path, of what is in `/run/ostree`. */
  readonly files: readonly string[];
}

/** As systemd leaves them: all is shared, and `/sysroot` read-only. */
const RUNNING = `mount -o remount,bind,ro /sysroot; mkdir -p /run/ostree; mkdir -m 0 /run/ostree/.private
  [ -e /run/ostree-booted ] || > /run/ostree-booted`;

/** @param config of the deployment; @param script with the deployment in $D, its directory being the working one */
function prepared(config: string, script: string): Prepared {
  const file = `${sysroot.path}${sysroot.deployment}/etc/ostree/prepare-root.conf`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `[composefs]\nenabled=yes\n${config}`);
  const whole = `${RUNNING}; D=/sysroot${sysroot.deployment}; cd $D; ${script}; code=$?
    base64 -w0 /run/ostree/nextroot-booted 2> /dev/null; exit $code`;
  const usr = `${newerOstree()}/usr`;
  const request = { sysroot: sysroot.path, usr, cmdline: sysroot.argument, runs: [['/bin/sh', '-c', whole]] };
  const { runs, mountinfo, leftovers } = runInScratch(request);
  const [run] = runs;
  const record = /[A-Za-z0-9+/=]{20,}$/.exec(run?.stdout ?? '')?.[0];
  return {
    status: run?.status ?? null,
    error: run?.stderr.split('\n')[0] ?? '',
    mounts: describeMounts(mountinfo, '/', sysroot.path).filter((line) => /^\/(sysroot|run)/.test(line)),
    record: record === undefined ? null : describeRecord(Buffer.from(record, 'base64').toString('hex')),
    files: leftovers.map(withoutSuffix).filter((line) => line.includes('/run/ostree')),
  };
}

describe('as ostree 2026.4', () => {
  test.for([
    ['composefs', ''],
    ['etc.transient', '[etc]\ntransient=true\n'],
    ['root.transient', '[root]\ntransient=true\n'],
    ['root.transient-ro', '[root]\ntransient-ro=true\n[etc]\ntransient=true\n'],
    ['verity', '[composefs]\nenabled=verity\n'],
    ['no composefs', '[composefs]\nenabled=no\n'],
    ['composefs that may be', '[composefs]\nenabled=maybe\n'],
  ] as const)('%s', ([, config]) => {
    const theirs = prepared(config, C_PROGRAM);
    expect(withoutFolder(prepared(config, `${OURS} $D`))).toEqual(theirs);
  });
});

/** The changes of the root that runs are in `root`: the next one starts with none. */
function withoutFolder(outcome: Prepared): Prepared {
  const without = (line: string): string => line.replaceAll(/\/root\.[0-9a-f]{6}/g, '/root');
  return { ...outcome, mounts: outcome.mounts.map(without), files: outcome.files.map(without) };
}

const NOTHING = { mounts: ['/run / rw shared', '/sysroot / ro shared'], record: null };

describe('what was prepared', () => {
  test('is replaced by what is prepared next', () => {
    const once = prepared('', `${OURS} $D`);
    expect(prepared('', `${OURS} $D && ${OURS} $D`)).toEqual(once);
    expect(once.mounts).toContain('/run/nextroot/sysroot / ro shared');
  });

  test('is taken back, once and again', () => {
    const reset = prepared('', `${OURS} $D && ${OURS} --reset && ${OURS} --reset`);
    expect(reset).toMatchObject({ status: 0, error: '', ...NOTHING });
  });
});

describe('a failure leaves nothing prepared', () => {
  test.for([
    [
      'at the image',
      '> /run/nextroot',
      'Failed to mount composefs: composefs: failed to mount: Not a directory',
      '',
    ],
    [
      'at the last step',
      'mkdir /run/ostree/nextroot-booted.new',
      'Failed to write /run/ostree/nextroot-booted',
      '',
    ],
    [
      'a system that is not booted',
      'rm /run/ostree-booted',
      'Not currently booted into an OSTree system',
      '',
    ],
    [
      'a configuration that is none',
      'true',
      'Failed to parse config: /sysroot/ostree/deploy/os/deploy/',
      'x\n',
    ],
    [
      'no key',
      'true',
      "Parsing rootfs config: Reading public key file '/etc/ostree/",
      '[composefs]\nenabled=signed\n',
    ],
  ] as const)('%s', ([, before, message, config]) => {
    const failed = prepared(config, `${before}; ${OURS} $D`);
    expect(failed).toMatchObject({ status: 1, ...NOTHING });
    expect(failed.error).toContain(`error: ${message}`);
  });
});
