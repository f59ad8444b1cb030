/** Imports one package into a new repository and prints the process's peak memory in bytes. */
import fs from 'node:fs';
import { importRpm } from '#layering/import-rpm.ts';
import { readRpmFile } from '#layering/rpm-file.ts';
import { loadSyscalls } from '#native/load.ts';
import { closeRepo, createRepo } from '#ostree/repo/repo.ts';
import { Transaction } from '#ostree/repo/transaction.ts';

const [, , repoPath = '', rpmPath = ''] = process.argv;
const repo = createRepo(loadSyscalls(), repoPath, 'bare');
const txn = Transaction.begin(repo);
try {
  importRpm(txn, readRpmFile(rpmPath));
  txn.commit();
} finally {
  txn.abort();
  closeRepo(repo);
}
const [, kilobytes = ''] = /^VmHWM:\s*(\d+) kB/m.exec(fs.readFileSync('/proc/self/status', 'utf8')) ?? [];
process.stdout.write(`${Number(kilobytes) * 1024}\n`);
