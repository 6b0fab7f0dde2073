/**
 * A replicated volume as real processes: replica servers and an engine over Unix sockets, in one
 * directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { issue, makeAuthority, validFor } from '../../dataplane/host/authority.ts';
import { DirectoryCluster } from '../../dataplane/host/cluster.ts';
import { connectNbd } from '../../dataplane/host/nbd-connect.ts';
import { NbdClient } from '../../dataplane/drive/nbd-client.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { compareCopies } from '../support/copies.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { firstRecord, inSyncIds } from '../../dataplane/volume/record.ts';

/** What a process is told about its certificates. */
function tlsOf(directory: string | undefined, name: string): object {
  if (directory === undefined) return {};
  const file = (kind: string) => path.join(directory, kind);
  const key = file(`${name}.key`);
  return { tls: { key, certificate: file(`${name}.crt`), authority: file('authority.crt') } };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const at = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return typeof at === 'object' && at !== null ? at.port : 0;
}

const root = path.resolve(import.meta.dirname, '../..');
const volume = 'test-volume';

/** A bound against hanging; a virtual machine needs most of it. */
const startMs = 60_000;

export class RunningVolume {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'larder-volume-'));
  readonly volume = volume;
  readonly members: readonly string[];
  #engines = 0;
  readonly #processes = new Map<string, ChildProcess>();
  readonly #cluster: DirectoryCluster;
  readonly sizeBytes: number;

  readonly #ports = new Map<string, number>();
  readonly #proxies = new Map<string, TcpProxy>();
  /** Where the certificates are; undefined over Unix sockets. */
  readonly #certificates: string | undefined;

  private constructor(members: readonly string[], sizeBytes: number, tls: boolean) {
    this.members = members;
    this.#certificates = tls ? path.join(this.directory, 'certificates') : undefined;
    this.sizeBytes = sizeBytes;
    const record = path.join(this.directory, 'record');
    mkdirSync(record);
    this.#cluster = new DirectoryCluster(record);
  }

  /**
   * With `tls`, over TCP with certificates, through proxies that can be cut. With `prepare`, what a
   * member's directory lies on is put there before its store is made.
   */
  static async make(
    members: readonly string[],
    sizeBytes: number,
    options: {
      readonly tls?: boolean;
      readonly prepare?: (id: string, directory: string) => Promise<void>;
    } = {},
  ): Promise<RunningVolume> {
    const made = new RunningVolume(members, sizeBytes, options.tls ?? false);
    try {
      await made.#prepareTls();
      for (const id of members) {
        mkdirSync(path.join(made.directory, id));
        await options.prepare?.(id, path.join(made.directory, id));
      }
      await made.#startAll();
      return made;
    } catch (error) {
      for (const name of made.#processes.keys()) await made.kill(name);
      throw error;
    }
  }

  async #startAll(): Promise<void> {
    await this.#cluster.create(
      firstRecord(
        {
          volume,
          lineage: 'first',
          sizeBytes: this.sizeBytes,
          blockBytes: 4096,
          regionBlocks: 1024,
        },
        this.members.map((id) => ({ id, address: this.#addressOf(id) })),
      ),
    );
    for (const id of this.members) await this.startMember(id, true);
    await this.startEngine();
  }

  /** @param certificates a directory of another authority than the volume's */
  async startMember(
    id: string,
    withVolume = false,
    certificates = this.#certificates,
  ): Promise<void> {
    const create = { lineage: 'first', sizeBytes: this.sizeBytes, withVolume };
    const store = { volume, member: id, directory: path.join(this.directory, id), create };
    const port = this.#ports.get(id);
    const listen = port === undefined ? this.#socketOf(id) : `127.0.0.1:${port}`;
    const tls = tlsOf(certificates, id);
    await this.#start(id, 'dataplane/main/replica.ts', { listen, stores: [store], ...tls });
  }

  async startEngine(): Promise<void> {
    const record = path.join(this.directory, 'record');
    this.#engines += 1;
    await this.#start('engine', 'dataplane/main/engine.ts', {
      volumes: [{ volume, record, socket: this.socket }],
      ...tlsOf(this.#certificates, 'engine'),
    });
  }

  /** No byte passes between this member and engines, until it is mended. Over TLS only. */
  cut(id: string): void {
    this.#proxies.get(id)?.cut();
  }

  mend(id: string): void {
    this.#proxies.get(id)?.mend();
  }

  #socketOf(id: string): string {
    return path.join(this.directory, `${id}.socket`);
  }

  #addressOf(id: string): string {
    const proxy = this.#proxies.get(id);
    return proxy === undefined ? this.#socketOf(id) : `${id}@127.0.0.1:${proxy.port}`;
  }

  async #prepareTls(): Promise<void> {
    const directory = this.#certificates;
    if (directory === undefined) return;
    mkdirSync(directory);
    const authority = await makeAuthority(validFor(1));
    writeFileSync(path.join(directory, 'authority.crt'), authority.certificate);
    for (const name of [...this.members, 'engine']) {
      const part = name === 'engine' ? 'engine' : 'replica';
      const issued = await issue(authority, { name, part }, validFor(1));
      writeFileSync(path.join(directory, `${name}.crt`), issued.certificate);
      writeFileSync(path.join(directory, `${name}.key`), issued.key);
      if (part === 'engine') continue;
      const port = await freePort();
      this.#ports.set(name, port);
      this.#proxies.set(name, await TcpProxy.open(port));
    }
  }

  /** Of the newest engine. */
  get socket(): string {
    return path.join(this.directory, `nbd${this.#engines}`);
  }

  async client(): Promise<NbdClient> {
    return NbdClient.open(await connectNbd({ path: this.socket }));
  }

  pid(name: string): number {
    const pid = this.#processes.get(name)?.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  /**
   * Every member's copy as the offline tool reads it, which checks every block. Gives "equal", or
   * the first byte that differs. Writes that are not answered must not be under way.
   */
  async compareCopies(): Promise<string> {
    return compareCopies(
      new Map(this.members.map((id) => [id, path.join(this.directory, id)] as const)),
    );
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#processes.get(name)?.kill(signal);
  }

  /** Ends a process and waits until it is gone. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#processes.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Lets another engine take this one's place; the caller has the old one. */
  detachEngine(): ChildProcess {
    const engine = this.#processes.get('engine');
    if (engine === undefined) throw new Error('no engine runs');
    this.#processes.set('old engine', engine);
    return engine;
  }

  async epoch(): Promise<number> {
    return (await this.#cluster.read(volume)).record.epoch;
  }

  async inSync(): Promise<readonly string[]> {
    return inSyncIds((await this.#cluster.read(volume)).record);
  }

  /** Waits until the record says that these are in sync; throws after `withinMs`. */
  async untilInSync(ids: readonly string[], withinMs: number): Promise<void> {
    const wanted = [...ids].sort().join();
    const look = async () => {
      const found = [...(await this.inSync())].sort().join();
      if (found !== wanted) throw new Error(`in sync are ${found}`);
      return true;
    };
    await waitFor(`${wanted} to be in sync`, look, withinMs);
  }

  async dispose(): Promise<void> {
    for (const name of this.#processes.keys()) {
      this.signal(name, 'SIGCONT');
      await this.kill(name);
    }
    for (const proxy of this.#proxies.values()) proxy.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Resolves when the process has said that it serves. */
  async #start(name: string, program: string, configuration: object): Promise<void> {
    const file = path.join(this.directory, `${name}.json`);
    writeFileSync(file, JSON.stringify(configuration));
    const child = spawn(process.execPath, [path.join(root, program), file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#processes.set(name, child);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${name} did not serve within ${startMs} ms: ${said}`));
      }, startMs);
      child.stdout.once('data', () => {
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`${name} ended with code ${code}: ${said}`));
      });
    });
  }
}
