// The distribution's packages without touching the machine's own apt: lists of its own, /etc and /var/lib/apt stay.
import fs from 'node:fs';
import path from 'node:path';
import { run } from './run-command.mjs';

/**
 * Options for apt-get, after an update: it knows the machine's own package sources as sources of `type` ('deb-src' or
 * 'deb'), for `architecture` (dpkg's name; the machine's own where it is not given). Below the directory `work`.
 */
export function privateApt(work, { type, architecture }) {
  const parts = path.join(work, 'sources');
  fs.mkdirSync(parts);
  fs.mkdirSync(path.join(work, 'lists/partial'), { recursive: true });
  if (!writeSourceLists(parts, type)) throw new Error('no package sources in /etc/apt to fetch from');
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
  ];
  if (architecture !== undefined)
    options.push(['APT::Architecture', architecture], ['APT::Architectures', architecture]);
  const apt = options.flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run(work, 'apt-get', [...apt, '-q', 'update']);
  return apt;
}

/** In both formats apt knows. */
function writeSourceLists(parts, type) {
  const directory = '/etc/apt/sources.list.d';
  const names = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  const files = [...names.map((name) => path.join(directory, name)), '/etc/apt/sources.list'];
  const usable = files.filter((file) => /\.(sources|list)$/.test(file) && fs.existsSync(file));
  const written = usable.map((file) => {
    const text = fs.readFileSync(file, 'utf8');
    const entries = file.endsWith('.sources')
      ? text.replace(/^Types:.*$/gm, `Types: ${type}`)
      : text.replace(/^deb(\s)/gm, `${type}$1`);
    fs.writeFileSync(path.join(parts, path.basename(file)), entries);
    return entries.includes(type);
  });
  return written.includes(true);
}
