/**
 * Carries out what a store's operations ask of its disk (store/store.ts), many operations at a
 * time, and holds the store's locks. Decides nothing.
 */
import { assert, Defect } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import { superblockFile } from '../store/superblock.ts';
import type { StoreCommand, StoreLock, StoreStep } from '../store/command.ts';

interface Waiter {
  readonly go: () => void;
  readonly give: (fault: Fault) => void;
}

interface Watcher extends Waiter {
  readonly ready: () => boolean;
}

export class StoreRunner {
  readonly #disk: Disk;
  readonly #files = new Map<string, Promise<DiskFile>>();
  readonly #locks = new Map<StoreLock, Waiter[]>();
  #watchers: Watcher[] = [];
  #failure: Fault | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * Rejects with the `Fault` of the disk; after a failed write or sync every operation does (I-18).
   * Reads may fail alone, and so may writes that find no room.
   */
  async run<T>(step: StoreStep<T>): Promise<T> {
    let result: Uint8Array | undefined;
    let error: unknown = this.#failure;
    for (;;) {
      const next = error === undefined ? step.next(result) : step.throw(error);
      result = undefined;
      error = undefined;
      if (next.done === true) {
        if (this.#watchers.length > 0) this.#look();
        return next.value;
      }
      const command = next.value;
      if (command.kind === 'release') this.#release(command.lock);
      else if (command.kind !== 'acquire' || !this.#tryAcquire(command.lock)) {
        try {
          result = await this.#carryOut(command);
        } catch (thrown) {
          error = thrown;
        }
      }
      error ??= this.#failure;
    }
  }

  /** Makes everything that runs or waits end with this. */
  fail(fault: Fault): void {
    this.#failure ??= fault;
    for (const waiters of this.#locks.values()) {
      for (const waiter of waiters.splice(0)) waiter.give(this.#failure);
    }
    for (const watcher of this.#watchers.splice(0)) watcher.give(this.#failure);
  }

  /** Nothing runs any more. */
  async close(): Promise<void> {
    for (const file of this.#files.values()) await (await file).close();
    this.#files.clear();
  }

  async #carryOut(command: Exclude<StoreCommand, { kind: 'release' }>) {
    switch (command.kind) {
      case 'acquire':
        return this.#wait(command.lock);
      case 'until':
        return this.#watch(command.ready);
      case 'read': {
        const file = await this.#open(command.file);
        return file.read(command.span.offsetBytes, command.span.lengthBytes);
      }
      case 'write': {
        const { offsetBytes, bytes } = command;
        const written = this.#open(command.file).then(async (f) => f.write(offsetBytes, bytes));
        return command.file === superblockFile ? this.#fatal(written) : this.#change(written);
      }
      case 'punch': {
        const { offsetBytes, lengthBytes } = command.span;
        return this.#change(
          this.#open(command.file).then(async (f) => f.punch(offsetBytes, lengthBytes)),
        );
      }
      case 'sync':
        return this.#fatal(this.#open(command.file).then(async (f) => f.sync()));
      case 'replace':
        await this.#forget(command.file);
        return this.#change(this.#disk.replace(command.file, command.bytes));
      case 'remove':
        await this.#forget(command.file);
        return this.#change(this.#disk.remove(command.file));
    }
  }

  /** No room is no failure: the operation ends with it, and the store goes on. */
  async #change(done: Promise<void>): Promise<undefined> {
    try {
      await done;
    } catch (error) {
      if (error instanceof Fault && !error.retriable) this.fail(error);
      throw error;
    }
  }

  /** I-18: a failed sync ends the store, for lack of room too: what it was for may be lost. */
  async #fatal(done: Promise<void>): Promise<undefined> {
    try {
      await done;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const fault = error.retriable ? lasting(error) : error;
      this.fail(fault);
      throw fault;
    }
  }

  /** Opened when it is needed first, and then kept. */
  async #open(name: string): Promise<DiskFile> {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const opening = this.#disk.open(name);
    this.#files.set(name, opening);
    // What could not be opened is tried again by whoever needs it next.
    opening.catch(() => this.#files.delete(name));
    return opening;
  }

  async #forget(name: string): Promise<void> {
    const known = this.#files.get(name);
    this.#files.delete(name);
    if (known !== undefined) await (await known).close();
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
    const waiters = this.#locks.get(lock);
    assert(waiters !== undefined || this.#failure !== undefined, `nobody holds ${lock}`);
    const next = waiters?.shift();
    if (next === undefined) this.#locks.delete(lock);
    else next.go();
    if (this.#watchers.length > 0) this.#look();
  }

  async #watch(ready: () => boolean): Promise<undefined> {
    if (ready()) return undefined;
    await new Promise<void>((go, give) => {
      this.#watchers.push({ ready, go, give });
    });
    return undefined;
  }

  #look(): void {
    const due = this.#watchers.filter((watcher) => watcher.ready());
    this.#watchers = this.#watchers.filter((watcher) => !due.includes(watcher));
    for (const watcher of due) watcher.go();
  }
}

function lasting(fault: Fault): Fault {
  return new Fault('disk.failed', fault.message, { hint: fault.hint, cause: fault });
}
