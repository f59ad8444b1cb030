/** What a deployment follows: the decisions of `upgrade` and `switch`, on plain data. */
import { metadataString, type Commit } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import { keyFileString, withKey, withoutGroup, type KeyFile } from '#ostree/format/keyfile.ts';
import { formatRefspec, parseRefspec, type Refspec } from '#ostree/format/ref-name.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';

/**
 * The refspec that an origin follows.
 * @throws UserError UNCONFIGURED with the operator's words where the origin says that updates are not set up; USAGE
 */
export function followedRefspec(origin: KeyFile | null, stateroot: string): Refspec {
  const unconfigured = origin === null ? null : keyFileString(origin, 'origin', 'unconfigured-state');
  if (unconfigured !== null)
    throw new UserError('UNCONFIGURED', `origin unconfigured-state: ${unconfigured}`);
  return originalRefspec(origin, stateroot);
}

/** As `followedRefspec`, whatever the state of configuration. @throws UserError USAGE */
export function originalRefspec(origin: KeyFile | null, stateroot: string): Refspec {
  const refspec = origin === null ? null : keyFileString(origin, 'origin', 'refspec');
  if (refspec === null)
    throw new UserError('USAGE', `the deployment of '${stateroot}' follows no ref`, {
      hint: `'ostree admin set-origin' gives it one`,
    });
  return parseRefspec(refspec);
}

/**
 * What `switch TEXT` means for a deployment that follows `from`: `REF` keeps the remote, `REMOTE:` keeps the ref.
 * @throws UserError USAGE where that is the same; BAD_REF_NAME
 */
export function switchedRefspec(from: Refspec, text: string): Refspec {
  const to = text.endsWith(':')
    ? parseRefspec(`${text}${from.ref}`)
    : text.includes(':')
      ? parseRefspec(text)
      : { ...parseRefspec(text), remote: from.remote };
  if (formatRefspec(to) !== formatRefspec(from)) return to;
  throw new UserError('USAGE', `Old and new refs are equal: ${formatRefspec(to)}`);
}

/** The origin of the upgraded deployment: without what belonged to the old one alone. */
export function upgradedOrigin(origin: KeyFile | null, refspec: Refspec): KeyFile {
  const text = formatRefspec(refspec);
  if (origin === null) return refspecOrigin(text);
  const kept = withoutGroup(withKey(origin, 'origin', 'override-commit', null), 'libostree-transient');
  return withKey(kept, 'origin', 'refspec', text);
}

/** Where a commit that ends its branch sends its followers; null where it does not. */
export function endOfLifeRebase(commit: Commit, from: Refspec): Refspec | null {
  const text = metadataString(commit, 'ostree.endoflife-rebase');
  if (text === undefined) return null;
  return text.includes(':') ? parseRefspec(text) : { ...parseRefspec(text), remote: from.remote };
}
