/** `admin state-overlay`, `post-copy` and `instutil selinux-ensure-labeled`, beside what the C programs do. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MERGED_USR, onBootedMachine, OURS } from './booted-machine.ts';
import { inNewerOstree, newerOstree } from './newer-ostree.ts';
import {
  commitTree,
  makeScratch,
  ourAdmin,
  removeScratch,
  run,
  snapshot,
  theirAdmin,
  writeFile,
} from './sysroot-fixture.ts';

const POLICY = '/etc/selinux/default';

let scratch: string;
/** With the deployments of two commits that have a directory /state; with a policy; the second one is the default. */
let pattern: string;
let commits: readonly string[];

/** Of the tree, as upstream's test for booted machines has them; `changed` stands for the second commit. */
const STATE: Readonly<Record<string, string>> = {
  'state/empty-file': '',
  'state/file': 'tree',
  'state/other-file': 'tree',
  'state/link': '-> empty-file',
  'state/deep/deeply/nested': 'tree',
  'state/to-delete': 'tree',
  'state/deleted-directory/x': 'tree',
  'state/opaque/base': 'tree',
};

beforeAll(() => {
  scratch = makeScratch();
  newerOstree();
  pattern = path.join(scratch, 'pattern');
  fs.mkdirSync(pattern);
  theirAdmin(pattern, ['init-fs', '--modern', pattern]);
  theirAdmin(pattern, ['os-init', 'testos']);
  commits = ['one', 'two'].map((ref) =>
    commitTree(`${pattern}/ostree/repo`, ref, {
      files: {
        ...MERGED_USR,
        ...STATE,
        [`usr/share/${ref}`]: ref,
      },
    }),
  );
  for (const ref of ['one', 'two']) theirAdmin(pattern, ['deploy', '--os=testos', '--retain', ref]);
  // Not in the tree: the C program would run semodule in the deployment.
  const selinux = `${pattern}/ostree/deploy/testos/deploy/${commits[1] ?? ''}.0/etc/selinux`;
  fs.mkdirSync(`${selinux}/default`, { recursive: true });
  run('cp', ['-r', `${POLICY}/contexts`, `${selinux}/default`]);
  fs.writeFileSync(`${selinux}/config`, 'SELINUX=enforcing\nSELINUXTYPE=default\n');
  writeFile(`${selinux}/default/policy/policy.33`, 'the C program wants one');
});
afterAll(() => {
  removeScratch(scratch);
});

function copyOfPattern(name: string): string {
  const copy = path.join(scratch, name);
  run('cp', ['-a', pattern, copy]);
  return copy;
}

describe('state-overlay', () => {
  /** The newest C program, with its own libraries. */
  const SID = '/tmp/project/build/ostree-sid';
  const NEWEST = `${SID}/lib64/ld-linux-x86-64.so.2 --library-path ${SID}/usr/lib/x86_64-linux-gnu ${SID}/usr/bin/ostree`;

  const CHANGES = `
    cd /state
    echo state > state; echo state > deep/state; echo state > deep/deeply/state; mkdir state-directory
    echo shadow > empty-file
    rm file; mkdir file
    ln -sf target other-file
    ln -sf elsewhere link
    echo shadow > deep/deeply/nested
    rm to-delete; rm -r deleted-directory
    rm -r opaque; mkdir opaque; echo state > opaque/state
    cd /`;

  function boot(sysroot: string, commit: string, script: string): string {
    const { status, stdout, stderr } = onBootedMachine(
      sysroot,
      `ostree/deploy/testos/deploy/${commit}.0`,
      script,
    );
    expect(`${String(status)} ${stderr}`).toBe('0 ');
    return stdout;
  }

  /** What the overlay shows, and what its layer holds. */
  const SHOWN = `
    cd /state; find . | sort; cat $(find . -type f | sort)
    cd /var/ostree/state-overlays/state; find . -path ./work/work -prune -o -printf '%p %y %m\\n' | sort
    getfattr --only-values -n user.ostree.deploymentcsum upper; cd /`;

  test.each([
    ['ours', 'theirs'],
    ['theirs', 'ours'],
  ])('%s mounts it, %s after an update', (firstName, secondName) => {
    const sysroot = copyOfPattern(`overlay-${firstName}`);
    const reference = copyOfPattern(`overlay-${firstName}-reference`);
    const program = (name: string): string => (name === 'ours' ? OURS : NEWEST);
    const [one = '', two = ''] = commits;
    const shownBy = (root: string, [first, second]: readonly [string, string]): string[] => [
      boot(root, one, `${first} admin state-overlay state /state; ${CHANGES}; ${SHOWN}`),
      boot(root, one, `${second} admin state-overlay state /state; ${SHOWN}`),
      boot(root, two, `${second} admin state-overlay state /state; ${SHOWN}`),
    ];
    const shown = shownBy(sysroot, [program(firstName), program(secondName)]);
    expect(shown).toEqual(shownBy(reference, [NEWEST, NEWEST]));
    const [changed, again, updated] = shown;
    expect(again).toBe(changed);
    expect(changed).toContain('shadow');
    expect(updated).not.toContain('shadow');
    expect(updated).toContain('./opaque/base');
    expect(updated).toContain('./deep/deeply/state');
    expect(updated?.endsWith(two)).toBe(true);
  });

  test('what cannot be is refused, and nothing is made', () => {
    const sysroot = copyOfPattern('overlay-refused');
    const said = boot(
      sysroot,
      commits[0] ?? '',
      `for arguments in "../x /state" "x /nowhere"; do ${OURS} admin state-overlay $arguments 2>&1 | head -n 1; done
       test ! -e /var/ostree`,
    );
    expect(said).toMatch(/^error: '\.\.\/x' cannot name a state overlay.*\nerror: .*\/nowhere.*\n$/);
  });
});

