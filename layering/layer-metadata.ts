/** The metadata of a derived tree's commit, and the digests that tell whether there is anything to do. Pure. */
import { digest } from '#native/hash.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import type { Variant, VariantDict } from '#ostree/format/gvariant.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import type { Nevra } from '#layering/nevra.ts';
import { formatNevra } from '#layering/nevra.ts';
import { sortedItems, withoutRemote, type TreeItems } from '#layering/tree-name.ts';

/** The layout of a client layer that rpm-ostree 2026.2 reads. */
const CLIENT_LAYER_VERSION = 6;

/** A package that makes the derived tree differ from its base. */
export interface LayeredPackage {
  readonly nevra: Nevra;
  /** SHA-256 of the header, hexadecimal. */
  readonly headerDigest: string;
}

export interface LayerDescription {
  readonly treeName: string;
  /** The base's refspec, or the ref a pinned commit came from. */
  readonly base: string;
  readonly baseCommit: Checksum;
  readonly baseMetadata: VariantDict;
  readonly items: TreeItems;
  /** Specs as typed. */
  readonly requested: readonly string[];
  readonly layered: readonly LayeredPackage[];
  /** Which packages each request brought, by spec; those that the base satisfies are left out. */
  readonly requestPackages: ReadonlyMap<string, readonly string[]>;
  /** Refs of the layered packages' trees: what has to stay to compose this tree again. */
  readonly packageRefs: readonly string[];
  readonly removed: readonly Nevra[];
  /** Base packages with what stands in for them, which is among `layered`; `repo` is null for a package file. */
  readonly replaced: readonly { readonly from: Nevra; readonly to: Nevra; readonly repo: string | null }[];
  /** Everything in the derived tree's rpmdb. */
  readonly packages: readonly Nevra[];
  readonly repositories: readonly { readonly id: string; /** Seconds. */ readonly timestamp: number }[];
  readonly inputDigest: string;
  /** Of a kernel that the base has not; null for the base's own. */
  readonly kernelVersion: string | null;
  /** Arguments of dracut where the initramfs is made here; null for the base's. */
  readonly initramfsArgs: readonly string[] | null;
}

/**
 * The commit's metadata: what ostree reads, our own record (`yum-ostree.*`), and all that rpm-ostree writes for a client
 * layer, because its reader gives up where a part of it is missing.
 */
export function layerMetadata(layer: LayerDescription): VariantDict {
  return [...inherited(layer), ...ourRecord(layer), ...clientLayer(layer)].sort(([a], [b]) =>
    compareBytewise(a, b),
  );
}

/** What makes the tree. */
export type LayerState = Pick<
  LayerDescription,
  'baseCommit' | 'layered' | 'removed' | 'replaced' | 'initramfsArgs'
>;

/** SHA-256 over the base and all that is layered and removed: equal means the same tree. */
export function stateDigest(layer: LayerState): string {
  return digest('sha256', stateText(layer));
}

/** What a request is made of, besides the base: equal digests mean that there is nothing to do, without a solve. */
export interface RequestInputs {
  readonly baseCommit: Checksum;
  readonly items: Readonly<Record<string, readonly string[] | boolean>>;
  /** Per repository: id, checksum of its repomd.xml, and the settings that matter to a solve. */
  readonly repositories: readonly (readonly string[])[];
  readonly toolVersion: string;
}

export function inputDigest(inputs: RequestInputs): string {
  const items = Object.entries(inputs.items).sort(([a], [b]) => compareBytewise(a, b));
  const repositories = [...inputs.repositories].sort(([a = ''], [b = '']) => compareBytewise(a, b));
  const text = JSON.stringify([inputs.baseCommit, items, repositories, inputs.toolVersion]);
  return digest('sha256', text);
}

function inherited({ baseMetadata, kernelVersion }: LayerDescription): VariantDict {
  return baseMetadata
    .filter(([key]) => ['version', 'ostree.linux', 'ostree.bootable'].includes(key))
    .map(([key, value]) => [
      key,
      key === 'ostree.linux' && kernelVersion !== null ? s(kernelVersion) : value,
    ]);
}

