/** Physical roots that nothing may be booted from, and what is said of them. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { DEPLOYMENT } from './synthetic-sysroot.ts';

export interface BadSysroot {
  readonly name: string;
  /** Of a synthetic sysroot that was sound, and unlocked with `--hotfix`. */
  readonly alter: (sysroot: string) => void;
  readonly config?: string;
  /** How the error begins. */
  readonly message: string;
}

const LINK = '/ostree/boot.1.1/os/bbbb/0';
const NOT_FOUND = "Couldn't find specified OSTree root '/sysroot//ostree/boot.1/os/bbbb/0': ";
const UNRESOLVED = 'realpath(/sysroot//ostree/boot.1/os/bbbb/0) failed: ';
const LOOP = 'Too many levels of symbolic links\n';
const COMPOSEFS = '[composefs]\nenabled=yes\n';

export const BAD_SYSROOTS: readonly BadSysroot[] = [
  { name: 'a boot link to itself', alter: link(LINK, '0'), message: UNRESOLVED + LOOP },
  {
    name: 'a deployment that is a link to itself',
    alter: link(DEPLOYMENT, 'aaaa.0'),
    message: UNRESOLVED + LOOP,
  },
  {
    name: 'boot directories that lead to each other',
    alter: (sysroot) => {
      link('/ostree/boot.1', 'boot.1.1')(sysroot);
      link('/ostree/boot.1.1', 'boot.1')(sysroot);
    },
    message: NOT_FOUND + LOOP,
  },
  { name: '/ostree is a link to itself', alter: link('/ostree', 'ostree'), message: NOT_FOUND + LOOP },
  {
    name: 'a link that grows with every step',
    alter: link('/ostree/boot.1.1', 'boot.1.1/x/../x/../x'),
    message: NOT_FOUND + LOOP,
  },
  {
    name: 'a link to the physical root',
    alter: link(LINK, '/'),
    message: 'OSTree target leads to the physical root itself: /sysroot//ostree/boot.1/os/bbbb/0\n',
  },
  {
    name: 'a link out of the sysroot',
    alter: link(LINK, `${'../'.repeat(40)}usr`),
    message: `${UNRESOLVED}No such file or directory\n`,
  },
  { name: 'a link to nothing', alter: link(LINK, ''.padEnd(255, 'x')), message: `${UNRESOLVED}No such file` },
  { name: 'no /ostree', alter: remove('/ostree'), message: `${NOT_FOUND}No such file` },
  { name: '/ostree is a file', alter: file('/ostree'), message: `${NOT_FOUND}Not a directory` },
  ...['usr', 'etc', 'sysroot', '.usr-ovl-work', '.usr-ovl-upper'].flatMap((name): BadSysroot[] => [
    {
      name: `/${name} of the deployment is a link`,
      alter: link(`${DEPLOYMENT}/${name}`, '/tmp'),
      message: broken(`/${name} is a symbolic link`),
    },
    {
      name: `/${name} of the deployment is a file`,
      alter: file(`${DEPLOYMENT}/${name}`),
      message: broken(`/${name} is no directory`),
    },
  ]),
  ...['usr', 'etc', 'sysroot'].map((name) => ({
    name: `the deployment has no /${name}`,
    alter: remove(`${DEPLOYMENT}/${name}`),
    message: broken(`/${name} is missing`),
  })),
  {
    name: 'the upper layer of a hotfix is missing',
    alter: remove(`${DEPLOYMENT}/.usr-ovl-upper`),
    message: broken('/.usr-ovl-upper is missing'),
  },
  {
    name: 'no /usr/etc below a transient /etc',
    alter: remove(`${DEPLOYMENT}/usr/etc`),
    config: '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n',
    message: broken('/usr/etc is missing'),
  },
  {
    name: 'the stateroot has no /var',
    alter: remove('/ostree/deploy/os/var'),
    config: '[sysroot]\nreadonly=true\n',
    message: '/sysroot/ostree/deploy/os/var is missing',
  },
  {
    name: '/var of the stateroot is a link',
    alter: link('/ostree/deploy/os/var', '/tmp'),
    config: '[sysroot]\nreadonly=true\n',
    message: '/sysroot/ostree/deploy/os/var is a symbolic link\n',
  },
  {
    name: "the repository's configuration is none",
    alter: file('/ostree/repo/config', '\u0000[[[\n=x'),
    message: '/sysroot/ostree/repo/config:1: ',
  },
  {
    name: "the repository's configuration is a folder",
    alter: directory('/ostree/repo/config'),
    message: '/sysroot/ostree/repo/config: Is a directory\n',
  },
  {
    name: "the repository's configuration is a pipe",
    alter: pipe('/ostree/repo/config'),
    message: '/sysroot/ostree/repo/config: Invalid argument\n',
  },
  {
    name: 'the image is a pipe',
    alter: pipe(`${DEPLOYMENT}/.ostree.cfs`),
    config: COMPOSEFS,
    message: broken('/.ostree.cfs is no file'),
  },
  {
    name: 'the image is a link',
    alter: link(`${DEPLOYMENT}/.ostree.cfs`, '/dev/zero'),
    config: COMPOSEFS,
    message: broken('/.ostree.cfs is a symbolic link'),
  },
  {
    name: 'the key is a device without end',
    alter: () => undefined,
    config: '[composefs]\nenabled=signed\nkeypath=/dev/zero\n',
    message: "Parsing rootfs config: Reading public key file '/dev/zero': ",
  },
  {
    name: 'the key is a folder',
    alter: () => undefined,
    config: '[composefs]\nenabled=signed\nkeypath=/etc\n',
    message: "Parsing rootfs config: Reading public key file '/etc': ",
  },
];

function broken(what: string): string {
  return `The deployment /sysroot${DEPLOYMENT} is broken: its ${what}\n`;
}

type Alter = (sysroot: string) => void;

function remove(name: string): Alter {
  return (sysroot) => fs.rmSync(sysroot + name, { recursive: true, force: true });
}

function link(name: string, target: string): Alter {
  return (sysroot) => {
    remove(name)(sysroot);
    fs.symlinkSync(target, sysroot + name);
  };
}

function file(name: string, text = 'x'): Alter {
  return (sysroot) => {
    remove(name)(sysroot);
    fs.writeFileSync(sysroot + name, text);
  };
}

function directory(name: string): Alter {
  return (sysroot) => {
    remove(name)(sysroot);
    fs.mkdirSync(path.join(sysroot, name));
  };
}

function pipe(name: string): Alter {
  return (sysroot) => {
    remove(name)(sysroot);
    execFileSync('mkfifo', [sysroot + name]);
  };
}