describe('post-copy', () => {
  let inMemory: string;
  beforeAll(() => {
    // There no kernel has fs-verity.
    inMemory = makeScratch('/dev/shm');
  });
  afterAll(() => {
    removeScratch(inMemory);
  });

  test.each([
    ['no', ''],
    ['maybe', ''],
    ['true', 'fsverity required but filesystem does not support it'],
  ])('fsverity=%s as the newest C program', async (wish, message) => {
    const sysroot = path.join(inMemory, wish);
    run('cp', ['-a', pattern, sysroot]);
    run('/usr/bin/ostree', [`--repo=${sysroot}/ostree/repo`, 'config', 'set', 'ex-integrity.fsverity', wish]);
    const theirs = attempt(() =>
      inNewerOstree(['ostree', 'admin', 'post-copy', '--sysroot=/sysroot'], { [sysroot]: '/sysroot' }),
    );
    const ours = await ourAdmin(sysroot, ['post-copy']).then(
      () => '',
      (error: unknown) => String(error),
    );
    expect(theirs.includes(message)).toBe(true);
    expect(ours.includes(message)).toBe(true);
    expect([theirs === '', ours === '']).toEqual([message === '', message === '']);
  });
});

describe('selinux-ensure-labeled', () => {
  test.each([
    ['var', 'var/log/x'],
    ['', 'etc/passwd'],
    ['home', 'someone/.ssh/authorized_keys'],
  ])('labels a directory that stands for /%s as the C program', async (prefix, file) => {
    const directories = ['ours', 'theirs'].map((name) => path.join(scratch, `labels-${name}-${prefix}`));
    for (const directory of directories) {
      fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
      fs.writeFileSync(path.join(directory, file), 'x');
      fs.symlinkSync('x', path.join(directory, 'link'));
      fs.writeFileSync(path.join(directory, 'labelled'), 'x');
      run('setfattr', ['-n', 'security.selinux', '-v', 'its_own_label', path.join(directory, 'labelled')]);
      run('mkfifo', [path.join(directory, 'pipe')]);
    }
    const [ours = '', theirs = ''] = directories;
    const verb = ['instutil', 'selinux-ensure-labeled'];
    const said = await ourAdmin(pattern, [...verb, ours, prefix]);
    const theySaid = theirAdmin(pattern, [...verb, theirs, prefix]);
    const lines = (text: string): string[] => text.replaceAll('//', '/').split('\n').sort();
    expect(lines(said)).toEqual(lines(theySaid.replaceAll(theirs, ours)));
    expect(labelsBelow(ours)).toEqual(labelsBelow(theirs));
    expect(labelsBelow(ours).filter((line) => line.includes('its_own_label'))).toHaveLength(1);
    expect(labelsBelow(ours).length).toBeGreaterThan(4);
  });

  test('the objects of the repository are not written to', async () => {
    const sysroot = copyOfPattern('labels-deployment');
    run('chattr', ['-i', ...fs.globSync(`${sysroot}/ostree/deploy/testos/deploy/*.0`)]);
    await ourAdmin(sysroot, ['instutil', 'selinux-ensure-labeled']);
    run('/usr/bin/ostree', [`--repo=${sysroot}/ostree/repo`, 'fsck', '--quiet']);
    const labelled = labelsBelow(`${sysroot}/ostree/deploy/testos/deploy/${commits[1] ?? ''}.0`);
    expect(labelled.some((line) => line.includes('etc/a.conf') && line.includes('etc_t'))).toBe(true);
    expect(labelled.some((line) => line.includes('usr/bin/tool'))).toBe(false);
  });

  test('a deployment without a policy is told', async () => {
    const sysroot = copyOfPattern('labels-none');
    for (const file of fs.globSync(`${sysroot}/ostree/deploy/testos/deploy/*.0/etc/selinux/config`))
      fs.rmSync(file);
    const before = snapshot(sysroot, ['ostree/deploy']);
    const verb = ['instutil', 'selinux-ensure-labeled'];
    expect(await ourAdmin(sysroot, verb)).toBe(theirAdmin(sysroot, verb));
    expect(snapshot(sysroot, ['ostree/deploy'])).toEqual(before);
  });
});

function attempt(action: () => unknown): string {
  try {
    action();
    return '';
  } catch (error) {
    return String(error);
  }
}

function labelsBelow(directory: string): string[] {
  const dump = run('getfattr', ['-R', '-h', '-d', '-m', 'security.selinux', '--absolute-names', directory]);
  return dump.replaceAll(`${directory}`, '').split('\n\n').sort();
}
