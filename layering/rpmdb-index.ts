/** The index tables of rpmdb.sqlite: which tag each one is of, and the rows that a header gives it. Pure. */
import {
  getNumbers,
  getRaw,
  getString,
  getStringKeys,
  getStrings,
  type RpmHeader,
} from '#layering/rpm-header.ts';
import { richNames } from '#layering/rpm-rich-names.ts';
import { SENSE, TAG } from '#layering/rpm-tags.ts';

export interface IndexTable {
  readonly name: string;
  readonly tag: number;
  readonly keyType: 'TEXT' | 'BLOB';
  /** Indexes that rpm makes beside the table. */
  readonly indexes: readonly ('key' | 'hnum')[];
}

export interface IndexRow {
  /** Bytes for keys of the BLOB type and for texts that are not UTF-8. */
  readonly key: string | Uint8Array;
  /** The value's place in its tag; the trigger's number for file triggers. */
  readonly idx: number;
}

/** In the order in which rpm makes them. */
export const INDEX_TABLES: readonly IndexTable[] = [
  { name: 'Name', tag: TAG.NAME, keyType: 'TEXT', indexes: ['key'] },
  { name: 'Basenames', tag: TAG.BASENAMES, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Group', tag: TAG.GROUP, keyType: 'TEXT', indexes: ['key'] },
  { name: 'Requirename', tag: TAG.REQUIRENAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Providename', tag: TAG.PROVIDENAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Conflictname', tag: TAG.CONFLICTNAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Obsoletename', tag: TAG.OBSOLETENAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Triggername', tag: TAG.TRIGGERNAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Dirnames', tag: TAG.DIRNAMES, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Installtid', tag: TAG.INSTALLTID, keyType: 'BLOB', indexes: [] },
  { name: 'Sigmd5', tag: TAG.SIGMD5, keyType: 'BLOB', indexes: [] },
  { name: 'Sha1header', tag: TAG.SHA1HEADER, keyType: 'TEXT', indexes: ['key'] },
  { name: 'Filetriggername', tag: TAG.FILETRIGGERNAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Transfiletriggername', tag: TAG.TRANSFILETRIGGERNAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Recommendname', tag: TAG.RECOMMENDNAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Suggestname', tag: TAG.SUGGESTNAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Supplementname', tag: TAG.SUPPLEMENTNAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
  { name: 'Enhancename', tag: TAG.ENHANCENAME, keyType: 'TEXT', indexes: ['key', 'hnum'] },
];

const INSTALL_ONLY =
  SENSE.SCRIPT_PRE | SENSE.SCRIPT_POST | SENSE.RPMLIB | SENSE.KEYRING | SENSE.PRETRANS | SENSE.POSTTRANS;
const ERASE_ONLY = SENSE.SCRIPT_PREUN | SENSE.SCRIPT_POSTUN;

/** The rows of one table for one installed header, in the order in which rpm writes them. */
export function indexRows(table: IndexTable, header: RpmHeader): IndexRow[] {
  switch (table.tag) {
    case TAG.INSTALLTID:
      return getNumbers(header, table.tag).map((value, idx) => ({ key: littleEndian(value), idx }));
    case TAG.SIGMD5: {
      const entry = header.entries.get(table.tag);
      return entry === undefined ? [] : [{ key: getRaw(header, entry), idx: 0 }];
    }
    case TAG.GROUP:
      return [{ key: getString(header, table.tag) ?? 'Unknown', idx: 0 }];
    case TAG.REQUIRENAME:
      return requirements(header);
    case TAG.CONFLICTNAME:
    case TAG.RECOMMENDNAME:
    case TAG.SUGGESTNAME:
    case TAG.SUPPLEMENTNAME:
    case TAG.ENHANCENAME:
      return getStringKeys(header, table.tag).flatMap(withRichNames);
    case TAG.TRIGGERNAME:
      return firstOfEach(getStrings(header, table.tag));
    case TAG.FILETRIGGERNAME:
      return numbered(header, table.tag, TAG.FILETRIGGERINDEX);
    case TAG.TRANSFILETRIGGERNAME:
      return numbered(header, table.tag, TAG.TRANSFILETRIGGERINDEX);
    default:
      return getStringKeys(header, table.tag).map((key, idx) => ({ key, idx }));
  }
}

/** What is needed only while installing is of no use to a later transaction. */
function requirements(header: RpmHeader): IndexRow[] {
  const flags = getNumbers(header, TAG.REQUIREFLAGS);
  return getStringKeys(header, TAG.REQUIRENAME).flatMap((key, idx) => {
    const bits = flags[idx] ?? 0;
    const onlyInstall = (bits & INSTALL_ONLY) !== 0 && (bits & ERASE_ONLY) === 0;
    return onlyInstall ? [] : withRichNames(key, idx);
  });
}

function withRichNames(key: string | Uint8Array, idx: number): IndexRow[] {
  const names = typeof key === 'string' ? richNames(key) : [];
  return [key, ...names].map((name) => ({ key: name, idx }));
}

function firstOfEach(names: readonly string[]): IndexRow[] {
  return names.flatMap((key, idx) => (names.indexOf(key) === idx ? [{ key, idx }] : []));
}

function numbered(header: RpmHeader, names: number, indexes: number): IndexRow[] {
  const triggers = getNumbers(header, indexes);
  return getStrings(header, names).map((key, i) => ({ key, idx: triggers[i] ?? 0 }));
}

/** rpm stores numbers in the byte order of the machine; all machines that we run on agree. */
function littleEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
