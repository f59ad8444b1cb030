/** A deployment as rpm-ostree 2026.2 leaves it after it layered a package file, made with C ostree and rpm. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { readRpmFile } from '#layering/rpm-file.ts';
import { BASE_REF, runProgram, STATEROOT, type TestSystem } from '#test/root/layering-sysroot.ts';

/** Deploys the base with the package of `rpm`, which is kept as rpm-ostree keeps it. @returns the origin's entry of it */
export function layerAsRpmOstree(system: TestSystem, rpm: string): string {
  const { nevra, payloadRange } = readRpmFile(rpm);
  const start = fs.readFileSync(rpm).subarray(0, payloadRange.start);
  const sha256 = createHash('sha256').update(start).digest('hex');
  const { name, version, release, arch } = nevra;
  const full = `${name}-${version}-${release}.${arch}`;
  const files = path.join(system.directory, `cached-${name}`);
  fs.mkdirSync(files);
  runProgram('sh', ['-c', 'rpm2cpio "$0" | (cd "$1" && cpio -idm --quiet)', rpm, files]);
  commit(system, [
    ...['-b', `rpmostree/pkg/${name}/${version}-${release}.${arch}`, `--tree=dir=${files}`, '--owner-uid=0'],
    `--add-metadata=rpmostree.metadata=[byte ${[...start].map((byte) => `0x${byte.toString(16)}`).join(', ')}]`,
    `--add-metadata-string=rpmostree.metadata_sha256=${sha256}`,
    '--add-metadata=rpmostree.unpack_version=uint32 1',
  ]);
  deploy(system, { entry: `${sha256}:${full}`, layer: layerCommit(system, rpm) });
  return `${sha256}:${full}`;
}

function commit(system: TestSystem, words: readonly string[]): string {
  return runProgram('ostree', ['commit', `--repo=${system.repo}`, '--no-bindings', ...words]).trim();
}

/** The base's tree with the package put there by rpm. */
function layerCommit(system: TestSystem, rpm: string): string {
  const root = path.join(system.directory, 'client-layer');
  runProgram('ostree', ['checkout', `--repo=${system.repo}`, '--force-copy', BASE_REF, root]);
  fs.renameSync(path.join(root, 'usr/etc'), path.join(root, 'etc'));
  const place = ['--root', root, '--dbpath', '/usr/share/rpm', '--nodeps', '--nosignature'];
  runProgram('rpm', [...place, '--force-debian', '-i', rpm]);
  fs.renameSync(path.join(root, 'etc'), path.join(root, 'usr/etc'));
  for (const rest of fs.readdirSync(path.join(root, 'usr/share/rpm')))
    if (rest !== 'rpmdb.sqlite') fs.rmSync(path.join(root, 'usr/share/rpm', rest));
  return commit(system, [
    ...['--orphan', `--parent=${system.base}`, `--tree=dir=${root}`],
    ...['--add-metadata=rpmostree.clientlayer=true', '--add-metadata=rpmostree.clientlayer_version=uint32 6'],
    ...['--add-metadata=rpmostree.packages=@as []', '--add-metadata-string=version=1'],
  ]);
}

function deploy(system: TestSystem, { entry, layer }: { entry: string; layer: string }): void {
  const origin = path.join(system.directory, 'rpm-ostree.origin');
  const text = `[origin]\nbaserefspec=${BASE_REF}\n\n[packages]\nrequested-local=${entry};\n`;
  fs.writeFileSync(origin, text);
  const place = [`--sysroot=${system.sysroot}`, `--os=${STATEROOT}`, `--origin-file=${origin}`];
  runProgram('ostree', ['admin', 'deploy', ...place, layer]);
}
