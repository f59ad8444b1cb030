/** Damage, full disks and interruptions: one clear line, and nothing lost. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commitDirectory } from '#ostree/repo/commit.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import { closeRepo, openRepo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';
import { makeScratch, ok, ours, removeScratch, sys, theirs, TIME } from './repo-fixture.ts';

let scratch = '';
let repo = '';
let tree = '';

beforeEach(async () => {
  scratch = makeScratch();
  repo = path.join(scratch, 'repo');
  tree = path.join(scratch, 'tree');
  fs.mkdirSync(path.join(tree, 'dir'), { recursive: true });
  fs.writeFileSync(path.join(tree, 'file'), 'content of the file\n');
  fs.writeFileSync(path.join(tree, 'dir/below'), 'below\n');
  await init('bare');
});
afterEach(() => removeScratch(scratch));

async function init(mode: string): Promise<void> {
  removeScratch(repo);
  await ok(ours(['init', `--repo=${repo}`, `--mode=${mode}`]));
  await ok(ours(['commit', `--repo=${repo}`, '-b', 'main', TIME, `--tree=dir=${tree}`]));
}

function verb(...args: readonly string[]): ReturnType<typeof ours> {
  return ours([...args, `--repo=${repo}`]);
}

/** The file of the object that `ls -C` shows for a path; `column` 4 is the first checksum. */
async function objectOf(at: string, extension: string, column = 4): Promise<string> {
  const line = await ok(verb('ls', '-d', '-C', 'main', at));
  const checksum = line.split(/ +/)[column] ?? '';
  return path.join(repo, 'objects', checksum.slice(0, 2), checksum.slice(2) + extension);
}

function overwrite(file: string, content: string | Buffer): void {
  const stat = fs.statSync(file);
  fs.writeFileSync(file, content);
  fs.utimesSync(file, stat.atime, stat.mtime);
}

