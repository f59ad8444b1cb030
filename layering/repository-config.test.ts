import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readVariables } from '#layering/repo-variables.ts';
import { readRepositories, type RepositoryChoice } from '#layering/repository-config.ts';
import { parseRepositoryFile } from '#layering/repository-file.ts';
import { UserError } from '#ostree/format/errors.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-repos-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));
const variables = readVariables([], { releasever: '9.4', basearch: 'x86_64' });

describe('a .repo file', () => {
  test('all that it may say', () => {
    const [config] = read(`
# comment
[fedora]
name = Fedora $releasever - $basearch
baseurl=https://one.example/\${releasever}/$basearch/
   http://two.example/$releasever_major/
   file:///srv/$unknown
enabled=1
priority=10
cost = 500
gpgcheck=yes
repo_gpgcheck=true
gpgkey=file:///etc/pki/rpm-gpg/A, https://keys.example/B
excludepkgs=kernel* foo
exclude=bar
includepkgs=a b
skip_if_unavailable=on
metadata_expire=6h
sslverify=0
sslcacert=/etc/ca.pem
proxy=http://proxy.example:3128
proxy_username=me
proxy_password=p@ss
username=u
password=p
; another comment
countme=1
`);
    expect(config).toEqual({
      id: 'fedora',
      name: 'Fedora 9.4 - x86_64',
      origin: expect.stringMatching(/test\.repo:3$/) as string,
      baseUrls: ['https://one.example/9.4/x86_64/', 'http://two.example/9/', 'file:///srv/$unknown'],
      metalink: null,
      mirrorlist: null,
      enabled: true,
      priority: 10,
      cost: 500,
      gpgCheck: true,
      repoGpgCheck: true,
      gpgKeys: ['file:///etc/pki/rpm-gpg/A', 'https://keys.example/B'],
      excludePackages: ['kernel*', 'foo', 'bar'],
      includePackages: ['a', 'b'],
      skipIfUnavailable: true,
      metadataExpire: 21600,
      transfer: {
        sslVerify: false,
        sslCaCert: '/etc/ca.pem',
        sslClientCert: null,
        sslClientKey: null,
        proxy: 'http://me:p%40ss@proxy.example:3128/',
        username: 'u',
        password: 'p',
      },
    });
  });

  test('what holds where nothing is said: signatures are checked', () => {
    const [config] = read('[a]\nbaseurl=file:///a\n');
    expect(config).toMatchObject({
      enabled: true,
      gpgCheck: true,
      repoGpgCheck: false,
      priority: 99,
      cost: 1000,
    });
    expect(config).toMatchObject({ skipIfUnavailable: false, metadataExpire: 172800 });
  });

  test.each([
    ['[a\nbaseurl=file:///a', ':1: this line does not end with ]'],
    ['baseurl=file:///a', ':1: this line is outside a section'],
    ['[a]\nnonsense', ':2: this line is not key=value'],
    ['[a]\nbaseurl=x\nenabled=maybe', ":3: enabled='maybe' of repository a is not yes or no"],
    ['[a]\nbaseurl=x\npriority=high', ":3: priority='high' of repository a is not a number"],
    ['[a]\nbaseurl=x\nmetadata_expire=soon', ":3: metadata_expire='soon' of repository a is not a time"],
    ['[a]\nname=x', ':1: repository a has no baseurl, metalink or mirrorlist'],
    ['[../a]\nbaseurl=x', ":1: this line names the repository '../a'"],
    ['[a]\nbaseurl=x\nproxy=u:secret', ':3: proxy of repository a is not the address of an http proxy'],
  ])('%j is refused with file and line', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  test('whatever the bytes, it parses or fails with words', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', ']', '=', '\n', ' ', 'a', '#', '$', '\u0000') }),
        (text) => {
          try {
            parseRepositoryFile(text, 'x.repo');
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
          }
        },
      ),
    );
  });
});

describe('which repositories', () => {
  const files = '[on]\nbaseurl=file:///on\n[off]\nbaseurl=file:///off\nenabled=0\n';
  const ids = (choice: Partial<RepositoryChoice>) => read(files, choice).map(({ id }) => id);

  test('enabled ones, and what the command line changes', () => {
    expect(ids({})).toEqual(['on']);
    expect(ids({ enable: ['o*'] })).toEqual(['on', 'off']);
    expect(ids({ disable: ['*'] })).toEqual([]);
    expect(ids({ repoFromPath: ['new,/srv/r po'] })).toEqual(['on', 'new']);
    expect(read(files, { repoFromPath: ['new,/srv/r po'] })[1]?.baseUrls).toEqual(['file:///srv/r%20po']);
    expect(read(files, { noGpgChecks: true })[0]).toMatchObject({ gpgCheck: false, repoGpgCheck: false });
  });

  test('unknown ones are named', () => {
    expect(() => ids({ enable: ['nope'], disable: ['neither'] })).toThrow(
      'no repository is named nope, neither',
    );
    expect(() => ids({ repoFromPath: ['nope'] })).toThrow('expected ID,PATH');
  });
});

test("dnf's variables come from files", () => {
  const directory = fs.mkdtempSync(path.join(scratch, 'vars-'));
  fs.writeFileSync(path.join(directory, 'stream'), '9-stream\nignored\n');
  const read = readVariables([directory, '/nonexistent'], { releasever: '9', basearch: 'aarch64' });
  expect(read).toMatchObject({
    stream: '9-stream',
    releasever: '9',
    releasever_minor: '',
    basearch: 'aarch64',
  });
});

function read(text: string, choice: Partial<RepositoryChoice> = {}) {
  const directory = fs.mkdtempSync(path.join(scratch, 'd-'));
  fs.writeFileSync(path.join(directory, 'test.repo'), text);
  return readRepositories(directory, { variables, ...choice });
}
