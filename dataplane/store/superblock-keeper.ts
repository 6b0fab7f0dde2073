/**
 * The superblock in memory, and how it gets to disk: one slot is durable before the other is
 * touched.
 */
import { holding, type StoreStep } from './command.ts';
import {
  encodeSuperblock,
  type Superblock,
  superblockFile,
  superblockSlotBytes,
} from './superblock.ts';

export class SuperblockKeeper {
  #state: Superblock;

  constructor(state: Superblock) {
    this.#state = state;
  }

  get state(): Superblock {
    return this.#state;
  }

  /** Durable when it ends. */
  *update(change: (now: Superblock) => Superblock): StoreStep<void> {
    yield* holding('superblock', () => {
      this.pretend(change);
      return this.write();
    });
  }

  /** In memory only: `write` follows, under the lock `superblock`. */
  pretend(change: (now: Superblock) => Superblock): void {
    this.#state = change(this.#state);
  }

  /** Under the lock `superblock`. */
  *write(): StoreStep<void> {
    this.#state = { ...this.#state, counter: this.#state.counter + 1 };
    const bytes = encodeSuperblock(this.#state);
    for (const offsetBytes of [0, superblockSlotBytes]) {
      yield { kind: 'write', file: superblockFile, offsetBytes, bytes };
      yield { kind: 'sync', file: superblockFile };
    }
  }
}
