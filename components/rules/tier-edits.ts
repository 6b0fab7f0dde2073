/**
 * What may become of a tier whose volumes exist: another engine under the same name would promise
 * what its volumes do not keep, and an engine that leaves takes the only way to its volumes with
 * it.
 *
 * The table of edits: docs/data-safety.md.
 */
import type { EnginesConfig } from '../config/schema/engines.ts';
import type { Shelf } from '../config/shelf.ts';
import type { KnownVolume } from './edits.ts';
import { provisionerOf } from './engines.ts';
import type { Problem } from './problem.ts';
import { needsSnapshotController } from './snapshots.ts';

/** A tier's class as the last update left it. */
export interface KnownClass {
  readonly name: string;
  readonly provisioner: string;
}

/** An engine's chart as the last update left it. */
export interface KnownEngine {
  readonly release: string;
  /** Let go in words: it may leave. */
  readonly retired: boolean;
}

/** A disk that was given to the data plane: copies of volumes are on it. */
export interface KnownStorageDisk {
  readonly node: string;
  readonly name: string;
  readonly path: string;
}

interface Known {
  readonly volumes: readonly KnownVolume[];
  readonly classes: readonly KnownClass[];
  readonly engines: readonly KnownEngine[];
  readonly storageDisks: readonly KnownStorageDisk[];
}

export function tierEditProblems(known: Known, shelf: Shelf): Problem[] {
  return [
    ...known.classes.flatMap((before) => engineChange(before, known.volumes, shelf)),
    ...known.engines.flatMap((before) => engineLeaves(before, shelf)),
    ...known.storageDisks.flatMap((before) => storageDiskLeaves(before, shelf)),
  ];
}

/** Volumes of the class keep their engine, whatever the class says: the file would be wrong. */
function engineChange(
  before: KnownClass,
  volumes: readonly KnownVolume[],
  shelf: Shelf,
): Problem[] {
  const after = shelf.tiers.find((tier) => tier.name === before.name);
  const holding = volumes.filter((volume) => volume.tier === before.name && !volume.retired);
  if (after === undefined || holding.length === 0) return [];
  const provisioner = provisionerOf(after.config);
  if (provisioner === before.provisioner) return [];
  return [
    {
      path: `${after.path}.engine`,
      found: `${after.engine} (${provisioner}), and ${holding.map((volume) => volume.name).join(', ')} on this tier were made by ${before.provisioner}`,
      allowed:
        'the engine that made its volumes: they stay with it, and the promise of another would not hold for them',
      todo: 'write the engine as it was, and declare a second tier with the new one; move each volume by a second volume there, copy, then retire the first',
    },
  ];
}

const keyOfRelease: Readonly<
  Record<string, { readonly key: keyof EnginesConfig; readonly engine: string }>
> = {
  longhorn: { key: 'longhorn', engine: 'longhorn' },
  'csi-driver-nfs': { key: 'nfs', engine: 'nfs' },
  'openebs-localpv': { key: 'openebs', engine: 'openebs-hostpath' },
  'rook-ceph': { key: 'rookCeph', engine: 'rook-ceph' },
  mayastor: { key: 'mayastor', engine: 'mayastor' },
  topolvm: { key: 'topolvm', engine: 'topolvm' },
  'snapshot-controller': { key: 'snapshotController', engine: 'the snapshot controller' },
  // No chart: the program declares the data plane itself.
  'larder-node': { key: 'larder', engine: 'larder' },
};

function engineLeaves(before: KnownEngine, shelf: Shelf): Problem[] {
  const known = Object.hasOwn(keyOfRelease, before.release)
    ? keyOfRelease[before.release]
    : undefined;
  if (known === undefined || before.retired) return [];
  const { key, engine } = known;
  const isNeeded =
    key === 'snapshotController'
      ? needsSnapshotController(shelf)
      : shelf.tiers.some((tier) => tier.engine === engine);
  const setup = shelf.engines[key];
  const isDeclared = isNeeded && (!('install' in setup) || setup.install);
  // The data plane has no release on which the word could be kept: it stands in the file alone.
  if (isDeclared || (key === 'larder' && setup.retire)) return [];
  const path = `larder:engines.${key}`;
  return [
    {
      path: isNeeded ? `${path}.install` : 'larder:tiers',
      found: isNeeded
        ? `false, and this stack set up ${engine}`
        : key === 'snapshotController'
          ? 'no volume any more of which snapshots are taken, and this stack set up their controller'
          : `no tier of the engine ${engine} any more, which this stack set up`,
      allowed: `${engine}, until it was let go in words: no volume that it made, here or in other stacks, can be read without it`,
      todo: `put it back. To let go of it on purpose, move its data away, write \`retire: true\` under ${path}, run \`pulumi up\`, then remove it: it stays in the cluster until you uninstall it there`,
    },
  ];
}

/** A disk with copies on it that is not declared any more takes them away, the only one perhaps. */
function storageDiskLeaves(before: KnownStorageDisk, shelf: Shelf): Problem[] {
  const { node, name, path } = before;
  const { larder } = shelf.engines;
  const tiers = shelf.tiers.filter((tier) => tier.engine === 'larder');
  const after = tiers
    .flatMap((tier) => tier.disks)
    .find((disk) => disk.node === node && disk.name === name);
  if (after?.mountPath === path || larder.retire || larder.leaving.includes(`${node}/${name}`))
    return [];
  return [
    {
      path: 'larder:nodes',
      found:
        after === undefined
          ? `no ${node}/${name} any more that serves a tier of the engine larder`
          : `${node}/${name} at ${after.mountPath}, and its copies are at ${path}`,
      allowed:
        'every disk that was given to the data plane: copies of volumes are on it, perhaps the only ones',
      todo: `put it back. To take it away on purpose, let the copies be made elsewhere first (every volume healthy without it), then write \`leaving: [${node}/${name}]\` under larder:engines.larder`,
    },
  ];
}
