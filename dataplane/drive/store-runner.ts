/**
 * Carries out what a store's operations ask of its disk (store/store.ts), many operations at a
 * time, and holds the store's locks. Decides nothing.
 */
import { assert, Defect } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { DiskFile } from '../ports/disk.ts';
import type { StoreCommand, StoreLock, StoreStep } from '../store/store.ts';

interface Waiter {
  readonly go: () => void;
  readonly give: (fault: Fault) => void;
}

export class StoreRunner {
  readonly #files: ReadonlyMap<string, DiskFile>;
  readonly #locks = new Map<StoreLock, Waiter[]>();
  #failure: Fault | undefined;

  constructor(files: ReadonlyMap<string, DiskFile>) {
    this.#files = files;
  }

  /** Rejects with the `Fault` of the disk; from then on every operation does (I-18). */
  async run<T>(step: StoreStep<T>): Promise<T> {
    let result: Uint8Array | undefined;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const next = step.next(result);
      if (next.done === true) return next.value;
      result = undefined;
      const command = next.value;
      if (command.kind === 'release') this.#release(command.lock);
      else if (command.kind !== 'acquire' || !this.#tryAcquire(command.lock)) {
        result = await this.#carryOut(command);
      }
    }
  }

  /** Makes everything that runs or waits end with this. */
  fail(fault: Fault): void {
    this.#failure ??= fault;
    for (const waiters of this.#locks.values()) {
      for (const waiter of waiters.splice(0)) waiter.give(this.#failure);
    }
  }

  async #carryOut(command: Exclude<StoreCommand, { kind: 'release' }>) {
    if (command.kind === 'acquire') return this.#wait(command.lock);
    const file = this.#files.get(command.file);
    assert(file !== undefined, `the store has a file ${command.file}`);
    switch (command.kind) {
      case 'read':
        return file.read(command.span.offsetBytes, command.span.lengthBytes);
      case 'write':
        return this.#change(file.write(command.offsetBytes, command.bytes));
      case 'punch':
        return this.#change(file.punch(command.span.offsetBytes, command.span.lengthBytes));
      case 'sync':
        return this.#change(file.sync());
    }
  }

  /** I-18: what failed to be written or synced ends the store. Reads may fail alone. */
  async #change(done: Promise<void>): Promise<undefined> {
    try {
      await done;
    } catch (error) {
      if (error instanceof Fault) this.fail(error);
      throw error;
    }
  }

  #tryAcquire(lock: StoreLock): boolean {
    if (this.#locks.has(lock)) return false;
    this.#locks.set(lock, []);
    return true;
  }

  async #wait(lock: StoreLock): Promise<undefined> {
    const waiters = this.#locks.get(lock);
    if (waiters === undefined) throw new Defect(`nobody holds ${lock}`);
    await new Promise<void>((go, give) => {
      waiters.push({ go, give });
    });
    return undefined;
  }

  #release(lock: StoreLock): void {
    const next = this.#locks.get(lock)?.shift();
    if (next === undefined) this.#locks.delete(lock);
    else next.go();
  }
}
