import { roleOf } from '#bootloader/deployment-status.ts';
import type { FallbackState } from '#bootloader/fallback-state.ts';
import type { Standing } from '#bootloader/fallback.ts';
import { EMPTY_BLS } from '#ostree/format/bls.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import { expect, test } from '#test/both-engines.ts';

/** `a`: of os; `other:a`; `a*` booted, `a!` failed, `a+` staged, `a=` staged and locked. */
function deployment(text: string, index: number): Deployment {
  const name = text.split(':').at(-1) ?? '';
  const checksum = parseChecksum(name.charAt(0).repeat(64));
  return {
    ...{ stateroot: text.includes(':') ? 'other' : 'os', checksum, deployserial: 0, bootcsum: checksum },
    ...{ bootserial: 0, index, origin: null, kargs: [], bls: EMPTY_BLS, tries: null, isPinned: false },
    ...{
      isStaged: name.endsWith('+') || name.endsWith('='),
      isLocked: name.endsWith('='),
      isBooted: name.endsWith('*'),
    },
  };
}

function roles(...names: readonly string[]): (string | null)[] {
  const deployments = names.map(deployment);
  const standing = (at: number): Standing => ({
    kind: names[at]?.endsWith('!') === true ? 'failed' : 'good',
  });
  const fallback: FallbackState = {
    ...{ tries: 3, counter: null, problem: null },
    list: deployments.map((one, at) => ({
      ...{ deployment: one, stateroot: one.stateroot, standing: standing(at) },
    })),
  };
  const booted = deployments.find(({ isBooted }) => isBooted) ?? null;
  return deployments.map((one) => roleOf({ booted, deployments }, fallback, one));
}

test.each([
  ['not booted: none has a role', ['a', 'b'], [null, null]],
  ['around the booted one', ['a', 'b*', 'c', 'd'], ['pending', null, 'rollback', null]],
  ['of its stateroot', ['other:a', 'b*', 'other:c', 'd'], [null, null, null, 'rollback']],
  ['what has failed is passed over', ['b*', 'c!', 'd'], [null, null, 'rollback']],
  ['there may be no other', ['b*', 'c!'], [null, null]],
  ['failed, and the default still', ['a!', 'b*'], ['pending', null]],
  ['staged', ['a+', 'b*', 'c'], ['staged', null, 'rollback']],
  ['staged and locked', ['a=', 'b*'], ['finalization locked', null]],
])('%s', (_, names, expected) => {
  expect(roles(...names)).toEqual(expected);
});
