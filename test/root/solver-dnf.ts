import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface DnfRequest {
  readonly specs: readonly string[];
  readonly weak: boolean;
}

/** Repository ids and directories. */
export type DnfRepositories = Readonly<Record<string, string>>;

/** dnf's own resolution, through its Python interface (of the system's Python): nothing installed, no output to take apart. */
const SCRIPT = `
import json, sys, dnf, dnf.exceptions
repositories, scratch = json.loads(sys.argv[1]), sys.argv[2]
base = dnf.Base()
conf = base.conf
conf.installroot = scratch + '/root'
conf.cachedir = scratch + '/cache'
conf.persistdir = scratch + '/persist'
conf.logdir = scratch + '/log'
conf.pluginpath = []
conf.gpgcheck = False
conf.substitutions['releasever'] = '9'
conf.substitutions['basearch'] = 'x86_64'
conf.substitutions['arch'] = 'x86_64'
conf.module_platform_id = 'platform:el9'
for name, directory in repositories.items():
    base.repos.add_new_repo(name, conf, baseurl=['file://' + directory])
base.fill_sack(load_system_repo=False)
base.read_comps(arch_filter=True)
def resolve(request):
    base.reset(goal=True)
    conf.install_weak_deps = request['weak']
    try:
        base.install_specs(request['specs'])
        base.resolve()
        return sorted(str(p) for p in base.transaction.install_set)
    except (dnf.exceptions.DepsolveError, dnf.exceptions.MarkingErrors) as error:
        return None
print(json.dumps([resolve(request) for request in json.load(sys.stdin)]))
`;

/** For each request the NEVRAs that dnf would install into an empty root, sorted; null where it finds no solution. */
export function dnfResolves(
  repositories: DnfRepositories,
  requests: readonly DnfRequest[],
): (string[] | null)[] {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-dnf-'));
  try {
    for (const name of ['root', 'log']) fs.mkdirSync(path.join(scratch, name));
    const output = execFileSync('/usr/bin/python3', ['-c', SCRIPT, JSON.stringify(repositories), scratch], {
      input: JSON.stringify(requests),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
      env: { PATH: process.env['PATH'], HOME: scratch, LC_ALL: 'C.UTF-8' },
    });
    return JSON.parse(output) as (string[] | null)[];
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
