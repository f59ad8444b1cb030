import { expect, test } from 'vitest';
import type { CliContext } from '#cli/context.ts';
import { translated } from '#cli/rpm-ostree.ts';
import { yumOstreeProgram } from '#cli/yum-ostree.ts';
import { loadSyscalls } from '#native/load.ts';
import type { UserError } from '#ostree/format/errors.ts';

test.each([
  [['install', 'gdb', '-r', '--stateroot', 'os'], ['install', 'gdb', '--os', 'os'], true],
  [['rebase', '--stateroot=os', '--skip-purge', 'r:x', '--reboot'], ['rebase', '--os=os', 'r:x'], true],
  [['apply-live', '--allow-replacement'], ['apply-live', '--allow-replacement'], false],
  [['upgrade', '--allow-replacement'], ['upgrade'], false],
  [['cleanup', '-r', '-m'], ['cleanup', '-r', '-m'], false],
  [['status', '--json', '--peer'], ['status', '--json'], false],
  [['--sysroot', '/x', 'ex', 'history', '-v'], ['history', '--sysroot', '/x', '-v'], false],
  [['db', 'diff', '-A'], ['db', 'diff', '-A'], false],
  [['db', 'diff', '-a', '-Fjson'], ['db', 'diff', '--advisories', '-Fjson'], false],
  [['upgrade', '-rC', '--check-diff'], ['upgrade', '-C', '--preview'], true],
  [['rebase', '-rb', 'x', '--experimental'], ['rebase', '-b', 'x'], true],
  [['rebase', '-mother', '-C'], ['rebase', '-mother', '-C'], false],
  [['pkg-add', '-yA', 'gdb'], ['install', '-y', '-A', 'gdb'], false],
  [['makecache', '-f'], ['refresh-md', '-f'], false],
  [['rpm', 'list'], ['db', 'list'], false],
  [['ex', 'apply-live', '--reset'], ['apply-live', '--reset'], false],
  [['ex', 'history', '-n2', '--no-pager'], ['history', '-n2'], false],
  [['status', '-pva'], ['status', '-v', '-a'], false],
])('%j', (argv, words, reboot) => {
  expect(translated(argv)).toEqual({ program: 'yum-ostree', words, reboot });
});

test('usroverlay is a verb of ostree', () => {
  const words = ['admin', 'unlock', '--sysroot=/x', '--hotfix'];
  expect(translated(['--sysroot=/x', 'usroverlay', '--hotfix'])).toEqual({
    ...{ program: 'ostree', words, reboot: false },
  });
});

test.each([
  [['install', '--lock-finalization', 'gdb'], /there is no --lock-finalization here/],
  [['cancel'], /cancel is not done by this program/],
  [['ex', 'rebuild'], /ex is not done by this program/],
  [['status', '--jsonpath=$.x'], /there is no --jsonpath=\$\.x here/],
  [['status', '-J$.x'], /there is no -J\$\.x here/],
  [['db', 'list', '-r', '/repo'], /rpm-ostree db: there is no -r here/],
  [['db', 'list', '--repo=/repo'], /there is no --repo=\/repo here/],
  [['deploy', '--register-driver=x', 'v'], /there is no --register-driver=x here/],
  [['cleanup'], /at least one of -b, -p, -r and -m/],
])('%j is refused', (argv, message) => {
  expect(() => translated(argv)).toThrow(message);
});

const CONTEXT: CliContext = {
  ...{ sys: loadSyscalls(), out: () => undefined, err: () => undefined, env: {}, isTerminal: false },
};

/** The documented switches of each verb in 2026.2, hidden ones too. */
const PACKAGES = '--install=x --uninstall=x';
const CHANGE = '--stateroot=x --os=x --reboot -r --lock-finalization';
const DOCUMENTED: Readonly<Record<string, string>> = {
  cleanup: '--os=x --stateroot=x --base -b --pending -p --rollback -r --repomd -m',
  deploy: `${CHANGE} ${PACKAGES} --preview --cache-only -C --download-only --skip-branch-check --disallow-downgrade --unchanged-exit-77 --register-driver=x --bypass-driver --ex-cliwrap=true`,
  rebase: `${CHANGE} ${PACKAGES} --branch=x -bx --remote=x -mx --skip-purge --cache-only -C --download-only --custom-origin-description=x --custom-origin-url=x --experimental --disallow-downgrade --bypass-driver`,
  rollback: '--reboot -r',
  status: '--pretty -p --verbose -v --advisories -a --json --jsonpath=x -Jx --booted -b --pending-exit-77',
  upgrade: `${CHANGE} ${PACKAGES} --allow-downgrade --check-diff --preview --check --cache-only -C --download-only --upgrade-unchanged-exit-77 --unchanged-exit-77 --trigger-automatic-update-policy --bypass-driver`,
  initramfs: `${CHANGE} --enable --arg=x --disable`,
  'initramfs-etc': `${CHANGE} --force-sync --track=x --untrack=x --untrack-all --unchanged-exit-77`,
  install: `${CHANGE} --dry-run -n --assumeyes -y --allow-inactive --idempotent --unchanged-exit-77 --enablerepo=x --disablerepo=x --releasever=x --uninstall=x --cache-only -C --download-only --apply-live -A --force-replacefiles`,
  uninstall: `${CHANGE} --dry-run -n --assumeyes -y --allow-inactive --idempotent --unchanged-exit-77 --enablerepo=x --disablerepo=x --releasever=x --install=x --all`,
  'override replace': `${CHANGE} ${PACKAGES} --dry-run -n --cache-only -C --remove=x --experimental --freeze --from=x`,
  'override remove': `${CHANGE} ${PACKAGES} --dry-run -n --cache-only -C --replace=x`,
  'override reset': `${CHANGE} ${PACKAGES} --dry-run -n --cache-only -C --all -a`,
  reset: `${CHANGE} ${PACKAGES} --overlays -l --overrides -o --initramfs -i`,
  'refresh-md': '--os=x --stateroot=x --force -f',
  kargs:
    '--os=x --stateroot=x --deploy-index=0 --reboot --append=x --replace=x --delete=x --append-if-missing=x --delete-if-present=x --unchanged-exit-77 --import-proc-cmdline --editor --lock-finalization',
  'db list': '--repo=x --advisories -a --sysroot=x',
  'db diff': '--repo=x --format=json -Fjson --changelogs -c --sysroot=x --base --advisories -a',
  'db version': '--repo=x --sysroot=x',
  'apply-live': '--target=x --reset --allow-replacement',
  'ex history': '--verbose -v --json --limit=1 -n1 --all --deployments --no-pager',
};

test.each(Object.entries(DOCUMENTED))(
  'every documented switch of %s is known or refused with a reason',
  (verb, all) => {
    for (const word of `${all} --sysroot=x --quiet -q --peer`.split(' ')) {
      const argv = [...verb.split(' '), ...(verb === 'cleanup' ? ['-b'] : []), word];
      let words: readonly string[];
      try {
        ({ words } = translated(argv));
      } catch (error) {
        expect((error as UserError).hint).toBeDefined();
        continue;
      }
      const program = yumOstreeProgram(words, CONTEXT, { exitCode: 0 });
      const path = words.filter((one) => !one.startsWith('-'));
      let command = program;
      for (const name of path)
        command = command.commands.find((one) => [one.name(), ...one.aliases()].includes(name)) ?? command;
      const { unknown } = command.parseOptions(words.filter((one) => one.startsWith('-')));
      expect([word, unknown]).toEqual([word, []]);
    }
  },
);
