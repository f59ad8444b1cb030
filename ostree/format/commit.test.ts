import { expect, test } from '#test/both-engines.ts';
import { checksumFromBytes } from '#ostree/format/checksum.ts';
import { lookupVariant, metadataString } from '#ostree/format/commit.ts';

test('metadata is looked up by key and type', () => {
  const metadata = [
    ['version', { type: 's', value: '1.2' }],
    ['ostree.bootable', { type: 'b', value: true }],
  ] as const;
  expect(lookupVariant(metadata, 'ostree.bootable', 'b')).toBe(true);
  expect(lookupVariant(metadata, 'ostree.bootable', 's')).toBeUndefined();
  const zero = checksumFromBytes(new Uint8Array(32));
  const whole = {
    metadata,
    parent: null,
    subject: '',
    body: '',
    timestamp: 0,
    rootContents: zero,
    rootMeta: zero,
  };
  expect(metadataString(whole, 'version')).toBe('1.2');
  expect(metadataString(whole, 'nothing')).toBeUndefined();
});