describe('fsck', () => {
  test.each([
    ['bare', '.file'],
    ['bare-user', '.file'],
    ['archive', '.filez'],
  ])('a changed file in %s', async (mode, extension) => {
    await init(mode);
    const file = await objectOf('/file', extension);
    const bytes = fs.readFileSync(file);
    const last = bytes.length - 3;
    bytes[last] = (bytes[last] ?? 0) ^ 1;
    overwrite(file, bytes);
    const found = await verb('fsck', '-q');
    expect(found.exitCode).toBe(1);
    expect(found.text).toMatch(
      /^(fsck objects.*\n)*error: In commits [0-9a-f]{64}: fsck content object [0-9a-f]{64}: .+\n$/,
    );
    expect(theirs(['fsck', '-q', `--repo=${repo}`]).exitCode).toBe(1);
  });

  test('a truncated archive object', async () => {
    await init('archive');
    const file = await objectOf('/file', '.filez');
    for (const size of [0, 4, 20, fs.statSync(file).size - 4]) {
      fs.truncateSync(file, size);
      expect(await verb('fsck', '-q')).toMatchObject({ exitCode: 1 });
      const out = await verb('checkout', 'main', path.join(scratch, `out-${size}`));
      expect(out.exitCode).toBe(1);
      expect(out.text).toMatch(/^error: .+\n$/);
    }
  });

  test('a missing object is named with its commit, the commit is marked, and --delete changes nothing more', async () => {
    const file = await objectOf('/file', '.file');
    fs.rmSync(file);
    const found = await verb('fsck', '-q');
    const commit = await ok(verb('rev-parse', 'main'));
    expect(found.exitCode).toBe(1);
    expect(found.text).toContain(`Object missing in commits ${commit}: `);
    expect(found.text).toContain(`Marking commit as partial: ${commit}\n`);
    expect(theirs(['fsck', '-q', `--repo=${repo}`])).toMatchObject({ exitCode: 1 });
    const checkout = await verb('checkout', '-H', 'main', path.join(scratch, 'out'));
    expect(checkout.exitCode).toBe(1);
  });

  test('a missing directory, and a commit that is gone', async () => {
    fs.rmSync(await objectOf('/dir', '.dirtree'));
    const checkout = await verb('checkout', 'main', path.join(scratch, 'out'));
    expect(checkout.text).toMatch(/^error: No such metadata object [0-9a-f]{64}\.dirtree\n$/);
    expect((await verb('fsck', '-q')).exitCode).toBe(1);
    const commit = await ok(verb('rev-parse', 'main'));
    fs.rmSync(path.join(repo, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commit`));
    const missing = `No such metadata object ${commit}.commit`;
    expect(await verb('log', 'main')).toEqual({ text: `error: ${missing}\n`, exitCode: 1 });
    expect((await verb('fsck', '-q')).text).toBe(`error: Loading commit for ref main: ${missing}\n`);
  });

  test('a damaged commit goes with --delete, and the check is clean without the ref that needs it', async () => {
    const commit = await ok(verb('rev-parse', 'main'));
    const file = path.join(repo, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commit`);
    fs.truncateSync(file, 20);
    expect((await verb('fsck', '-q', '--delete')).exitCode).toBe(1);
    expect(fs.existsSync(file)).toBe(false);
    await ok(verb('refs', '--delete', 'main'));
    await ok(verb('fsck', '-q'));
    expect(theirs(['fsck', '-q', `--repo=${repo}`]).exitCode).toBe(0);
  });

  test('a damaged ref is listed, and goes with refs --delete', async () => {
    fs.writeFileSync(path.join(repo, 'refs/heads/damaged'), '');
    expect(await ok(verb('refs'))).toBe('damaged\nmain');
    expect((await verb('fsck', '-q')).text).toContain('damaged holds no commit checksum');
    await ok(verb('refs', '--delete', 'damaged'));
    expect(await ok(verb('refs'))).toBe('main');
  });

  test('damaged metadata in every form ends in one line', async () => {
    const commit = await ok(verb('rev-parse', 'main'));
    const files = [
      path.join(repo, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commit`),
      await objectOf('/dir', '.dirtree'),
      await objectOf('/dir', '.dirmeta', 5),
    ];
    for (const file of files) {
      const whole = fs.readFileSync(file);
      for (const bytes of [
        Buffer.alloc(0),
        whole.subarray(0, -1),
        Buffer.alloc(200, 0xff),
        Buffer.from('nonsense'),
      ]) {
        overwrite(file, bytes);
        for (const args of [
          ['fsck', '-q'],
          ['checkout', '-U', 'main', path.join(scratch, 'out')],
        ]) {
          const ran = await verb(...args);
          expect(ran.exitCode).toBe(1);
          expect(ran.text).toMatch(
            /^(fsck objects.*\n|Object missing.*\n|In commits.*\n|Marking.*\n)*error: .+\n$/,
          );
          removeScratch(path.join(scratch, 'out'));
        }
        fs.rmSync(path.join(repo, 'state'), { recursive: true });
        fs.mkdirSync(path.join(repo, 'state'));
      }
      overwrite(file, whole);
    }
    expect((await verb('fsck', '-q')).exitCode).toBe(0);
  });
});

test('refs that hold no checksum or have a bad name', async () => {
  fs.writeFileSync(path.join(repo, 'refs/heads/broken'), 'no checksum\n');
  expect((await verb('rev-parse', 'broken')).text).toBe(
    `error: ${repo}/refs/heads/broken holds no commit checksum\n`,
  );
  fs.rmSync(path.join(repo, 'refs/heads/broken'));
  for (const name of ['../../config', 'a//b', '-x', 'a/../b', 'with space', '']) {
    const ran = await verb('refs', `--create=${name}`, 'main');
    expect(ran).toMatchObject({ exitCode: 1 });
    expect(ran.text).toMatch(/^error: .*\n$/);
  }
  expect(await ok(verb('refs'))).toBe('main');
});

test('what cannot be in a tree is refused and leaves nothing', async () => {
  execFileSync('mkfifo', [path.join(tree, 'fifo')]);
  expect((await verb('commit', '-b', 'main', `--tree=dir=${tree}`)).text).toBe(
    'error: Not a regular file or symlink: fifo\n',
  );
  fs.rmSync(path.join(tree, 'fifo'));
  fs.writeFileSync(Buffer.concat([Buffer.from(`${tree}/bad-`), Buffer.from([0xff])]), '');
  expect((await verb('commit', '-b', 'main', `--tree=dir=${tree}`)).text).toContain(
    "'bad-\\xff' is not valid UTF-8",
  );
  expect(fs.readdirSync(path.join(repo, 'tmp')).filter((name) => name.startsWith('staging'))).toEqual([]);
});

test('a full disk: one error, the repository as before', async () => {
  const mount = path.join(scratch, 'small');
  fs.mkdirSync(mount);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount]);
  try {
    repo = path.join(mount, 'repo');
    await init('bare');
    await ok(verb('config', 'set', 'core.min-free-space-percent', '0'));
    fs.writeFileSync(path.join(tree, 'large'), Buffer.alloc(8 << 20, 1));
    const before = await ok(verb('rev-parse', 'main'));
    const full = await verb('commit', '-b', 'main', `--tree=dir=${tree}`);
    expect(full).toEqual({ text: `error: no space left on the file system of ${repo}\n`, exitCode: 1 });
    await ok(verb('config', 'set', 'core.min-free-space-percent', '50'));
    const reserved = await verb('commit', '-b', 'main', `--tree=dir=${tree}`);
    expect(reserved.text).toBe(`error: min-free-space-percent '50%' would be exceeded in ${repo}\n`);
    expect(await ok(verb('rev-parse', 'main'))).toBe(before);
    expect(fs.readdirSync(path.join(repo, 'tmp')).filter((name) => name.startsWith('staging'))).toEqual([]);
    expect((await verb('fsck', '-q')).exitCode).toBe(0);
  } finally {
    execFileSync('umount', [mount]);
  }
});

test('stopped after any system call, the repository is as before or wholly new, and the next run clears up', async () => {
  const before = await ok(verb('rev-parse', 'main'));
  fs.writeFileSync(path.join(tree, 'second'), 'second\n');
  let after: string | null = null;
  let steps = 0;
  for (let limit = 1; after === null && limit < 500; limit++) {
    const ended = commitStoppingAfter(limit);
    steps = limit;
    const reader = openRepo(sys, repo);
    const [ref] = listRefs(reader);
    closeRepo(reader);
    expect(ref?.refspec).toBe('main');
    expect((await verb('fsck', '-q')).exitCode, `stopped after ${limit} calls`).toBe(0);
    if (ended) after = ref?.checksum ?? null;
    else
      expect([before, 'new'], `stopped after ${limit} calls`).toContain(
        ref?.checksum === before ? before : 'new',
      );
    await ok(verb('refs', '--create=probe', 'main'));
    await ok(verb('refs', '--delete', 'probe'));
    expect(fs.readdirSync(path.join(repo, 'tmp')).filter((name) => name.startsWith('staging'))).toEqual([]);
  }
  expect(steps).toBeGreaterThan(15);
  expect(after).not.toBe(before);
  expect(theirs(['fsck', '-q', `--repo=${repo}`]).exitCode).toBe(0);
});

/** Commits the tree as `main`; the system calls after the first `limit` do nothing but fail, as if the power were gone. */
function commitStoppingAfter(limit: number): boolean {
  let left = limit;
  // Closing files is what the kernel does for a process that ended.
  const free = new Set(['close', 'sha256']);
  const stopping = new Proxy(sys, {
    get(target, name, receiver): unknown {
      const call: unknown = Reflect.get(target, name, receiver);
      if (typeof call !== 'function' || free.has(String(name))) return call;
      return (...args: unknown[]): unknown => {
        if (left-- <= 0) throw Object.assign(new Error('stopped'), { code: 'STOPPED' });
        return Reflect.apply(call, target, args);
      };
    },
  });
  const open = openRepo(sys, repo);
  const stopped = { ...open, sys: stopping };
  const source = sys.open(-100, tree, ['read', 'directory']);
  try {
    const txn = Transaction.begin(stopped);
    try {
      const { contents, meta } = commitDirectory(txn, source).write(txn);
      const commit = {
        metadata: [],
        parent: null,
        subject: '',
        body: '',
        timestamp: 1,
        rootContents: contents,
        rootMeta: meta,
      };
      txn.setRef('main', txn.writeCommit(commit));
      txn.commit();
      return true;
    } finally {
      txn.abort();
    }
  } catch (error) {
    if (!String(error).includes('stopped')) throw error;
    return false;
  } finally {
    sys.close(source);
    closeRepo(open);
  }
}

test('a transaction syncs at most three times', () => {
  let syncs = 0;
  const counting = new Proxy(sys, {
    get(target, name, receiver): unknown {
      if (['fsync', 'fdatasync', 'syncfs'].includes(String(name))) syncs++;
      return Reflect.get(target, name, receiver);
    },
  });
  const open = openRepo(counting, repo);
  const source = sys.open(-100, tree, ['read', 'directory']);
  const txn = Transaction.begin(open);
  const { contents, meta } = commitDirectory(txn, source, { modifiers: { ownerUid: 5 } }).write(txn);
  txn.setRef(
    'deep/new/ref',
    txn.writeCommit({
      metadata: [],
      parent: null,
      subject: '',
      body: '',
      timestamp: 1,
      rootContents: contents,
      rootMeta: meta,
    }),
  );
  txn.commit();
  sys.close(source);
  closeRepo(open);
  expect(syncs).toBeLessThanOrEqual(3);
});
