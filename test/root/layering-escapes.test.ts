/** What a hostile script tries in order to get out of its sandbox; every attempt by name, all denied. */
import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOnMachine } from '#test/root/machine-overlay.ts';
import {
  BASE_REF,
  clientArguments,
  deploymentRoot,
  fsckClean,
  makeTestSystem,
  publish,
  runProgram,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

/** How the process is known that tries to outlive its script. */
const SURVIVOR = 'sleep 86399.25';

const LEAVING = `(${SURVIVOR} </dev/null >/dev/null 2>&1 &) ; (${SURVIVOR} &)\nexit 0`;
const LINKS = [
  'ln /usr/share/base/readme /usr/share/linked && echo more >> /usr/share/linked',
  'chmod 0777 /usr/bin/shared-tool',
  'chown 2:2 /usr/share/nano/c.nanorc',
  ': > /usr/bin/nano',
];

let system: TestSystem;
let canary: string;
let server: net.Server;
let abstractServer: net.Server;
let victim: ChildProcess;
let targets: Targets;

/** What the attempts are made on: things of the machine that a script must not reach. */
interface Targets {
  /** A port of 127.0.0.1 where somebody listens. */
  readonly port: number;
  /** A process of root. */
  readonly victim: number;
}

/**
 * Perl, because it makes any system call (numbers of x86-64): true where the attempt succeeded. `call` is `syscall` with
 * arguments that may be literals, which that refuses; what `my` declares is there from the next statement on.
 */
function attempts({ port, victim }: Targets): Readonly<Record<string, string>> {
  const climb = `chdir('..') for 1..64; chroot('.'); -e '${canary}'`;
  const writing = (file: string): string =>
    `open(my $f, '>>', '${file}') || return 0; syswrite($f, 'x') == 1`;
  return {
    'read a file of the machine': `-e '${canary}'`,
    'write a file of the machine': writing(canary),
    'write into the sysroot': writing('/sysroot/ostree/repo/config'),
    'write into /var': writing('/var/escaped'),
    'write into /var/lib': writing('/var/lib/escaped'),
    'the machine through /proc/1/root': `-e '/proc/1/root${canary}' || -e '/proc/${victim}/root${canary}'`,
    'the machine through /proc/1/cwd': `chdir('/proc/1/cwd'); ${climb}`,
    'a kernel setting in /proc/sys': `open(my $r, '<', '/proc/sys/kernel/core_pattern'); my $v = <$r>; open(my $f, '>', '/proc/sys/kernel/core_pattern') || return 0; syswrite($f, $v)`,
    'the sysrq trigger': `open(my $f, '>>', '/proc/sysrq-trigger')`,
    'memory of the machine': `open(my $f, '<', '/proc/kcore') || return 0; sysread($f, my $b, 1)`,
    'the kernel in /sys': `-e '/sys/kernel'`,
    'a device node in /tmp': `call(133, '/tmp/disk', 0060600, 0x700) == 0`,
    'a device node in the tree': `call(133, '/usr/share/disk', 0020600, 0x101) == 0`,
    'a mount': `call(165, 'none', '/tmp', 'tmpfs', 0, 0) == 0`,
    'a bind mount over the tree': `call(165, '/tmp', '/usr/share', '', 4096, 0) == 0`,
    'a remount of /var': `call(165, 'none', '/var', '', 4096 | 32, 0) == 0`,
    'an unmount of /var': `call(166, '/var', 2) == 0`,
    'a new mount namespace': `call(272, 0x20000) == 0`,
    'a remount of /var in a namespace of its own': `call(272, 0x10020000) == 0 && call(165, 'none', '/var', '', 4096 | 32, 0) == 0`,
    'entering another process’s namespaces': `open(my $f, '<', '/proc/${victim}/ns/mnt') || return 0; call(308, fileno($f), 0) == 0 && -e '${canary}'`,
    'tracing the machine’s process': `call(101, 16, ${victim}, 0, 0) == 0`,
    'a signal to the machine’s process': `kill(0, ${victim})`,
    'seeing more than its own processes': `scalar(grep { /^\\d+$/ && $_ > 100 } names('/proc'))`,
    'capabilities of a file': `copy_perl(); my $c = pack('V5', 0x02000001, 0x200000, 0, 0, 0); call(188, '/usr/share/perl-copy', 'security.capability', $c, 20, 0); \`/usr/share/perl-copy -e 'my (\\$a, \\$b, \\$c) = ("none", "/tmp", "tmpfs"); print 1 if syscall(165, \\$a, \\$b, \\$c, 0, 0) == 0'\` eq '1'`,
    'climbing out of a changed root': `mkdir('/tmp/jail'); chroot('/tmp/jail'); ${climb}`,
    'the network of the machine': `socket(my $s, 2, 1, 0) || return 0; connect($s, pack('S n C4 x8', 2, ${port}, 127, 0, 0, 1))`,
    'an abstract socket of the machine': `socket(my $s, 1, 1, 0) || return 0; connect($s, pack('S', 1) . "\\0yum-ostree-escapes-${port}")`,
    'raw packets': `socket(my $s, 2, 3, 1)`,
    'a network device': `open(my $f, '<', '/proc/net/dev'); scalar(grep { /:/ && !/^ *lo:/ } <$f>)`,
    // Its own are the record of the attempts, the script, and the directory that it lists. The client is started with
    // one descriptor of the machine's root, as a careless caller would.
    'a kept descriptor': `scalar(grep { my $to = readlink("/proc/self/fd/$_"); $_ > 2 && defined $to && $to !~ m{^(/dev/null|/usr/share/attempts|/run/yum-ostree/scriptlet|/proc/\\d+/fd)$} } grep { /^\\d+$/ } names('/proc/self/fd'))`,
    'a directory by a kept descriptor': `my $out = 0; for my $n (0..255) { $out = 1 if chdir("/proc/self/fd/$n") && (-d 'usr/share' || -e 'canary') } $out`,
    'the terminal': `open(my $f, '<', '/dev/tty')`,
    'the disk': `scalar(grep { /^(sd|vd|nvme|mem|kmsg|loop)/ } names('/dev'))`,
    // Without the right it is EPERM; what is no module is ENOEXEC (8).
    'loading a module': `call(175, 'x' x 8, 8, '') == 0 || $! == 8`,
    'the host’s name': `call(170, 'escaped', 7) == 0`,
    'the clock': `my $now = pack('qq', time(), 0); call(164, $now, 0) == 0`,
  };
}

/** Mounts and a host name of its own. In a changed root there are no user namespaces: one attempt leaves it before. */
function ownPlace(name: string): string {
  const own = 'call(272, 0x20000 | 0x4000000) == 0 || die;';
  if (name !== 'a remount of /var in a namespace of its own') return own;
  return `${own} mkdir('/tmp/jail'); chroot('/tmp/jail'); chdir('..') for 1..64; chroot('.'); call(165, '/var', '/var', '', 4096, 0) == 0 || die;`;
}

/**
 * The attempts as one program; each in a process of its own: what one changes does not help or hinder the next.
 * @param before what the attempt of that name does first
 */
function attemptsProgram(targets: Targets, before: (name: string) => string = () => ''): string {
  return [
    'sub names { opendir(my $d, $_[0]); return readdir($d) }',
    'sub copy_perl { system("cp", "/usr/bin/perl", "/usr/share/perl-copy") }',
    'sub call { my ($number, @arguments) = @_; return syscall($number, @arguments) }',
    'open(my $log, ">", "/usr/share/attempts");',
    'sub attempt { my ($name, $try) = @_; my $pid = fork(); if (!$pid) { my $r = eval { $try->() }; exit($@ ne "" ? 8 : $r ? 7 : 0) }',
    // An attempt that dies was not made.
    '  waitpid($pid, 0); syswrite($log, "$name: " . (($? >> 8) == 7 ? "SUCCEEDED" : $? == 0 ? "denied" : "NOT MADE") . "\\n"); }',
    ...Object.entries(attempts(targets)).map(
      ([name, code]) => `attempt("${name}", sub { ${before(name)} ${code} });`,
    ),
    'attempt("(this one may succeed)", sub { 1 });',
    'unlink("/usr/share/perl-copy");',
  ].join('\n');
}

beforeAll(async () => {
  system = makeTestSystem('/var/tmp', { programs: ['/usr/bin/perl'] });
  canary = path.join(system.directory, 'canary');
  fs.writeFileSync(canary, 'alive');
  server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  abstractServer = net.createServer();
  await new Promise<void>((resolve) => abstractServer.listen(`\0yum-ostree-escapes-${port}`, resolve));
  victim = spawn('sleep', ['3600'], { stdio: 'ignore' });
  targets = { port, victim: victim.pid ?? 0 };
  const script = attemptsProgram(targets);
  publish(system, [
    { name: 'hostile', provides: ['/usr/bin/perl'], scripts: { post: ['/usr/bin/perl', script] } },
    {
      name: 'links',
      post: LINKS.join('\n'),
    },
    { name: 'survivor', post: LEAVING },
  ]);
});

afterAll(() => {
  server.close();
  abstractServer.close();
  victim.kill('SIGKILL');
  system.remove();
});

test('every attempt is denied', () => {
  const root = fs.openSync('/', 'r');
  const stdio = ['ignore', 'pipe', 'pipe', ...Array.from({ length: 37 }, () => 'ignore' as const), root];
  const client = spawnSync(process.execPath, clientArguments(system, ['install', 'hostile']), {
    stdio: stdio as StdioOptions,
    encoding: 'utf8',
  });
  fs.closeSync(root);
  expect([client.status, client.stderr]).toEqual([0, client.stderr]);
  const text = fs.readFileSync(path.join(deploymentRoot(system), 'usr/share/attempts'), 'utf8');
  const names = Object.keys(attempts({ port: 0, victim: 0 }));
  expect(text.trim().split('\n')).toEqual([
    ...names.map((name) => `${name}: denied`),
    '(this one may succeed): SUCCEEDED',
  ]);
  expect(fs.readFileSync(canary, 'utf8')).toBe('alive');
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'hostile']);
});

