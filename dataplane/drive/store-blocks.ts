/**
 * A store as a read-only block device, without an engine in front of it. What does not match its
 * checksum is an I/O error; every change is refused.
 */
import { Fault } from '../base/fault.ts';
import type {
  BlockFailure,
  BlockGeometry,
  BlockOutcome,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
} from '../ports/block-service.ts';
import type { OfflineStore } from './offline-store.ts';

const done: BlockOutcome = { kind: 'done' };

export class StoreBlocks implements BlockService {
  readonly geometry: BlockGeometry;
  readonly #store: OfflineStore;

  constructor(store: OfflineStore) {
    this.#store = store;
    const { sizeBytes, blockBytes } = store.geometry;
    this.geometry = { sizeBytes, blockBytes, readOnly: true };
  }

  async read(range: ByteRange): Promise<ReadOutcome> {
    try {
      const outcome = await this.#store.read(range);
      if (outcome.kind === 'data') return outcome;
      const [first] = outcome.blocks;
      const message = `Block ${first} does not match its checksum (${outcome.blocks.length} blocks of this read).`;
      const hint = 'Read the same blocks from another copy, or from a backup.';
      return failed(new Fault('store.corrupt-block', message, { hint }));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return failed(error);
    }
  }

  write(): Promise<BlockOutcome> {
    return Promise.resolve(refused());
  }

  zero(): Promise<BlockOutcome> {
    return Promise.resolve(refused());
  }

  trim(): Promise<BlockOutcome> {
    return Promise.resolve(refused());
  }

  /** Nothing was changed, so nothing is missing. */
  flush(): Promise<BlockOutcome> {
    return Promise.resolve(done);
  }

  /** "All allocated" is always true enough. */
  blockStatus(range: ByteRange): Promise<StatusOutcome> {
    const { lengthBytes } = range;
    return Promise.resolve({
      kind: 'extents',
      extents: [{ lengthBytes, allocated: true, zero: false }],
    });
  }
}

function failed(fault: Fault): BlockFailure {
  return { kind: 'failed', reason: 'io', fault };
}

function refused(): BlockFailure {
  const message = 'A store is served for reading only.';
  return { kind: 'refused', reason: 'not-permitted', message };
}
