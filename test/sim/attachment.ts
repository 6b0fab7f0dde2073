/** An engine on a host of its own, with the clients that use it. */
import { EngineDrive } from '../../dataplane/drive/engine.ts';
import { Client } from './client.ts';
import { SimClock } from './clock.ts';
import type { SimCluster } from './cluster.ts';
import type { History } from './history.ts';
import type { SimNetwork } from './link.ts';
import type { Plants } from './plants.ts';
import { SimProcess } from './process.ts';
import { blockBytes, type Settings, times, volume } from './settings.ts';
import type { World } from './world.ts';

export interface AttachmentPorts {
  readonly world: World;
  readonly network: SimNetwork;
  readonly cluster: SimCluster;
  readonly history: History;
  readonly settings: Settings;
  readonly plants: Plants;
  /** A value that no write had before. */
  readonly nextValue: () => number;
}

export class Attachment {
  readonly process: SimProcess;
  readonly engine: EngineDrive;
  readonly clients: readonly Client[];
  /** It has opened the volume, whether or not it still serves it. */
  hasServed = false;
  readonly #ports: AttachmentPorts;
  readonly #number: number;

  /** @param number from 1 on; its engine and clients are named after it */
  constructor(ports: AttachmentPorts, number: number, options: { readonly clients: number }) {
    this.#ports = ports;
    this.#number = number;
    const { world, network, cluster, settings, plants } = ports;
    const process = new SimProcess(world, `e${number}`);
    const { leaseMs, memberLossMs, members } = settings;
    this.process = process;
    this.engine = new EngineDrive(
      {
        clock: new SimClock(process),
        connector: network.connectorOf(process),
        cluster: cluster.seenBy(process),
        onDefect: (error) => {
          process.defect(error);
        },
        onFinding: (finding) => {
          world.note(`${process.name} scrubs: ${JSON.stringify(finding)}`);
          // Members that count are equal wherever nothing is under way (I-06, I-12).
          if (finding.kind === 'differed') {
            world.violate(`I-12 the scrub found blocks ${finding.blocks.join()} to differ`);
          }
        },
      },
      volume,
      {
        incarnation: process.name,
        // A node without a copy of its own prefers nobody.
        preferred: `r${number % (members + 1)}`,
        ...times,
        leaseMs,
        memberLossMs,
        plants,
      },
    );
    this.clients = Array.from({ length: options.clients }, (_, index) => this.#client(index));
  }

  start(): void {
    this.process.deliver(0, 'starts', () => {
      this.engine.start();
    });
    void this.engine.ready().then((failed) => {
      if (failed === undefined) this.hasServed = true;
    });
    for (const client of this.clients) void client.work();
  }

  /** Reads everything once, when nobody else does anything. */
  finalReader(): Client {
    const { world, history, settings } = this.#ports;
    return new Client(world, history, this.engine, {
      name: 'final',
      blockBytes,
      blockCount: settings.blockCount,
      hotBlocks: 1,
      thinkMs: 0,
      flushShare: 0,
      readsOnly: true,
      nextValue: () => 0,
    });
  }

  #client(index: number): Client {
    const { world, history, settings, nextValue } = this.#ports;
    const { blockCount, thinkMs, flushShare } = settings;
    return new Client(world, history, this.engine, {
      name: `c${this.#number}.${index + 1}`,
      blockBytes,
      blockCount,
      hotBlocks: Math.max(1, Math.floor(blockCount / 3)),
      thinkMs,
      flushShare,
      readsOnly: index === 1,
      nextValue,
    });
  }
}
