import fs from 'node:fs';
import path from 'node:path';
import type { SyntheticPackage } from '#test/bench/synthetic-tree.ts';
import { runCommand } from '#test/fixtures/run-command.ts';

export interface SyntheticRpms {
  /** Holds the packages' files; rpmbuild reads it and leaves it as it is. */
  readonly root: string;
  readonly packages: readonly SyntheticPackage[];
  /** An empty directory for the RPMs and rpmbuild's own files. */
  readonly scratch: string;
}

/**
 * Adds the packages to the rpm database in `dbpath`, as if they had been installed: real headers by rpmbuild (one run
 * with a subpackage for each), real index tables by rpm. Nothing is unpacked.
 */
export async function registerPackages(rpms: SyntheticRpms, dbpath: string): Promise<void> {
  const { scratch } = rpms;
  const spec = path.join(scratch, 'synthetic.spec');
  fs.writeFileSync(spec, specText(rpms.packages));
  const macros = {
    _topdir: scratch,
    _dbpath: path.join(scratch, 'db'),
    _rpmdir: path.join(scratch, 'rpms'),
    _rpmfilename: '%%{NAME}.rpm',
    _binary_payload: 'w0.ufdio',
    _unpackaged_files_terminate_build: '0',
    __spec_install_pre: '%{nil}',
    __spec_build_pre: '%{nil}',
  };
  const defines = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  const flags = ['-bb', '--quiet', '--nodeps', '--noprep', '--nocheck', '--noclean', '--target', 'noarch'];
  await runCommand('rpmbuild', [...flags, '--buildroot', rpms.root, ...defines, spec], {
    env: { HOME: scratch },
  });
  const files = rpms.packages.map((pkg) => path.join(scratch, 'rpms', `${pkg.name}.rpm`));
  const flagsOfRpm = ['--install', '--justdb', '--nodeps', '--force-debian', '--nosignature', '--noscripts'];
  await runCommand('rpm', [...flagsOfRpm, `--dbpath=${dbpath}`, ...files]);
}

function specText(packages: readonly SyntheticPackage[]): string {
  return [
    '%global debug_package %{nil}',
    '%global __os_install_post %{nil}',
    ...preamble('synthetic'),
    'Version: 1',
    'Release: 1',
    'License: MIT',
    'BuildArch: noarch',
    '%description',
    'Packages of a synthetic base tree.',
    ...packages.flatMap((pkg, index) => subpackage(pkg, packages[index - 1])),
    '',
  ].join('\n');
}

function subpackage(pkg: SyntheticPackage, before: SyntheticPackage | undefined): string[] {
  const paths = pkg.files.map((file) => `/${file.path}`);
  const own = new Set(paths.map((name) => path.posix.dirname(name)).filter((name) => name !== '/usr/bin'));
  return [
    `%package -n ${pkg.name}`,
    ...preamble(pkg.name).slice(1),
    // A chain: so that the database has as many requirements to index as a real one.
    ...(before === undefined ? [] : [`Requires: ${before.name} = 1-1`]),
    `%description -n ${pkg.name}`,
    'Files of a synthetic base tree.',
    `%files -n ${pkg.name}`,
    '%defattr(-,root,root,-)',
    ...[...own].map((name) => `%dir ${name}`),
    ...paths,
  ];
}

function preamble(name: string): string[] {
  return [`Name: ${name}`, `Summary: ${name}`, 'AutoReqProv: no'];
}
