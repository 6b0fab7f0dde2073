/** Larder as on a rack of one machine: replica servers and engines as processes, unix sockets. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DirectoryCluster } from '../dataplane/host/cluster.ts';
import { firstRecord } from '../dataplane/volume/record.ts';
import { repositoryRoot } from '../lab/base/paths.ts';
import type { Contender } from './fio.ts';
import { nbdArgs, type Servers } from './servers.ts';

export interface RackOptions {
  /** Tells the folders and sockets of two racks apart. */
  readonly name: string;
  readonly mebibytes: number;
  /** The checkout whose code runs; default: this one. */
  readonly checkout?: string;
}

/** One volume with a copy on each of `copies` replica servers. */
export async function larderVolume(
  servers: Servers,
  copies: number,
  options: RackOptions,
): Promise<Contender> {
  const name = `${options.name}, ${copies} ${copies === 1 ? 'copy' : 'copies'}`;
  const rack = new Rack(servers, { ...options, name: `${options.name}${copies}` });
  const volume = { name: 'volume', nodes: Array.from({ length: copies }, (_, at) => `r${at + 1}`) };
  const processes = new Map<string, number>();
  for (const node of volume.nodes) processes.set(node, await rack.startReplica(node, [volume]));
  processes.set('engine', await rack.startEngines('engine', [volume]));
  return { name, fioArgs: rack.fioArgs(volume), processes };
}

/** Two nodes with a copy of each of eight volumes; four are attached here and four there. */
export async function idleNode(servers: Servers): Promise<Pick<Contender, 'processes'>> {
  const rack = new Rack(servers, { name: 'idle', mebibytes: 1024 });
  const volumes = Array.from({ length: 8 }, (_, at) => ({
    name: `v${at + 1}`,
    nodes: ['here', 'there'],
  }));
  const replicas = await rack.startReplica('here', volumes);
  await rack.startReplica('there', volumes);
  const engines = await rack.startEngines('engines-here', volumes.slice(0, 4));
  await rack.startEngines('engines-there', volumes.slice(4));
  const processes = new Map([
    ['replica server', replicas],
    ['engines', engines],
  ]);
  return { processes };
}

export interface RackVolume {
  readonly name: string;
  readonly nodes: readonly string[];
}

export class Rack {
  readonly #servers: Servers;
  readonly #options: RackOptions;
  readonly #folder: string;

  constructor(servers: Servers, options: RackOptions) {
    this.#servers = servers;
    this.#options = options;
    this.#folder = path.join(servers.folder, options.name);
    mkdirSync(this.#folder);
  }

  socket(name: string): string {
    return this.#servers.socket(`${this.#options.name}-${name}`);
  }

  fioArgs(volume: RackVolume): readonly string[] {
    return nbdArgs(this.socket(volume.name), volume.name);
  }

  /** @param name `<node>-<volume>` of a store, `record-<volume>` of a record */
  folderOf(name: string): string {
    return path.join(this.#folder, name);
  }

  /**
   * @param birth withVolume: its stores are made together with the volume, and not to be filled
   *   (true unless told)
   */
  async startReplica(
    node: string,
    volumes: readonly RackVolume[],
    { withVolume = true }: { readonly withVolume?: boolean } = {},
  ): Promise<number> {
    const create = { lineage: 'bench', sizeBytes: this.#sizeBytes, withVolume };
    const stores = volumes.map(({ name }) => ({
      volume: name,
      member: node,
      directory: this.#makeFolder(`${node}-${name}`),
      create,
    }));
    const listen = this.socket(node);
    return this.#start('replica', node, { listen, stores }, [listen]);
  }

  /** One process that serves all of them, each on a socket of its own name. */
  async startEngines(name: string, volumes: readonly RackVolume[]): Promise<number> {
    const settings = [];
    for (const volume of volumes) {
      const record = await this.#record(volume);
      settings.push({ volume: volume.name, record, socket: this.socket(volume.name) });
    }
    const sockets = settings.map(({ socket }) => socket);
    return this.#start('engine', name, { volumes: settings }, sockets);
  }

  async #record({ name, nodes }: RackVolume): Promise<string> {
    const folder = this.#makeFolder(`record-${name}`);
    await new DirectoryCluster(folder).create(
      firstRecord(
        {
          volume: name,
          lineage: 'bench',
          sizeBytes: this.#sizeBytes,
          blockBytes: 4096,
          regionBlocks: 1024,
        },
        nodes.map((id) => ({ id, address: this.socket(id) })),
      ),
    );
    return folder;
  }

  get #sizeBytes(): number {
    return this.#options.mebibytes * 2 ** 20;
  }

  #makeFolder(name: string): string {
    const folder = this.folderOf(name);
    mkdirSync(folder);
    return folder;
  }

  async #start(
    program: 'replica' | 'engine',
    name: string,
    settings: object,
    sockets: readonly string[],
  ): Promise<number> {
    const file = path.join(this.#folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(settings));
    const { checkout = repositoryRoot } = this.#options;
    const entry = path.join(checkout, 'dataplane/main', `${program}.ts`);
    this.#servers.prepare(entry);
    return this.#servers.start(process.execPath, [entry, file], ...sockets);
  }
}
