/** Disks of a node in memory, with everything on them. */
import { Fault } from '../../../../dataplane/base/fault.ts';
import type { StorageDisks } from '../../../../dataplane/ports/storage-disks.ts';
import { MemoryDisk } from '../memory-disk.ts';

export class FewDisks implements StorageDisks {
  problem = '';
  readonly #stores = new Map<string, MemoryDisk>();

  storeAt(key: string): MemoryDisk {
    const disk = this.#stores.get(key) ?? new MemoryDisk();
    this.#stores.set(key, disk);
    return disk;
  }

  async inspect() {
    return { id: 'x', capacityBytes: 2 ** 40, freeBytes: 2 ** 40, problem: this.problem };
  }

  async store(_disk: object, volume: string, member: string) {
    if (this.problem !== '') throw new Fault('disk.failed', this.problem);
    return this.storeAt(`${volume}/${member}`);
  }

  async removeStore(_disk: object, volume: string, member: string) {
    this.#stores.delete(`${volume}/${member}`);
  }

  async listStores() {
    return [...this.#stores.keys()];
  }
}
