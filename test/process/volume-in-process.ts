/**
 * A replicated volume inside the test's process: real stores in a directory, replica servers behind
 * Unix sockets, and an engine. For what cannot be asked over NBD.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EngineDrive } from '../../dataplane/drive/engine.ts';
import { createStore, openStore } from '../../dataplane/drive/hosted-store.ts';
import { ReplicaServer } from '../../dataplane/drive/replica.ts';
import { HostClock } from '../../dataplane/host/clock.ts';
import { DirectoryCluster } from '../../dataplane/host/cluster.ts';
import { HostDisk } from '../../dataplane/host/disk.ts';
import { HostAcceptor, HostConnector } from '../../dataplane/host/link.ts';
import { HostRandom } from '../../dataplane/host/random.ts';
import { firstRecord, inSyncIds, type VolumeRecord } from '../../dataplane/volume/record.ts';
import { waitFor } from '../../lab/cluster/wait.ts';

const volume = 'test-volume';
const lineage = 'first';
export const blockBytes = 4096;
const regionBlocks = 16;
/** Short enough for a test, long enough for a busy machine. */
const times = {
  leaseMs: 1500,
  heartbeatMs: 50,
  memberLossMs: 600,
  retryMs: 20,
  quietFlushMs: 5000,
  growMs: 300,
  scrubPassMs: 1000,
};
const patienceMs = 15_000;

export class VolumeInProcess {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'larder-in-process-'));
  readonly #servers = new Map<string, ReplicaServer>();
  readonly #cluster: DirectoryCluster;
  readonly #sizeBytes: number;
  readonly #defects: unknown[] = [];
  #engine: EngineDrive | undefined;

  private constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
    const record = path.join(this.directory, 'record');
    mkdirSync(record);
    this.#cluster = new DirectoryCluster(record);
  }

  static async make(members: readonly string[], sizeBytes: number): Promise<VolumeInProcess> {
    const made = new VolumeInProcess(sizeBytes);
    await made.#cluster.create(
      firstRecord(
        { volume, lineage, sizeBytes, blockBytes, regionBlocks },
        members.map((id) => ({ id, address: made.addressOf(id) })),
      ),
    );
    for (const id of members) await made.startMember(id, true);
    await made.startEngine();
    return made;
  }

  get engine(): EngineDrive {
    if (this.#engine === undefined) throw new Error('no engine was started');
    return this.#engine;
  }

  async startMember(id: string, withVolume = false): Promise<void> {
    const directory = path.join(this.directory, id);
    mkdirSync(directory, { recursive: true });
    const disk = new HostDisk(directory);
    const geometry = { sizeBytes: this.#sizeBytes, blockBytes, regionBlocks };
    if ((await disk.list()).length === 0) {
      await createStore(disk, { volume, member: id, geometry }, { lineage, withVolume });
    }
    const socket = this.addressOf(id);
    const onDefect = (error: unknown) => this.#defects.push(error);
    const ports = {
      acceptor: await HostAcceptor.listen(socket, undefined),
      clock: new HostClock(),
      log: { info: () => {}, warn: () => {} },
      onDefect,
    };
    const server = new ReplicaServer(ports, { incarnation: new HostRandom().token(), plants: {} });
    server.add(await openStore(disk, { volume, member: id }));
    this.#servers.set(id, server);
    void server.serve();
  }

  /** In order: it can prove that it has everything it was told to keep. */
  async stopMember(id: string): Promise<void> {
    await this.#servers.get(id)?.stop();
    this.#servers.delete(id);
  }

  async startEngine(): Promise<void> {
    const ports = {
      clock: new HostClock(),
      connector: new HostConnector(undefined),
      cluster: this.#cluster,
      onDefect: (error: unknown) => this.#defects.push(error),
    };
    const incarnation = new HostRandom().token();
    const options = { ...times, incarnation, preferred: '', plants: {} };
    this.#engine = new EngineDrive(ports, volume, options);
    this.#engine.start();
    const failed = await this.#engine.ready();
    if (failed !== undefined) throw failed;
  }

  async record(): Promise<VolumeRecord> {
    return (await this.#cluster.read(volume)).record;
  }

  /** What a controller does: writes another list of members, by compare-and-swap. */
  async changeMembers(
    change: (members: VolumeRecord['members']) => VolumeRecord['members'],
  ): Promise<void> {
    await this.changeRecord((record) => ({ ...record, members: change(record.members) }));
  }

  async changeRecord(change: (record: VolumeRecord) => VolumeRecord): Promise<void> {
    for (;;) {
      const { version, record } = await this.#cluster.read(volume);
      const outcome = await this.#cluster.swap(volume, version, change(record));
      if (outcome.kind === 'written') return;
    }
  }

  addressOf(id: string): string {
    return path.join(this.directory, `${id}.socket`);
  }

  async untilInSync(...ids: readonly string[]): Promise<void> {
    const look = async () => {
      const found = inSyncIds(await this.record());
      if (found.join() !== ids.join()) throw new Error(`in sync are ${found.join()}`);
      return true;
    };
    await waitFor(`${ids.join()} to be in sync`, look, patienceMs);
  }

  async dispose(): Promise<void> {
    this.engine.stop();
    await this.engine.end();
    for (const id of this.#servers.keys()) await this.stopMember(id);
    rmSync(this.directory, { recursive: true });
    if (this.#defects.length > 0) throw this.#defects[0];
  }
}
