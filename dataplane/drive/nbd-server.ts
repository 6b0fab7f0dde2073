/**
 * An NBD server: takes clients from a listener and serves each until it leaves or the server ends.
 *
 * Promises: a client too many is turned away, not queued; what one client does never harms another;
 * `stop` finishes what is in flight, refuses the rest with ESHUTDOWN, and after its grace says how
 * many requests the services below still hold.
 */
import { nbdLimits } from '../nbd/limits.ts';
import type { HandshakeSecurity } from '../nbd/server-handshake.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { NbdListener } from '../ports/nbd-link.ts';
import { NbdConnection } from './nbd-connection.ts';
import type { NbdExports } from './nbd-export.ts';

export interface NbdServerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: NbdListener;
  readonly exports: NbdExports;
}

export class NbdServer {
  readonly #ports: NbdServerPorts;
  readonly #security: HandshakeSecurity;
  readonly #connections = new Map<NbdConnection, Promise<void>>();

  constructor(ports: NbdServerPorts, security: HandshakeSecurity) {
    this.#ports = ports;
    this.#security = security;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Serves until the listener is closed, which `stop` does. */
  async run(): Promise<void> {
    const { listener, log } = this.#ports;
    for (;;) {
      const link = await listener.accept();
      if (link === undefined) return;
      if (this.#connections.size >= nbdLimits.connectionsMax) {
        log.warn('nbd client turned away', { connections: this.#connections.size });
        link.close();
        continue;
      }
      const connection = new NbdConnection({ ...this.#ports, link }, this.#security);
      this.#connections.set(connection, this.#serve(connection));
    }
  }

  /**
   * Ends the server. Resolves when every connection is over, or after `graceMs` with those that are
   * not cut off; their requests go on below, and the number of them is returned.
   */
  async stop(graceMs: number): Promise<number> {
    this.#ports.listener.close();
    const connections = [...this.#connections.keys()];
    const ended = Promise.all(this.#connections.values());
    for (const connection of connections) connection.stop();
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.after(graceMs, () => resolve());
      void ended.then(() => {
        timer[Symbol.dispose]();
        resolve();
      });
    });
    for (const connection of this.#connections.keys()) connection.abandon();
    return connections.reduce((sum, connection) => sum + connection.working, 0);
  }

  async #serve(connection: NbdConnection): Promise<void> {
    const ending = await connection.run();
    this.#connections.delete(connection);
    const { kind, message } = ending;
    if (kind === 'violation') this.#ports.log.warn('nbd client cut off', { reason: message });
    else this.#ports.log.info('nbd client gone', { kind, reason: message });
  }
}
