/**
 * The engines of volumes that are attached nowhere and whose copies have to be filled or let go:
 * the controller names the node (`status.tendedBy`), which runs one here until the name is taken
 * away again. Nothing but the engine: no device, no server.
 *
 * An engine that a pod needs takes over by its epoch at any time; this one then ends, and what it
 * has copied is not copied again.
 */
import type { VolumeObject } from '../control/objects.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Clock } from '../ports/clock.ts';
import type { Connector } from '../ports/link.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { EngineOptions } from '../volume/engine-events.ts';
import { EngineDrive } from './engine.ts';

export interface TenderPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly connector: Connector;
  /** A manager for one volume, which it keeps to. */
  readonly clusterOf: () => Cluster;
}

export interface TenderOptions {
  readonly node: string;
  readonly times: Omit<EngineOptions, 'incarnation' | 'preferred' | 'plants'>;
}

export class Tender {
  readonly #ports: TenderPorts;
  readonly #options: TenderOptions;
  readonly #engines = new Map<string, EngineDrive>();
  readonly #ending = new Set<EngineDrive>();
  /** What was said last of each volume. */
  readonly #said = new Map<string, string>();

  constructor(ports: TenderPorts, options: TenderOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Starts and ends engines by what the volumes say now. */
  look(volumes: readonly VolumeObject[]): void {
    const { node } = this.#options;
    const wanted = volumes.filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined &&
        status.attachedTo === '' &&
        status.tendedBy === node &&
        status.record !== undefined,
    );
    const names = new Set(wanted.map(({ metadata }) => metadata.name));
    for (const [name, engine] of this.#engines) if (!names.has(name)) this.#end(engine);
    for (const volume of wanted) {
      if (!this.#engines.has(volume.metadata.name)) this.#start(volume);
    }
  }

  stop(): void {
    for (const engine of this.#engines.values()) this.#end(engine);
  }

  #start({ metadata, status }: VolumeObject): void {
    const { clock, random, log, connector, clusterOf } = this.#ports;
    const { node, times } = this.#options;
    const { name } = metadata;
    const preferred = status.places.find((at) => at.node === node)?.member ?? '';
    const engine = new EngineDrive(
      {
        clock,
        connector,
        cluster: clusterOf(),
        onDefect: (error) => {
          this.#engines.delete(name);
          const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
          log.warn('a bug ended the engine that looks after a volume', { volume: name, trace });
        },
      },
      name,
      { ...times, incarnation: random.token(), preferred, plants: {} },
    );
    this.#engines.set(name, engine);
    log.info('looks after the copies of a volume that is attached nowhere', { volume: name });
    engine.start();
    void engine.end().then(({ code, message }) => {
      this.#ending.delete(engine);
      if (this.#engines.get(name) === engine) this.#engines.delete(name);
      const expected = code === 'volume.ending' || code === 'volume.superseded';
      if (!expected && this.#said.get(name) !== message) log.warn(message, { volume: name });
      this.#said.set(name, expected ? '' : message);
    });
  }

  #end(engine: EngineDrive): void {
    if (this.#ending.has(engine)) return;
    this.#ending.add(engine);
    engine.stop();
  }
}