/** What this machine itself does not let root do: told by the capabilities and the parts of the kernel that it lacks. */
function impossibleHere(): string[] {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const lacks = (bit: number): boolean => (capabilities & (1n << BigInt(bit))) === 0n;
  const needs: Readonly<Record<string, boolean>> = {
    'the sysrq trigger': !fs.existsSync('/proc/sysrq-trigger'),
    'memory of the machine': !fs.existsSync('/proc/kcore'),
    'loading a module': lacks(16) || !fs.existsSync('/proc/modules'),
    'the clock': lacks(25),
    'the disk': !fs.readdirSync('/dev').some((name) => /^(sd|vd|nvme|mem|kmsg|loop)/.test(name)),
    'a network device': fs.readdirSync('/sys/class/net').every((name) => name === 'lo'),
  };
  return Object.keys(needs).filter((name) => needs[name] === true);
}

test('without the sandbox every attempt succeeds', () => {
  // On an overlay of the machine, with a terminal and a descriptor of its root; each attempt has mounts of its own.
  const folder = path.join(system.directory, 'control');
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'attempts.pl'), attemptsProgram(targets, ownPlace));
  const { status, stdout, stderr } = runOnMachine({
    trees: [],
    files: { '/sysroot/ostree/repo/config': '', '/var/lib/': '' },
    binds: { '/run/control': folder },
    script: `mount --bind /var /var
      script -qec 'perl /run/control/attempts.pl 40< /' /dev/null < /dev/null > /run/control/said
      cat /usr/share/attempts`,
  });
  expect(`${stderr}${status}`).toBe('0');
  const impossible = impossibleHere();
  expect(stdout.trim().split('\n')).toEqual([
    ...Object.keys(attempts(targets)).map(
      (name) => `${name}: ${impossible.includes(name) ? 'denied' : 'SUCCEEDED'}`,
    ),
    '(this one may succeed): SUCCEEDED',
  ]);
  expect(fs.readFileSync(canary, 'utf8')).toBe('alive');
});

