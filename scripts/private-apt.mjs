// The distribution's packages without touching the machine's own apt: lists of its own, /etc and /var/lib/apt stay.
import fs from 'node:fs';
import path from 'node:path';
import { run } from './run-command.mjs';

/**
 * Options for apt-get, after an update: it knows the machine's own package sources, for another architecture (dpkg's
 * name). Below the directory `work`.
 */
export function privateApt(work, architecture) {
  const parts = path.join(work, 'sources');
  fs.mkdirSync(parts);
  fs.mkdirSync(path.join(work, 'lists/partial'), { recursive: true });
  if (!writeSourceLists(parts)) throw new Error('no package sources in /etc/apt to fetch from');
  const options = [
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', parts],
    ['Dir::State::lists', path.join(work, 'lists')],
    ['Dir::Cache::pkgcache', ''],
    ['Dir::Cache::srcpkgcache', ''],
    // The scratch folder is private, so apt's own user could not read it.
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
    ['Acquire::Retries', '3'],
    ['APT::Architecture', architecture],
    ['APT::Architectures', architecture],
  ];
  const apt = options.flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run(work, 'apt-get', [...apt, '-q', 'update']);
  return apt;
}

function writeSourceLists(parts) {
  const directory = '/etc/apt/sources.list.d';
  const names = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  const files = [...names.map((name) => path.join(directory, name)), '/etc/apt/sources.list'];
  const usable = files.filter((file) => /\.(sources|list)$/.test(file) && fs.existsSync(file));
  for (const file of usable) fs.copyFileSync(file, path.join(parts, path.basename(file)));
  return usable.length > 0;
}
