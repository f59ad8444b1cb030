import { describe, expect, test } from '#test/both-engines.ts';
import { fstabMountPoints, planUnits, type UnitFacts } from '#prepare-root/units.ts';

const FACTS: UnitFacts = {
  target: '/ostree/boot.1/os/abc/0',
  targetLink: null,
  fstab: '',
  bootOnRoot: true,
  services: [],
};

function paths(facts: Partial<UnitFacts>): string[] {
  return planUnits({ ...FACTS, ...facts }).map((unit) => unit.path);
}

function varMount(facts: Partial<UnitFacts>): string {
  const unit = planUnits({ ...FACTS, ...facts }).find(({ path }) => path === 'var.mount');
  return unit?.content.kind === 'file' ? unit.content.text : '';
}

describe('which units are written', () => {
  test('all', () => {
    const services = [{ path: '/usr/lib/systemd/system/a.service', wantedIn: 'local-fs.target.requires' }];
    expect(paths({ services })).toEqual([
      'local-fs.target.requires/a.service',
      'sysroot.mount.d/ostree-softreboot.conf',
      'boot.mount',
      'local-fs.target.requires/boot.mount',
      'var.mount',
      'local-fs.target.requires/var.mount',
    ]);
  });

  test('not those that fstab has', () => {
    expect(paths({ fstab: 'x /var ext4\ny /boot ext4\n' })).toEqual([
      'sysroot.mount.d/ostree-softreboot.conf',
    ]);
    expect(paths({ bootOnRoot: false })).not.toContain('boot.mount');
  });

  test('/boot in fstab stops boot.mount only', () => {
    expect(paths({ fstab: 'LABEL=boot /boot/ vfat ro\n' })).toEqual([
      'sysroot.mount.d/ostree-softreboot.conf',
      'var.mount',
      'local-fs.target.requires/var.mount',
    ]);
  });
});

describe('the stateroot', () => {
  test.for([
    ['/ostree/boot.0/fed os/abc/12', null, 'What=/sysroot/ostree/deploy/fed os/var'],
    ['ostree/boot.1/os/abc/0', null, 'What=/sysroot/ostree/deploy/os/var'],
    ['/ostree/boot.1/a%b/abc/0', null, 'What=/sysroot/ostree/deploy/a%%b/var'],
    ['/ostree/root.a', 'deploy/os/deploy/abc.0', 'What=/sysroot/ostree/deploy/os/var'],
  ] as const)('%s %s', ([target, targetLink, what]) => {
    expect(varMount({ target, targetLink })).toContain(`${what}\n`);
  });

  test.for([
    ['/ostree/boot.2/os/abc/0', null],
    ['/ostree/boot.1/os/abc', null],
    ['/ostree/boot.1/os/abc/x', null],
    ['/ostree/boot.1/os/abc/0/y', null],
    ['/ostree/root.a', '../elsewhere'],
    ['/ostree/root.a', 'deploy/os'],
  ] as const)('none in %s %s', ([target, targetLink]) => {
    expect(() => paths({ target, targetLink })).toThrow('Parsing stateroot');
  });
});

test('mount points of an fstab', () => {
  const fstab = '# /x\n\nLABEL=a\t //var//  ext4\n/dev/b / ext4\nnone none swap\n  #c /d e\nincomplete\n';
  expect(fstabMountPoints(fstab)).toEqual(['/var', '/', '/none', '/']);
});
