/**
 * The configuration manager as a directory, for one machine without Kubernetes. Each version of the
 * record is a file of its own, `record.<version>`; to swap is to link(2) the next number, which
 * fails when somebody was there first. No locks, so nobody can die holding one.
 */
import { type FSWatcher, watch as watchDirectory } from 'node:fs';
import { link, open, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import { recordSchema } from '../control/objects.ts';
import type { Cluster, SwapOutcome, VersionedRecord } from '../ports/cluster.ts';
import type { VolumeRecord } from '../volume/record.ts';

/** Versions that stay beside the newest one. */
const versionsKept = 8;

export class DirectoryCluster implements Cluster {
  readonly #directory: string;
  /** Names temporary files apart. */
  #written = 0;

  /** @param directory exists, and holds the record of one volume */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Writes the first version. Rejects with `input.invalid` when there is a record already. */
  async create(record: VolumeRecord): Promise<void> {
    if ((await this.#versions()).length > 0 || !(await this.#put(1, record))) {
      throw new Fault('input.invalid', `${this.#directory} holds the record of a volume already.`, {
        hint: 'Give every volume a directory of its own.',
      });
    }
  }

  async read(volume: string): Promise<VersionedRecord> {
    const newest = (await this.#versions()).at(-1);
    if (newest === undefined) throw unreachable(`${this.#directory} holds no record`);
    const record = await this.#load(newest);
    if (record.volume !== volume) throw unreachable(`it is about ${record.volume}, not ${volume}`);
    return { version: String(newest), record };
  }

  async swap(volume: string, expected: string, next: VolumeRecord): Promise<SwapOutcome> {
    if ((await this.read(volume)).version !== expected) return { kind: 'conflict' };
    const version = Number(expected) + 1;
    if (!(await this.#put(version, next))) return { kind: 'conflict' };
    const versions = await this.#versions();
    // Somebody went on from ours, or ours filled the place of one long gone: the reader will see.
    if (versions.at(-1) !== version) return { kind: 'unknown' };
    for (const old of versions.slice(0, -versionsKept)) await rm(this.#file(old), { force: true });
    return { kind: 'written', version: String(version) };
  }

  /** By the directory's own notices; a directory that cannot be watched gives no hints. */
  watch(_volume: string, onHint: () => void): Disposable {
    let watcher: FSWatcher | undefined;
    const stop = () => {
      watcher?.close();
      watcher = undefined;
    };
    try {
      watcher = watchDirectory(this.#directory, { persistent: false }, (_event, name) => {
        if (name?.startsWith('record.') === true) onHint();
      });
      watcher.on('error', stop);
    } catch {
      // Not there, or no watch left in the kernel: whoever reads the record will say what is wrong.
    }
    return { [Symbol.dispose]: stop };
  }

  /** Lowest first. */
  async #versions(): Promise<readonly number[]> {
    try {
      const names = await readdir(this.#directory);
      return names
        .map((name) => /^record\.(\d+)$/.exec(name)?.[1])
        .filter((digits) => digits !== undefined)
        .map(Number)
        .sort((a, b) => a - b);
    } catch (error) {
      throw unreachable(String(error), error);
    }
  }

  async #load(version: number): Promise<VolumeRecord> {
    try {
      return recordSchema.parse(JSON.parse(await readFile(this.#file(version), 'utf8')));
    } catch (error) {
      throw unreachable(error instanceof Error ? error.message : String(error), error);
    }
  }

  /** False when that version exists. It is durable when this resolves. */
  async #put(version: number, record: VolumeRecord): Promise<boolean> {
    this.#written += 1;
    const temporary = path.join(this.#directory, `writing.${process.pid}.${this.#written}`);
    try {
      const handle = await open(temporary, 'w', 0o600);
      try {
        await handle.writeFile(JSON.stringify(record));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await link(temporary, this.#file(version));
      const directory = await open(this.#directory, 'r');
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw unreachable(String(error), error);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  #file(version: number): string {
    return path.join(this.#directory, `record.${String(version).padStart(12, '0')}`);
  }
}

function unreachable(why: string, cause?: unknown): Fault {
  return new Fault('cluster.unreachable', `The record cannot be used: ${why}`, {
    retriable: true,
    cause,
  });
}
