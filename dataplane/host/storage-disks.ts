/** The declared disks of this node, each shown below one folder at its own path. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, rmdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Disk } from '../ports/disk.ts';
import type { DeclaredDisk, DiskState, StorageDisks } from '../ports/storage-disks.ts';
import { HostDisk } from './disk.ts';
import type { Mounted } from '../ports/mounts.ts';
import { mountTable } from './mounts.ts';

const label = z.object({ id: z.string().min(1), cluster: z.string().default('') });
/** Of a volume; a file system with smaller blocks may write one in part. */
const blockBytes = 4096;
const partOfPath = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

export class HostStorageDisks implements StorageDisks {
  readonly #root: string;
  readonly #onChanged: (() => void) | undefined;
  readonly #clusterId: () => Promise<string>;

  /**
   * @param root folder below which the disks are; `/` outside a container
   * @param on changed: in a container that sees the node's processes, told when the node has
   *   another disk at a path, or none, than this process has. It keeps the one that was there when
   *   it started, never sees what takes its place, and has to be started anew.
   *   clusterId: what tells this cluster from others; empty where nobody knows
   */
  constructor(
    root: string,
    on: { readonly changed?: () => void; readonly clusterId?: () => Promise<string> } = {},
  ) {
    this.#root = root;
    this.#onChanged = on.changed;
    this.#clusterId = on.clusterId ?? (async () => '');
  }

  async inspect(disk: DeclaredDisk): Promise<DiskState> {
    const unusable = (problem: string): DiskState => ({
      id: disk.id,
      capacityBytes: 0,
      freeBytes: 0,
      problem,
    });
    try {
      const mount = await this.#mountOf(disk.path);
      if (await this.#isChanged(disk.path, mount)) {
        this.#onChanged?.();
        return unusable(`what is mounted at ${disk.path} was changed: it is looked at anew`);
      }
      if (mount === undefined) {
        return unusable(`nothing is mounted at ${disk.path}: mount the disk there`);
      }
      const { bsize, blocks, bavail } = await statfs(this.#at(disk.path));
      if (disk.id === '' && bsize < blockBytes) {
        return unusable(
          `its file system has blocks of ${bsize} bytes, which tear those of a volume (${blockBytes}) when power fails: make it anew, \`mkfs.ext4 -b ${blockBytes}\``,
        );
      }
      const id = await this.#identify(disk);
      if (typeof id === 'object') {
        return unusable(
          `the disk at ${disk.path} belongs to another cluster (${id.cluster}): two on one disk would take each other's copies for leftovers. If that cluster is gone, remove ${disk.path}/larder/disk.json, and ${disk.path}/larder/replicas with it`,
        );
      }
      if (id === undefined) {
        return unusable(
          `another disk is mounted at ${disk.path} than the one known as ${disk.name}: mount the right one, or declare this one under a new name`,
        );
      }
      return { id, capacityBytes: blocks * bsize, freeBytes: bavail * bsize, problem: '' };
    } catch (error) {
      return unusable(`it cannot be read: ${String(error)}`);
    }
  }

  async store(disk: DeclaredDisk, volume: string, member: string, make: boolean): Promise<Disk> {
    const folder = this.#folderOf(disk, volume, member);
    const state = await this.inspect(disk);
    if (state.problem !== '') throw new Fault('disk.failed', `Disk ${disk.name}: ${state.problem}`);
    if (make) await mkdir(folder, { recursive: true, mode: 0o700 });
    return new HostDisk(folder);
  }

  async removeStore(disk: DeclaredDisk, volume: string, member: string): Promise<void> {
    const folder = this.#folderOf(disk, volume, member);
    const state = await this.inspect(disk);
    if (state.problem !== '') throw new Fault('disk.failed', `Disk ${disk.name}: ${state.problem}`);
    // Under another name first: a store that is half removed is never opened.
    const going = `${folder}.removed`;
    await rename(folder, going).catch(ignoreMissing);
    await rm(going, { recursive: true, force: true });
    // Unless another store of the volume lies beside it.
    await rmdir(path.dirname(folder)).catch(() => {});
  }

  async listStores(disk: DeclaredDisk): Promise<readonly string[]> {
    const root = path.join(this.#at(disk.path), 'larder/replicas');
    const found: string[] = [];
    for (const volume of await readdir(root).catch(() => [])) {
      for (const member of await readdir(path.join(root, volume)).catch(() => [])) {
        found.push(`${volume}/${member}`);
      }
    }
    return found;
  }

  /** What leads out of the root again is no disk. */
  #at(onNode: string): string {
    if (path.posix.normalize(onNode) !== onNode || !path.isAbsolute(onNode)) {
      throw new Fault('input.invalid', `"${onNode}" cannot be where a disk is mounted.`);
    }
    return path.join(this.#root, onNode);
  }

  /** Names come from objects that people can edit. */
  #folderOf(disk: DeclaredDisk, volume: string, member: string): string {
    if (!partOfPath.test(volume) || !partOfPath.test(member)) {
      throw new Fault('input.invalid', `"${volume}/${member}" cannot be the folder of a store.`);
    }
    return path.join(this.#at(disk.path), 'larder/replicas', volume, member);
  }

  /**
   * In a container the path is a mount in any case; when nothing is mounted on the node, it shows
   * this very folder of the node's own disk.
   */
  async #mountOf(onNode: string): Promise<Mounted | undefined> {
    const wanted = this.#at(onNode);
    const mount = (await mountTable()).findLast(({ path: at }) => at === wanted);
    return mount === undefined || mount.root.endsWith(onNode) ? undefined : mount;
  }

  async #isChanged(onNode: string, here: Mounted | undefined): Promise<boolean> {
    if (this.#onChanged === undefined) return false;
    const there = (await mountTable(1)).findLast(({ path: at }) => at === onNode);
    return there?.device !== here?.device;
  }

  /** Undefined: the disk is not the one that is expected. An object: whose it is instead. */
  async #identify(disk: DeclaredDisk): Promise<string | undefined | { readonly cluster: string }> {
    const folder = path.join(this.#at(disk.path), 'larder');
    const file = path.join(folder, 'disk.json');
    const text = await readFile(file, 'utf8').catch(ignoreMissing);
    if (text !== undefined) {
      const { id, cluster } = label.parse(JSON.parse(text));
      const ours = await this.#clusterId();
      if (cluster !== '' && ours !== '' && cluster !== ours) return { cluster };
      return disk.id === '' || disk.id === id ? id : undefined;
    }
    // It is known, and its label is gone: emptied, or another one.
    if (disk.id !== '') return undefined;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const id = randomBytes(16).toString('hex');
    const cluster = await this.#clusterId();
    const handle = await open(`${file}.new`, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify({ id, name: disk.name, cluster }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
    return id;
  }
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
