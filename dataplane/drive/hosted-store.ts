/**
 * One store, opened from its directory: checks whose it is, recovers it, and puts it behind the
 * epoch gate. Creating a store is a step of its own that only happens when it was asked for.
 */
import { Fault } from '../base/fault.ts';
import type { Disk } from '../ports/disk.ts';
import { EpochGate } from '../store/epoch-gate.ts';
import { regionCount } from '../store/geometry.ts';
import { decodeIdentity, encodeIdentity, type Identity, identityFile } from '../store/identity.ts';
import {
  decodeLayerList,
  encodeLayerList,
  filesOf,
  firstLayerList,
  layerOfFile,
  type LayerList,
  layersFile,
} from '../store/layer-list.ts';
import { RegionMap } from '../store/region-map.ts';
import { Store, type StorePlants } from '../store/store.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  type Superblock,
  superblockFile,
  superblockSlotBytes,
} from '../store/superblock.ts';
import { StoreRunner } from './store-runner.ts';

export interface HostedStore {
  readonly disk: Disk;
  readonly store: Store;
  readonly runner: StoreRunner;
  readonly gate: EpochGate<object>;
}

/**
 * Makes an empty store. The identity comes last: without it there is no store, and what an
 * interrupted creation left behind is written over. Rejects with `store.foreign` where anything
 * else lies, `input.invalid` when the volume is larger than the disk.
 */
export async function createStore(
  disk: Disk,
  identity: Identity,
  birth: {
    readonly lineage: string;
    /**
     * True only while the volume itself is being made: all its stores are empty and so equal. Later
     * stores are new members, to be copied in full (I-05).
     */
    readonly withVolume: boolean;
  },
): Promise<void> {
  const found = await disk.list();
  const first = filesOf(1);
  const left: readonly string[] = [...Object.values(first), layersFile, superblockFile];
  if (found.some((name) => !left.includes(name) && !name.endsWith('.tmp'))) {
    throw new Fault('store.foreign', `The directory holds ${found.join(', ')}, not a new store.`, {
      hint: 'Give the replica an empty directory; nothing here was changed.',
    });
  }
  const capacityBytes = await disk.capacityBytes();
  const { sizeBytes } = identity.geometry;
  if (sizeBytes > capacityBytes) {
    throw new Fault(
      'input.invalid',
      `A volume of ${sizeBytes} bytes is larger than the disk under it, which has ${capacityBytes}.`,
      { hint: 'Choose a smaller volume or a larger disk; nothing here was changed.' },
    );
  }
  if (found.includes(superblockFile)) {
    const old = decodeSuperblock(await disk.readAll(superblockFile));
    if (old.promisedEpoch > 0) {
      throw new Fault('store.damaged', 'The directory holds a used store without its identity.', {
        hint: 'Put the identity file back, or empty the directory if another copy is whole.',
      });
    }
  }
  const superblock: Superblock = {
    counter: 1,
    lineage: birth.lineage,
    promisedEpoch: 0,
    promisedTo: '',
    standing: birth.withVolume ? 'in-sync' : 'new',
    clean: birth.withVolume,
    age: 0,
    peerAge: 0,
    absences: [undefined, undefined, undefined],
  };
  const slot = encodeSuperblock(superblock);
  const slots = new Uint8Array(2 * superblockSlotBytes);
  slots.set(slot, 0);
  slots.set(slot, superblockSlotBytes);
  await disk.replace(first.data, new Uint8Array(0));
  await disk.replace(first.table, new Uint8Array(0));
  await disk.replace(first.regions, new RegionMap(regionCount(identity.geometry)).file());
  await disk.replace(layersFile, encodeLayerList(firstLayerList(sizeBytes)));
  await disk.replace(superblockFile, slots);
  await disk.replace(identityFile, encodeIdentity(identity));
}

/**
 * Rejects with `store.missing`, `store.foreign`, `store.damaged`, `store.newer-format`,
 * `disk.failed`.
 */
export async function openStore(
  disk: Disk,
  expected: { readonly volume: string; readonly member: string },
  plants: StorePlants = {},
): Promise<HostedStore> {
  const names = await disk.list();
  if (!names.includes(identityFile)) {
    throw new Fault('store.missing', 'The directory holds no store.', {
      hint: 'Check that the right disk is mounted; a new store is made only on request.',
    });
  }
  const identity = decodeIdentity(await disk.readAll(identityFile));
  if (identity.volume !== expected.volume || identity.member !== expected.member) {
    throw new Fault(
      'store.foreign',
      `The directory holds ${identity.volume}/${identity.member}; expected was ${expected.volume}/${expected.member}.`,
      { hint: 'Check which disk is mounted here; nothing was changed.' },
    );
  }
  demand(names, [superblockFile, layersFile]);
  const superblock = decodeSuperblock(await disk.readAll(superblockFile));
  const layers = decodeLayerList(await disk.readAll(layersFile));
  demand(
    names,
    layers.layers.flatMap(({ layer }) => Object.values(filesOf(layer))),
  );
  const maps = await readMaps(disk, identity, layers);
  const store = new Store({ identity, superblock, layers, maps }, plants);
  await clearAway(disk, names, layers);
  const runner = new StoreRunner(disk);
  await runner.run(store.recover());
  return {
    disk,
    store,
    runner,
    gate: new EpochGate<object>(superblock.promisedEpoch, superblock.promisedTo),
  };
}

/** Throws `store.damaged` when a file is not there. */
function demand(found: readonly string[], wanted: readonly string[]): void {
  const missing = wanted.filter((name) => !found.includes(name));
  if (missing.length === 0) return;
  throw new Fault('store.damaged', `The store lacks ${missing.join(', ')}.`, {
    hint: 'Put the files back from another source, or remove the directory and let it be copied anew.',
  });
}

async function readMaps(
  disk: Disk,
  identity: Identity,
  layers: LayerList,
): Promise<ReadonlyMap<number, RegionMap>> {
  const maps = new Map<number, RegionMap>();
  for (const { layer, sizeBytes } of layers.layers) {
    const count = regionCount({ ...identity.geometry, sizeBytes });
    maps.set(layer, RegionMap.load(count, await disk.readAll(filesOf(layer).regions)));
  }
  return maps;
}

/** What a change of layers left behind that was interrupted, or that was done and not cleared. */
async function clearAway(disk: Disk, names: readonly string[], layers: LayerList): Promise<void> {
  const listed = new Set(layers.layers.map(({ layer }) => layer));
  for (const name of names) {
    const layer = layerOfFile(name);
    if (layer !== undefined && !listed.has(layer)) await disk.remove(name);
  }
}
