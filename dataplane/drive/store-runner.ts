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

/** What may have to be waited for. */
type Waiting = Exclude<StoreCommand, { kind: 'release' }>;

const changing: ReadonlySet<Waiting['kind']> = new Set([
  'write',
  'punch',
  'sync',
  'replace',
  'remove',
]);

const nothing = { bytes: undefined };

export class StoreRunner {
  readonly #disk: Disk;
  readonly #files = new Map<string, Promise<DiskFile>>();
  /** Those of them that have been opened. */
  readonly #opened = new Map<string, DiskFile>();
  readonly #locks = new Map<StoreLock, Waiter[]>();
  #watchers: Watcher[] = [];
  #failure: Fault | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * A promise only if something has to be waited for. Throws or rejects with the `Fault` of the
   * disk; after a failed write or sync every operation does (I-18). Reads may fail alone, and so
   * may writes that find no room.
   */
  run<T>(step: StoreStep<T>): T | Promise<T> {
    const first = this.#advance(step, undefined, this.#failure);
    return first.done === true ? first.value : this.#finish(step, first.value);
  }

  async #finish<T>(step: StoreStep<T>, first: Waiting): Promise<T> {
    for (let waiting = first; ; ) {
      let result: Uint8Array | undefined;
      let error: unknown;
      try {
        result = await this.#carryOut(waiting);
      } catch (thrown) {
        error = this.#judged(waiting, thrown);
      }
      const next = this.#advance(step, result, error ?? this.#failure);
      if (next.done === true) return next.value;
      waiting = next.value;
    }
  }

  /** To the next command that must be waited for, or to the end. */
  #advance<T>(
    step: StoreStep<T>,
    resumeWith: Uint8Array | undefined,
    failed: unknown,
  ): IteratorResult<Waiting, T> {
    let result = resumeWith;
    let error = failed;
    for (;;) {
      const next = error === undefined ? step.next(result) : step.throw(error);
      result = undefined;
      error = undefined;
      if (next.done === true) {
        if (this.#watchers.length > 0) this.#look();
        return next;
      }
      const command = next.value;
      if (command.kind === 'release') this.#release(command.lock);
      else if (command.kind === 'acquire') {
        if (!this.#tryAcquire(command.lock)) return { done: false, value: command };
      } else {
        try {
          const done = this.#atOnce(command);
          if (done === undefined) return { done: false, value: command };
          result = done.bytes;
        } catch (thrown) {
          error = this.#judged(command, thrown);
        }
      }
      error ??= this.#failure;
    }
  }

  /** Undefined when it must be waited for. */
  #atOnce(command: Waiting): { readonly bytes: Uint8Array | undefined } | undefined {
    if (command.kind === 'read') {
      const { offsetBytes, lengthBytes } = command.span;
      const bytes = this.#opened.get(command.file)?.readAtOnce?.(offsetBytes, lengthBytes);
      return bytes && { bytes };
    }
    if (command.kind === 'sync') {
      return this.#opened.get(command.file)?.syncAtOnce?.() === true ? nothing : undefined;
    }
    if (command.kind !== 'write') return undefined;
    const file = this.#opened.get(command.file);
    const written = file?.writeAtOnce?.(command.offsetBytes, command.bytes) === true;
    return written ? nothing : undefined;
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
    this.#opened.clear();
  }

  async #carryOut(command: Waiting) {
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
        const file = await this.#open(command.file);
        return this.#nothing(file.write(command.offsetBytes, command.bytes));
      }
      case 'punch': {
        const file = await this.#open(command.file);
        const { offsetBytes, lengthBytes } = command.span;
        return this.#nothing(file.punch(offsetBytes, lengthBytes));
      }
      case 'sync': {
        const file = await this.#open(command.file);
        return this.#nothing(file.sync());
      }
      case 'replace':
        await this.#forget(command.file);
        return this.#nothing(this.#disk.replace(command.file, command.bytes));
      case 'remove':
        await this.#forget(command.file);
        return this.#nothing(this.#disk.remove(command.file));
    }
  }

  async #nothing(done: Promise<void>): Promise<undefined> {
    await done;
    return undefined;
  }

  /**
   * What an error means for the store. A failed write or sync is its end (I-18), for lack of room
   * too where it was a sync or the superblock: what it was for may be lost. Another write that
   * found no room ends with its operation, and so does a read that failed.
   */
  #judged(command: Waiting, error: unknown): unknown {
    if (!(error instanceof Fault) || !changing.has(command.kind)) return error;
    const fatal =
      command.kind === 'sync' || (command.kind === 'write' && command.file === superblockFile);
    const fault = fatal && error.retriable ? lasting(error) : error;
    if (!fault.retriable) this.fail(fault);
    return fault;
  }

  /** Opened when it is needed first, and then kept. */
  async #open(name: string): Promise<DiskFile> {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const opening = this.#disk.open(name).then((file) => {
      if (this.#files.get(name) === opening) this.#opened.set(name, file);
      return file;
    });
    this.#files.set(name, opening);
    // What could not be opened is tried again by whoever needs it next.
    opening.catch(() => this.#files.delete(name));
    return opening;
  }

  async #forget(name: string): Promise<void> {
    const known = this.#files.get(name);
    this.#files.delete(name);
    this.#opened.delete(name);
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
