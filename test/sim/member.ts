/**
 * One replica server of the simulated volume: a medium that outlives it, and the process that
 * serves the store on it. Like under a supervisor, what ends is started again by whoever ended it.
 */
import { readU32 } from '../../dataplane/base/big-endian.ts';
import { Fault } from '../../dataplane/base/fault.ts';
import { createStore, type HostedStore, openStore } from '../../dataplane/drive/hosted-store.ts';
import { ReplicaServer } from '../../dataplane/drive/replica.ts';
import { pageBytes } from '../../dataplane/store/checksum-table.ts';
import {
  type ByteSpan,
  type Geometry,
  regionCount,
  regionsOf,
} from '../../dataplane/store/geometry.ts';
import { filesOf, layerOfFile } from '../../dataplane/store/layer-list.ts';
import { RegionMap } from '../../dataplane/store/region-map.ts';
import { sealOf } from '../../dataplane/store/seal.ts';
import { SimDisk } from './disk.ts';
import type { SimNetwork } from './link.ts';
import type { SimMedium } from './medium.ts';
import type { Plants } from './plants.ts';
import { SimProcess } from './process.ts';
import { lineage, pace, volume } from './settings.ts';
import type { World } from './world.ts';

export interface MemberPorts {
  readonly world: World;
  readonly network: SimNetwork;
  readonly geometry: Geometry;
  readonly plants: Plants;
  /** A name that no process had before. */
  readonly incarnation: () => string;
}

/** Pause before a process that could not start is started again. */
const restartMs = 100;

export class SimMember {
  readonly id: string;
  readonly medium: SimMedium;
  process: SimProcess;
  hosted: HostedStore | undefined;
  /** Until then it does not count as the one that has everything. */
  disturbedUntilMs = 0;
  readonly #ports: MemberPorts;
  #server: ReplicaServer | undefined;

  constructor(ports: MemberPorts, medium: SimMedium) {
    this.#ports = ports;
    this.id = medium.name;
    this.medium = medium;
    this.process = new SimProcess(ports.world, medium.name);
    medium.onDataChange = (kind, file, offsetBytes, bytes) => {
      // What was merged into the layer above is taken away below.
      const { head } = this.hosted?.store.layers ?? { head: 1 };
      const ofHead = file === filesOf(head).data;
      if (kind === 'punch' && !ofHead) return;
      // A frozen block that gets its own bytes back stays what its seal says (decision 0142).
      if (!ofHead && this.#matchesSaved(file, offsetBytes, bytes)) return;
      this.#checkIntent(file, { offsetBytes, lengthBytes: bytes.length });
    };
  }

  /** Its disk refused something for good; it serves nothing until it is started again. */
  get failed(): boolean {
    return this.hosted?.store.failure !== undefined;
  }

  /** @param withVolume true only while the volume itself is made */
  async start(withVolume: boolean): Promise<void> {
    const { world, network, geometry, plants, incarnation } = this.#ports;
    const process = new SimProcess(world, this.id);
    this.process = process;
    this.hosted = undefined;
    const disk = new SimDisk(this.medium, process);
    try {
      if (!(await disk.list()).includes('identity')) {
        const identity = { volume, member: this.id, geometry };
        await createStore(disk, identity, { lineage, withVolume });
      }
      const hosted = await openStore(disk, { volume, member: this.id }, plants);
      this.hosted = hosted;
      const server = new ReplicaServer(
        {
          acceptor: network.listen(process, this.id),
          log: { info: () => {}, warn: (text) => world.note(`${this.id} warns: ${text}`) },
          onDefect: (error) => {
            process.defect(error);
          },
        },
        { incarnation: incarnation(), plants, pace },
      );
      this.#server = server;
      server.add(hosted);
      await server.serve();
    } catch (error) {
      if (!(error instanceof Fault)) process.defect(error);
      else {
        // The process ends and is started again, as its supervisor would.
        world.note(`${this.id} does not start: ${error.message}`);
        world.after(restartMs, () => {
          if (this.process === process && process.alive) this.restart();
        });
      }
    }
  }

  restart(): void {
    this.process.kill();
    void this.start(false);
  }

  /** A graceful stop: it flushes and can prove it. */
  stop(): void {
    const { process } = this;
    void this.#server?.stop().then(() => {
      process.kill();
    });
  }

  /**
   * What the store would answer for every block, read past its process.
   *
   * @param snapshot instead of the volume as it is
   */
  image(snapshot?: string): readonly string[] {
    const store = this.hosted?.store;
    const { sizeBytes, blockBytes } = this.#ports.geometry;
    const values: string[] = [];
    if (store === undefined) return values;
    for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += blockBytes) {
      const span = { offsetBytes, lengthBytes: blockBytes };
      const step = snapshot === undefined ? store.read(span) : store.readSnapshot(snapshot, span);
      let next = step.next(undefined);
      while (next.done !== true) {
        const command = next.value;
        if (command.kind !== 'read') throw new Error(`a read asked for ${command.kind}`);
        const { offsetBytes: from, lengthBytes } = command.span;
        const bytes = new Uint8Array(lengthBytes);
        const { cache } = this.medium.content(command.file);
        bytes.set(cache.subarray(from, from + lengthBytes));
        next = step.next(bytes);
      }
      const outcome = next.value;
      if (outcome === undefined) return [];
      values.push(
        outcome.kind === 'data' ? Buffer.from(outcome.bytes).toString('hex') : 'unreadable',
      );
    }
    return values;
  }

  /** Whether the seals on the medium say that these are the blocks' bytes. */
  #matchesSaved(file: string, offsetBytes: number, bytes: Uint8Array): boolean {
    const { blockBytes, regionBlocks } = this.#ports.geometry;
    const table = this.medium.content(filesOf(layerOfFile(file) ?? 0).table).medium;
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const block = (offsetBytes + at) / blockBytes;
      const region = Math.floor(block / regionBlocks);
      const place = region * pageBytes(regionBlocks) + pageBytes(block % regionBlocks);
      const saved = table.subarray(place, place + 4);
      if (saved.length < 4) return false;
      if (readU32(saved, 0) !== sealOf(bytes.subarray(at, at + blockBytes), block)) return false;
    }
    return true;
  }

  /** Reads the region map from the medium, as a crash at this moment would leave it. */
  #checkIntent(file: string, span: ByteSpan): void {
    const { geometry, world } = this.#ports;
    const regionsFile = filesOf(layerOfFile(file) ?? 0).regions;
    const map = RegionMap.load(regionCount(geometry), this.medium.content(regionsFile).medium);
    const { first, end } = regionsOf(geometry, span);
    for (let region = first; region < end; region++) {
      if (map.isDirty(region)) continue;
      world.violate(`I-11 ${this.id} writes to region ${region}, which is not dirty`);
    }
  }
}
