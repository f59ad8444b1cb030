/** What `gpg --status-fd` says of signatures, as data; and the words that ostree prints of them. */

/** One signature. Times are seconds since the epoch; 0 where there is none. */
export interface GpgSignature {
  readonly verdict:
    'good' | 'bad' | 'missing-key' | 'key-revoked' | 'key-expired' | 'signature-expired' | 'error';
  /** Fingerprint of the key that made it, or its 16-digit id where the key is not known. */
  readonly fingerprint: string;
  /** Of the primary key; equal to `fingerprint` where that one signed. */
  readonly primaryFingerprint: string;
  readonly userName: string;
  readonly userEmail: string;
  readonly created: number;
  readonly expires: number;
  readonly keyExpires: number;
  readonly primaryExpires: number;
  /** RFC 4880's number of the public key algorithm. */
  readonly algorithm: number;
}

const NO_SIGNATURE: GpgSignature = {
  verdict: 'error',
  fingerprint: '',
  primaryFingerprint: '',
  userName: '',
  userEmail: '',
  created: 0,
  expires: 0,
  keyExpires: 0,
  primaryExpires: 0,
  algorithm: 0,
};

const ALGORITHMS: Readonly<Record<number, string>> = {
  1: 'RSA',
  2: 'RSA',
  3: 'RSA',
  16: 'ELG',
  17: 'DSA',
  18: 'ECDH',
  19: 'ECDSA',
  20: 'ELG',
  22: 'EdDSA',
};

const VERDICTS: Readonly<Record<string, GpgSignature['verdict']>> = {
  GOODSIG: 'good',
  BADSIG: 'bad',
  EXPSIG: 'signature-expired',
  EXPKEYSIG: 'key-expired',
  REVKEYSIG: 'key-revoked',
};

/** The signatures in the order of the status lines (`[GNUPG:] KEYWORD …`, doc/DETAILS of GnuPG). */
export function parseGpgStatus(text: string): GpgSignature[] {
  const found: GpgSignature[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('[GNUPG:] ')) continue;
    const [keyword = '', ...words] = line.slice('[GNUPG:] '.length).split(' ');
    if (keyword === 'NEWSIG') found.push(NO_SIGNATURE);
    const last = found.pop() ?? NO_SIGNATURE;
    const next = withStatus(last, keyword, words);
    if (next !== NO_SIGNATURE || keyword === 'NEWSIG') found.push(next);
  }
  return found;
}

/** Whether at least one of the signatures is good. */
export function isAnyGood(signatures: readonly GpgSignature[]): boolean {
  return signatures.some(({ verdict }) => verdict === 'good');
}

/** ostree's words for one signature, one line each. `now` in seconds. */
export function describeSignature(signature: GpgSignature, now: number): string[] {
  const { verdict, fingerprint, primaryFingerprint, algorithm } = signature;
  const kind = ALGORITHMS[algorithm] ?? `algorithm ${algorithm}`;
  const made = signature.created === 0 ? '' : ` ${localTime(signature.created)}`;
  const first = `Signature made${made} using ${kind} key ID ${keyId(fingerprint)}`;
  if (verdict === 'missing-key') return [first, "Can't check signature: public key not found"];
  const by = `"${signature.userName} <${signature.userEmail}>"`;
  const primary =
    primaryFingerprint === '' || primaryFingerprint === fingerprint
      ? []
      : [`Primary key ID ${keyId(primaryFingerprint)}`];
  return [
    first,
    `${VERDICT_WORDS[verdict]}${verdict === 'key-revoked' ? '' : by}`,
    ...primary,
    ...expiries(signature, now),
  ];
}

const VERDICT_WORDS: Readonly<Record<GpgSignature['verdict'], string>> = {
  good: 'Good signature from ',
  bad: 'BAD signature from ',
  'missing-key': '',
  'key-revoked': 'Key revoked',
  'key-expired': 'BAD signature from ',
  'signature-expired': 'Expired signature from ',
  error: 'BAD signature from ',
};

function expiries(signature: GpgSignature, now: number): string[] {
  const line = (what: string, time: number, future: string | null): string[] => {
    if (time === 0) return [];
    if (time <= now) return [`${what} expired ${localTime(time)}`];
    return future === null ? [] : [`${what} ${future} ${localTime(time)}`];
  };
  const { primaryFingerprint, fingerprint } = signature;
  return [
    ...line('Signature', signature.expires, 'expires'),
    ...line('Key', signature.keyExpires, null),
    ...(primaryFingerprint === fingerprint ? [] : line('Primary key', signature.primaryExpires, null)),
  ];
}

function withStatus(signature: GpgSignature, keyword: string, words: readonly string[]): GpgSignature {
  const [first = '', second = '', third = '', fourth = '', , , sixth = ''] = words;
  switch (keyword) {
    case 'GOODSIG':
    case 'BADSIG':
    case 'EXPSIG':
    case 'EXPKEYSIG':
    case 'REVKEYSIG': {
      const fingerprint = signature.fingerprint === '' ? first : signature.fingerprint;
      const verdict = VERDICTS[keyword] ?? 'error';
      return { ...signature, ...userOf(words.slice(1).join(' ')), verdict, fingerprint };
    }
    case 'VALIDSIG':
      return {
        ...signature,
        fingerprint: first,
        created: Number(third),
        expires: Number(fourth),
        algorithm: Number(sixth),
        primaryFingerprint: words[9] ?? first,
      };
    case 'ERRSIG': {
      const verdict = words[5] === '9' ? 'missing-key' : 'error';
      const named = words[6] === undefined || words[6] === '-' ? first : words[6];
      const created = Number(words[4] ?? 0);
      return { ...signature, verdict, fingerprint: named, created, algorithm: Number(second) };
    }
    default:
      return signature;
  }
}

/** `Name (comment) <address>`; gpg quotes bytes as %XX. */
function userOf(text: string): Pick<GpgSignature, 'userName' | 'userEmail'> {
  const plain = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  const parts = /^(.*?)\s*<([^<>]*)>\s*$/.exec(plain);
  return { userName: parts?.[1] ?? plain, userEmail: parts?.[2] ?? '' };
}

function keyId(fingerprint: string): string {
  return fingerprint.slice(-16);
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As strftime's `%c` of the C locale, in the machine's time zone. */
export function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number, pad: string): string => String(value).padStart(2, pad);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => two(part, '0'))
    .join(':');
  const day = `${DAYS[date.getDay()] ?? ''} ${MONTHS[date.getMonth()] ?? ''} ${two(date.getDate(), ' ')}`;
  return `${day} ${clock} ${date.getFullYear()}`;
}
