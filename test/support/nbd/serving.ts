/** A running NBD server over real sockets, for one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  NbdExport,
  type NbdExportOptions,
  NbdExports,
} from '../../../dataplane/drive/nbd-export.ts';
import { NbdServer } from '../../../dataplane/drive/nbd-server.ts';
import {
  listenTcp,
  listenUnix,
  type SocketListener,
} from '../../../dataplane/host/nbd-listener.ts';
import type { NbdServerTls } from '../../../dataplane/host/nbd-tls.ts';
import type { BlockService } from '../../../dataplane/ports/block-service.ts';
import { realClock } from './real-clock.ts';

export class Serving implements AsyncDisposable {
  readonly folder: string;
  readonly listener: SocketListener;
  readonly server: NbdServer;
  /** Lines of the server's log. */
  readonly logged: string[];
  #stopped = false;

  private constructor(
    folder: string,
    listener: SocketListener,
    exports: NbdExports,
    security: 'plain' | 'tls-optional' | 'tls-required',
  ) {
    const logged: string[] = [];
    const note = (message: string, labels = {}): void => {
      logged.push(`${message} ${JSON.stringify(labels)}`);
    };
    this.folder = folder;
    this.logged = logged;
    this.listener = listener;
    const log = { info: note, warn: note };
    this.server = new NbdServer({ clock: realClock, log, listener, exports }, security);
    void this.server.run();
  }

  /** On a unix socket in a folder of its own. */
  static async unix(
    blocks: BlockService,
    options: { readonly tls?: NbdServerTls } & Partial<NbdExportOptions> = {},
  ): Promise<Serving> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'larder-nbd-'));
    const listener = await listenUnix({ path: path.join(folder, 'nbd.sock') }, options.tls);
    const security = options.tls === undefined ? 'plain' : 'tls-optional';
    return new Serving(folder, listener, exportsOf(blocks, options), security);
  }

  /** On a free port of the loopback, which demands TLS. */
  static async tcp(blocks: BlockService, tls: NbdServerTls): Promise<Serving> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'larder-nbd-'));
    const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, tls);
    return new Serving(folder, listener, exportsOf(blocks, {}), 'tls-required');
  }

  get socket(): string {
    return path.join(this.folder, 'nbd.sock');
  }

  /** For the programs of libnbd and qemu. */
  get uri(): string {
    return `nbd+unix:///disk?socket=${this.socket}`;
  }

  async stop(graceMs: number): Promise<number> {
    this.#stopped = true;
    return this.server.stop(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopped) await this.stop(1_000);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function exportsOf(blocks: BlockService, options: Partial<NbdExportOptions>): NbdExports {
  return new NbdExports([new NbdExport({ name: 'disk', ...options, blocks })]);
}
