/** How the fallback model is turned on: `[yum-ostree] fallback-tries=N` in the repository's configuration. */
import { UserError } from '#ostree/format/errors.ts';
import { keyFileString, type KeyFile } from '#ostree/format/keyfile.ts';

/** The tries of a new deployment; null where the model is off. @throws UserError BAD_REPO */
export function fallbackTries(config: KeyFile): number | null {
  const text = keyFileString(config, 'yum-ostree', 'fallback-tries');
  if (text === null) return null;
  if (text.length === 1 && text >= '1' && text <= '9') return Number(text);
  throw new UserError('BAD_REPO', `yum-ostree.fallback-tries is '${text}', not 1 to 9`, {
    hint: "'ostree config set yum-ostree.fallback-tries 3' sets it, 'ostree config unset' turns the fallback off",
  });
}
