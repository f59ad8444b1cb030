/** Our preparation of a soft reboot beside that of ostree 2026.4, run live, on a sysroot that the C ostree made. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootedRecord } from '#prepare-root/booted.ts';
import { makeComposefsSysroot, removeSysroot, type ComposefsSysroot } from './composefs-sysroot.ts';
import { inNewerOstree, newerOstree } from './newer-ostree.ts';
import { describeMounts, describeRecord, withoutSuffix } from './prepare-root-cases.ts';
import { PROJECT, runInScratch, type ProgramResult } from './scratch-initramfs.ts';

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

describe('ostree admin', () => {
  /** The first deployment, which runs; the second one, with the same kernel, is the default. */
  let both: ComposefsSysroot;
  beforeAll(() => {
    both = makeComposefsSysroot();
    const second = `export OSTREE_REPO=/work/sysroot/ostree/repo; cd /work; echo 2 > tree/usr/bin/second
      ostree commit -b os/1 tree --owner-uid=0 --owner-gid=0 --no-xattrs --generate-composefs-metadata
      ostree admin --sysroot=sysroot deploy --os=os os/1`;
    inNewerOstree(['sh', '-ec', second], { [path.dirname(both.path)]: '/work' });
  });
  afterAll(() => removeSysroot(both));

  /** With a process 1 of its own: what is mounted is to be seen by that. */
  function running(script: string): ProgramResult {
    const { dev, ino } = fs.statSync(both.path + both.deployment);
    const facts = { device: dev, inode: ino, rootTransient: 'no', sysrootReadonly: true } as const;
    const record = bootedRecord({
      ...facts,
      composefs: { verity: false, signedBy: null },
      transientEtc: null,
    });
    const inside = `mount -t proc proc /proc; mount --bind /cmdline /proc/cmdline
      OURS='/node ${PROJECT}/cli/bin/ostree admin'; ${script}`;
    const whole = `ln -s sysroot/ostree /ostree; mkdir -p /run/ostree /boot; mount --bind /sysroot/boot /boot
      echo ${Buffer.from(record).toString('base64')} | base64 -d > /run/ostree-booted; ${RUNNING}
      unshare --pid --fork sh -c "$0"; code=$?; mount -t proc proc /proc; exit $code`;
    const [run] = runInScratch({
      ...{ sysroot: both.path, usr: `${newerOstree()}/usr`, cmdline: both.argument },
      runs: [['/bin/sh', '-c', whole, inside]],
    }).runs;
    return run ?? { status: null, stdout: '', stderr: 'not run' };
  }

  /** Both list the deployments; what they say of each is to be the same. */
  const STATUS = "for each in 'ostree admin' \"$OURS\"; do $each status | grep '^[* ] os'; done";

  test('prepare-soft-reboot: the C ostree sees what is prepared, and what was taken back', () => {
    const prepare = '$OURS prepare-soft-reboot 0 && cat /run/nextroot/usr/bin/second';
    const { stdout, stderr } = running(
      `${prepare}; ${STATUS}; $OURS prepare-soft-reboot --reset; ${STATUS}; ls /run/nextroot`,
    );
    expect(stderr).toBe('');
    const lines = stdout.replaceAll(/[0-9a-f]{64}/g, 'CSUM').split('\n');
    const prepared = ['  os CSUM.0 (pending) (soft-reboot)', '* os CSUM.0'];
    const before = ['  os CSUM.0 (pending)', '* os CSUM.0'];
    expect(lines).toEqual([
      ...['composefs: mounted successfully (verity=false)', '2'],
      ...[prepared, prepared, before, before].flat(),
      '',
    ]);
  });

  test('prepare-soft-reboot refuses what the C ostree refuses', () => {
    const refused = 'for each in \'ostree admin\' "$OURS"; do $each prepare-soft-reboot $index; done';
    const change =
      'cp -a /boot /other; umount -l /boot; mount --bind /other /boot; sed -i "s/^options /&other=1 /" /boot/loader/entries/ostree-2.conf';
    const { stdout, stderr } = running(
      `for index in '' 1 2 x; do ${refused}; done; ${change}; index=0; ${refused}; ls -A /run/ostree /run/nextroot`,
    );
    const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
    expect(errors.filter((_, at) => at % 2 === 1)).toEqual(errors.filter((_, at) => at % 2 === 0));
    expect(errors).toHaveLength(10);
    expect(errors[2]).toBe('error: Cannot prepare for soft-reboot currently booted deployment 1');
    expect(errors[9]).toContain('Cannot soft-reboot to deployment with different kernel state');
    expect(stdout).not.toContain('nextroot');
  });

  test('boot-complete: what was prepared is what is booted', () => {
    const { stdout, stderr } = running(
      `$OURS prepare-soft-reboot 0 > /dev/null; cp /run/ostree/nextroot-booted /next; $OURS boot-complete
        cmp /next /run/ostree-booted; ls /run/ostree; ${STATUS}; $OURS boot-complete
        mkdir -p /boot/ostree; printf 'No space left' > /boot/ostree/finalize-failure.stamp
        $OURS boot-complete; INVOCATION_ID=x ostree admin boot-complete`,
    );
    const errors = stderr.split('\n').filter((line) => !line.startsWith('hint: '));
    const failure = 'error: ostree-finalize-staged.service failed on previous boot: No space left';
    expect(errors).toEqual([failure, '']);
    const list = ['* os CSUM.0', '  os CSUM.0 (rollback)'];
    expect(stdout.replaceAll(/[0-9a-f]{64}/g, 'CSUM').split('\n')).toEqual([...list, ...list, '']);
  });

  test.each([
    ['another one is staged', '$OURS deploy --stage os/1', '(staged)'],
    // The list is again as it was after two changes.
    ['another one becomes the default', '$OURS set-default 1 && $OURS set-default 1', null],
    ['it goes', '$OURS undeploy 0', null],
  ])('where %s, it is taken back', (_, change, mark) => {
    const { stdout, stderr } = running(
      `$OURS prepare-soft-reboot 0 > /dev/null; ${change} > /dev/null; echo "code $?"; ${STATUS}
        ls -A /run/nextroot /run/ostree; grep -c ' /run/nextroot' /proc/1/mountinfo`,
    );
    expect(stderr).toBe('');
    expect(stdout).toContain('code 0\n');
    expect(stdout).not.toContain('soft-reboot');
    expect(stdout).not.toContain('nextroot-booted');
    expect(stdout.split('\n').at(-2)).toBe('0');
    if (mark !== null) expect(stdout.split(mark)).toHaveLength(3);
  });
});
