/**
 * One volume in the process of the engines: its engine and its NBD server, opened, watched, and
 * opened again when a bug has ended them. Nothing of a volume outlives its engine: what counts is
 * with the members and in the record, so that starting over inside a process is as good as starting
 * a process, and the neighbours go on (docs/decisions/0086).
 */
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';
import { EngineDrive } from '../drive/engine.ts';
import { MeasuredBlocks } from '../drive/measured-blocks.ts';
import { NbdExport, NbdExports } from '../drive/nbd-export.ts';
import { NbdServer } from '../drive/nbd-server.ts';
import { RoomBehind } from '../drive/room-behind.ts';
import { roomyExport } from '../nbd/export-info.ts';
import { listenUnix } from '../host/nbd-listener.ts';
import { HostRandom } from '../host/random.ts';
import type { BlockService } from '../ports/block-service.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Connector } from '../ports/link.ts';
import type { Log } from '../ports/log.ts';
import type { NbdListener } from '../ports/nbd-link.ts';
import { engineFamilies } from '../report/engine-metrics.ts';
import type { Family } from '../report/metrics.ts';
import { tellFinding } from './scrub-words.ts';
import { VolumeFindings } from './volume-findings.ts';

export interface VolumeServicePorts {
  readonly clock: Clock;
  readonly connector: Connector;
  readonly log: Log;
  /** Holds this service while it runs. */
  readonly running?: Set<VolumeService>;
}

export interface VolumeServiceOptions {
  readonly volume: string;
  /** Holds the volume's record. */
  readonly cluster: Cluster;
  /** Unix socket that NBD clients open. */
  readonly socket: string;
  /** The member on this node, asked first for reads; may be empty. */
  readonly preferred: string;
}

/** Chosen for a stall of at most two seconds when a member dies (docs/promises.md). */
export const engineTimes = {
  leaseMs: 1500,
  heartbeatMs: 300,
  memberLossMs: 1200,
  retryMs: 100,
  quietFlushMs: 5000,
  growMs: 3000,
  scrubPassMs: limits.scrubPassMs,
} as const;

/** How long requests in flight may take when the engine is told to stop. */
const stopGraceMs = 10_000;
/** Before a volume that a bug has ended is opened again. */
const restartMs = 1000;

/** The volume as it is, and for clients that cannot be told a new size, with room to grow. */
function exportsOf(volume: string, blocks: BlockService): NbdExports {
  const roomy = new RoomBehind(blocks, limits.volumeBytesMax);
  return new NbdExports([
    new NbdExport({ name: volume, blocks }),
    new NbdExport({
      name: roomyExport(volume),
      description: 'the same with room behind its end',
      blocks: roomy,
    }),
  ]);
}

export class VolumeService {
  readonly #ports: VolumeServicePorts;
  readonly #options: VolumeServiceOptions;
  readonly #stopping = new AbortController();
  readonly #findings: VolumeFindings;
  /** Of the engine that runs now. */
  #blocks: MeasuredBlocks | undefined;
  #engine: EngineDrive | undefined;
  /** Since when it waits for something. */
  #waitingSinceMs: number | undefined;

  constructor(ports: VolumeServicePorts, options: VolumeServiceOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#findings = new VolumeFindings(options.cluster, options.volume, ports.log);
  }

  /** Resolves with the reason when the volume is served no more. */
  async run(): Promise<Fault> {
    const { running } = this.#ports;
    running?.add(this);
    try {
      return await this.#run();
    } finally {
      running?.delete(this);
    }
  }

  async #run(): Promise<Fault> {
    const { log, clock } = this.#ports;
    const { volume, socket } = this.#options;
    for (;;) {
      try {
        // Before anything is claimed: a socket that is in use may be that of a healthy engine.
        const listener = await listenUnix({ path: socket });
        try {
          const end = await this.#serve(listener);
          if (end.code === 'volume.data-lost') await this.#findings.lost(end);
          return end;
        } finally {
          listener.close();
        }
      } catch (error) {
        if (error instanceof Fault) return error;
        const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
        log.warn('a bug ended the engine; it starts again', { volume, trace });
        await new Promise<void>((resolve) => {
          clock.after(restartMs, resolve);
        });
      }
    }
  }

  /** Of the engine that runs now; they begin at zero with each. */
  families(): readonly Family[] {
    const [engine, blocks] = [this.#engine, this.#blocks];
    if (engine === undefined || blocks === undefined) return [];
    const { volume } = this.#options;
    const nowMs = this.#ports.clock.nowMs();
    const since = (atMs: number | undefined) =>
      atMs === undefined ? undefined : (nowMs - atMs) / 1000;
    const { epoch, serving, copiedBytes, scrub } = engine;
    const waitingSeconds = since(this.#waitingSinceMs) ?? 0;
    const scrubAgeSeconds = since(scrub.lastPassEndedAtMs);
    const health = { epoch, serving, copiedBytes, scrub, waitingSeconds, scrubAgeSeconds };
    return [...engineFamilies(volume, health), ...blocks.families(volume)];
  }

  /** Makes durable what was taken, and leaves (I-20). */
  stop(): void {
    this.#stopping.abort();
  }

  /** After `stop`, when that takes too long: what is not durable yet is given up. */
  abandon(): void {
    this.#engine?.abandon();
  }

  /** Rejects with what is a bug. */
  async #serve(listener: NbdListener): Promise<Fault> {
    const { clock, log, connector } = this.#ports;
    const { volume, cluster, preferred } = this.#options;
    const defect = Promise.withResolvers<never>();
    const engine = new EngineDrive(
      {
        clock,
        connector,
        cluster,
        onDefect: defect.reject,
        onReason: (reason) => {
          this.#waitingSinceMs = reason === '' ? undefined : clock.nowMs();
          if (reason === '') log.info('goes on', { volume });
          else log.warn('waits', { volume, reason });
        },
        onFinding: (finding) => {
          tellFinding(log, volume, finding);
          this.#findings.scrubbed(finding);
        },
      },
      volume,
      { ...engineTimes, incarnation: new HostRandom().token(), preferred, plants: {} },
    );
    this.#engine = engine;
    this.#waitingSinceMs = undefined;
    const blocks = new MeasuredBlocks(engine, clock);
    this.#blocks = blocks;
    let server: NbdServer | undefined;
    const stop = () => {
      const left = server?.stop(stopGraceMs) ?? Promise.resolve(0);
      void left.then(() => {
        engine.stop();
      });
    };
    const { signal } = this.#stopping;
    engine.start();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    try {
      const failed = await Promise.race([engine.ready(), defect.promise]);
      if (failed !== undefined) return failed;
      const exports = exportsOf(volume, blocks);
      server = new NbdServer({ clock, log, listener, exports }, 'plain');
      server.run().catch(defect.reject);
      process.stdout.write(`serving ${volume} epoch ${engine.epoch}\n`);
      return await Promise.race([engine.end(), defect.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
      await server?.stop(0);
    }
  }
}