function ourRecord(layer: LayerDescription): VariantDict {
  const items = sortedItems(layer.items);
  const overriding = new Set(layer.replaced.map(({ to }) => formatNevra(to)));
  const resolved = layer.layered.map(({ nevra }) => formatNevra(nevra));
  return [
    ['yum-ostree.tree-name', s(layer.treeName)],
    ['yum-ostree.base', s(withoutRemote(layer.base))],
    ['yum-ostree.base-commit', s(layer.baseCommit)],
    ['yum-ostree.packages', as(items.packages)],
    ['yum-ostree.groups', as(items.groups)],
    ['yum-ostree.removals', as(items.removals)],
    ['yum-ostree.resolved', as(resolved.filter((nevra) => !overriding.has(nevra)).sort(compareBytewise))],
    ['yum-ostree.requests', requestsVariant(layer.requestPackages)],
    ['yum-ostree.package-refs', as([...layer.packageRefs].sort(compareBytewise))],
    ['yum-ostree.input-digest', s(layer.inputDigest)],
    ['yum-ostree.state-digest', s(stateDigest(layer))],
  ];
}

function clientLayer(layer: LayerDescription): VariantDict {
  return [
    ['rpmostree.clientlayer', { type: 'b', value: true }],
    ['rpmostree.clientlayer_version', { type: 'u', value: CLIENT_LAYER_VERSION }],
    ['rpmostree.rpmmd-repos', repositoriesVariant(layer)],
    ['rpmostree.packages', as([...layer.requested].sort(compareBytewise))],
    ['rpmostree.modules', as([])],
    ['rpmostree.removed-base-packages', { type: 'av', value: layer.removed.map(nevraVariant) }],
    ['rpmostree.replaced-base-packages', replacements(layer.replaced.filter(({ repo }) => repo === null))],
    ['rpmostree.replaced-base-remote-packages', { type: 'a{sv}', value: remoteReplacements(layer) }],
    ['rpmostree.rpmdb.pkglist', { type: 'a(sssss)', value: packageList(layer.packages) }],
    ['rpmostree.state-sha512', s(digest('sha512', stateText(layer)))],
  ];
}

function stateText(layer: LayerState): string {
  const layered = layer.layered.map(({ nevra, headerDigest }) => `+${formatNevra(nevra)} ${headerDigest}`);
  const gone = [...layer.removed, ...layer.replaced.map(({ from }) => from)];
  const removed = gone.map((nevra) => `-${formatNevra(nevra)}`);
  const initramfs =
    layer.initramfsArgs === null ? [] : [JSON.stringify(['initramfs', ...layer.initramfsArgs])];
  return [layer.baseCommit, ...[...layered, ...removed, ...initramfs].sort(compareBytewise)].join('\n');
}

function requestsVariant(requests: ReadonlyMap<string, readonly string[]>): Variant {
  const value = [...requests].map(([spec, names]) => [spec, [...names].sort(compareBytewise)] as const);
  return { type: 'a{sas}', value: value.sort(([a], [b]) => compareBytewise(a, b)) };
}

/** As rpm-ostree: the new package, then the base's. */
function replacements(replaced: LayerDescription['replaced']): Variant {
  const pairs = [...replaced].sort((a, b) => compareBytewise(formatNevra(a.from), formatNevra(b.from)));
  return { type: 'a(vv)', value: pairs.map(({ from, to }) => [nevraVariant(to), nevraVariant(from)]) };
}

function remoteReplacements({ replaced }: LayerDescription): [string, Variant][] {
  const ids = [...new Set(replaced.flatMap(({ repo }) => repo ?? []))].sort(compareBytewise);
  return ids.map((id) => [`repo=${id}`, replacements(replaced.filter(({ repo }) => repo === id))]);
}

function repositoriesVariant(layer: LayerDescription): Variant {
  const value = layer.repositories.map(({ id, timestamp }) => [
    ['id', s(id)],
    ['timestamp', { type: 't', value: BigInt(timestamp) }],
  ]);
  return { type: 'aa{sv}', value };
}

function nevraVariant(nevra: Nevra): Variant {
  const { name, epoch, version, release, arch } = nevra;
  return { type: '(sstsss)', value: [formatNevra(nevra), name, BigInt(epoch), version, release, arch] };
}

function packageList(packages: readonly Nevra[]): string[][] {
  const rows = packages.map(({ name, epoch, version, release, arch }) => {
    const row = [name, String(epoch), version, release, arch];
    return { row, key: row.join('\0') };
  });
  return rows.sort((a, b) => compareBytewise(a.key, b.key)).map(({ row }) => row);
}

function s(value: string): Variant {
  return { type: 's', value };
}

function as(value: readonly string[]): Variant {
  return { type: 'as', value };
}
