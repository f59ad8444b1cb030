/** File capabilities: from the text that %caps and cap_to_text(3) use to the bytes of `security.capability`. Pure. */
import { UserError } from '#ostree/format/errors.ts';

/** In the kernel's order (linux/capability.h). */
const NAMES = [
  'chown',
  'dac_override',
  'dac_read_search',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'linux_immutable',
  'net_bind_service',
  'net_broadcast',
  'net_admin',
  'net_raw',
  'ipc_lock',
  'ipc_owner',
  'sys_module',
  'sys_rawio',
  'sys_chroot',
  'sys_ptrace',
  'sys_pacct',
  'sys_admin',
  'sys_boot',
  'sys_nice',
  'sys_resource',
  'sys_time',
  'sys_tty_config',
  'mknod',
  'lease',
  'audit_write',
  'audit_control',
  'setfcap',
  'mac_override',
  'mac_admin',
  'syslog',
  'wake_alarm',
  'block_suspend',
  'audit_read',
  'perfmon',
  'bpf',
  'checkpoint_restore',
];
const ALL = (1n << BigInt(NAMES.length)) - 1n;

/** VFS_CAP_REVISION_2 and its flag for "effective". */
const REVISION = 0x02000000;
const EFFECTIVE = 1;

interface Sets {
  readonly e: bigint;
  readonly i: bigint;
  readonly p: bigint;
}

/**
 * The value of `security.capability` (20 bytes, revision 2).
 * @throws UserError BAD_CAPABILITIES for text that cap_from_text(3) would not take, or that a file cannot carry
 */
export function capabilityXattr(text: string): Uint8Array {
  const sets = parseCapabilities(text);
  // A file says of effective only "all that it gets" or "none".
  if (sets.e !== 0n && sets.e !== (sets.p | sets.i)) throw malformed(text);
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, REVISION | (sets.e === 0n ? 0 : EFFECTIVE), true);
  view.setUint32(4, low(sets.p), true);
  view.setUint32(8, low(sets.i), true);
  view.setUint32(12, low(sets.p >> 32n), true);
  view.setUint32(16, low(sets.i >> 32n), true);
  return bytes;
}

/** Clauses one after the other: a list of capabilities, then `=`, `+` or `-` with the sets they go into or leave. */
function parseCapabilities(text: string): Sets {
  let sets: Sets = { e: 0n, i: 0n, p: 0n };
  const clauses = text.split(/\s+/).filter((clause) => clause !== '');
  if (clauses.length === 0) throw malformed(text);
  for (const clause of clauses) {
    const [, list = '', actions = ''] = /^([a-z0-9_,]*)((?:[=+-][eip]*)+)$/i.exec(clause) ?? [];
    if (actions === '' || (list === '' && !actions.startsWith('='))) throw malformed(text);
    const mask = list === '' ? ALL : maskOf(list.toLowerCase(), text);
    for (const [, operator, flags = ''] of actions.matchAll(/([=+-])([eip]*)/gi))
      sets = apply(sets, { mask, operator: operator ?? '', flags: flags.toLowerCase(), text });
  }
  return sets;
}

function maskOf(list: string, text: string): bigint {
  return list.split(',').reduce((mask, word) => {
    if (word === 'all') return ALL;
    const index = word.startsWith('cap_') ? NAMES.indexOf(word.slice(4)) : numbered(word);
    if (index < 0) throw malformed(text);
    return mask | (1n << BigInt(index));
  }, 0n);
}

function numbered(word: string): number {
  return /^[0-9]+$/.test(word) && Number(word) < NAMES.length ? Number(word) : -1;
}

interface Action {
  readonly mask: bigint;
  readonly operator: string;
  readonly flags: string;
  readonly text: string;
}

function apply(sets: Sets, { mask, operator, flags, text }: Action): Sets {
  if (flags === '' && operator !== '=') throw malformed(text);
  const change = (name: keyof Sets): bigint => {
    const before = operator === '=' ? sets[name] & ~mask : sets[name];
    if (!flags.includes(name)) return before;
    return operator === '-' ? before & ~mask : before | mask;
  };
  return { e: change('e'), i: change('i'), p: change('p') };
}

function low(bits: bigint): number {
  return Number(bits & 0xffffffffn);
}

function malformed(text: string): UserError {
  return new UserError('BAD_CAPABILITIES', `'${text}' is not a set of file capabilities`);
}
