/**
 * New stores that begin with what a snapshot of another volume shows, copied from the store of that
 * volume on the same disk. It takes as long as the disk needs, so it goes on beside everything
 * else; a store that was cut off in the middle says that it holds nothing, and is made anew.
 */
import { Fault } from '../base/fault.ts';
import type { StoreReadOutcome } from '../store/store.ts';
import type { Disk } from '../ports/disk.ts';
import type { ByteSpan } from '../store/geometry.ts';
import type { Identity } from '../store/identity.ts';
import { fillNewStore } from './store-birth.ts';

export interface StoreCopy {
  readonly disk: Disk;
  readonly identity: Identity;
  readonly lineage: string;
  /** Of the snapshot; what lies behind its end reads as zeroes. */
  readonly read: (span: ByteSpan) => Promise<StoreReadOutcome>;
}

export class StoreCopies {
  readonly #underWay = new Set<string>();
  readonly #done = new Set<string>();
  readonly #failures = new Map<string, Fault>();

  /**
   * True when the store is whole. Begins to copy when nobody has, and throws once why it failed;
   * asked again, it begins anew.
   *
   * @param onEnd told when it is worth asking again
   */
  made(key: string, begin: () => Promise<StoreCopy>, onEnd: () => void): boolean {
    if (this.#done.delete(key)) return true;
    const failure = this.#failures.get(key);
    this.#failures.delete(key);
    if (failure !== undefined) throw failure;
    if (!this.#underWay.has(key)) void this.#copy(key, begin).then(onEnd);
    return false;
  }

  async #copy(key: string, begin: () => Promise<StoreCopy>): Promise<void> {
    this.#underWay.add(key);
    try {
      const { disk, identity, lineage, read } = await begin();
      const source = {
        readAt: async (offsetBytes: number, lengthBytes: number) => {
          const outcome = await read({ offsetBytes, lengthBytes });
          if (outcome.kind === 'data') return outcome.bytes;
          throw new Fault(
            'store.corrupt-block',
            `The snapshot cannot be copied here: block ${outcome.blocks[0]} does not match its checksum.`,
            { hint: 'A scrub of the volume repairs it from another copy.' },
          );
        },
      };
      await fillNewStore(disk, { identity, lineage, source }, () => {});
      this.#done.add(key);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#failures.set(key, error);
    } finally {
      this.#underWay.delete(key);
    }
  }
}