test('an object of the store is not changed through a hardlink, a mode or an owner', () => {
  yumOstreeOk(system, ['install', 'links']);
  expect(fs.readFileSync(path.join(deploymentRoot(system), 'usr/share/linked'), 'utf8')).toBe(
    'the base\nmore\n',
  );
  fsckClean(system);
  yumOstreeOk(system, ['uninstall', 'links']);
  fsckClean(system);
});

test('what a script leaves running does not outlive it', () => {
  yumOstreeOk(system, ['install', 'survivor']);
  expect(survivors()).toEqual([]);
});

test('without the sandbox the store is damaged, and processes stay', () => {
  const farm = path.join(system.directory, 'farm');
  runProgram('ostree', ['checkout', '-H', `--repo=${system.repo}`, BASE_REF, farm]);
  for (const line of LINKS) runProgram('chroot', [farm, '/usr/bin/bash', '-c', line]);
  expect(() => fsckClean(system)).toThrow();
  // A pipe that they hold open would be waited for.
  spawnSync('bash', ['-c', LEAVING], { stdio: 'ignore' });
  let left = survivors();
  for (let tries = 0; left.length < 2 && tries < 100; tries++) {
    spawnSync('sleep', ['0.05']);
    left = survivors();
  }
  for (const pid of left) process.kill(Number(pid), 'SIGKILL');
  expect(left).toHaveLength(2);
});

function survivors(): string[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandOf(name).replaceAll('\0', ' ').startsWith(SURVIVOR));
}

function commandOf(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
