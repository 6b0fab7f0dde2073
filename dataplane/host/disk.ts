/** A directory of the real file system as a `Disk`. Errors of the system become `Fault`s here. */
import { Buffer } from 'node:buffer';
import { fdatasyncSync, readSync, writeSync } from 'node:fs';
import {
  constants,
  type FileHandle,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../base/fault.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import { AtOnce } from './at-once.ts';

/** Undefined where the package has nothing for this kind of machine: then there are no holes. */
const native = await import('fs-native-extensions').catch(() => undefined);

export class HostDisk implements Disk {
  readonly #directory: string;
  readonly #readOnly: boolean;
  /** Which directory it was when it was used first. */
  #found: { readonly dev: bigint; readonly ino: bigint } | undefined;

  /**
   * @param directory exists; making it is the work of whoever mounted the disk
   * @param options readOnly: files are opened for reading alone (false unless told)
   */
  constructor(directory: string, options: { readonly readOnly?: boolean } = {}) {
    this.#directory = directory;
    this.#readOnly = options.readOnly ?? false;
  }

  async capacityBytes(): Promise<number> {
    return told(`ask for the size of ${this.#directory}`, async () => {
      const { blocks, bsize } = await statfs(this.#directory);
      return blocks * bsize;
    });
  }

  async freeBytes(): Promise<number> {
    return told(`ask for the room of ${this.#directory}`, async () => {
      const { bavail, bsize } = await statfs(this.#directory);
      return bavail * bsize;
    });
  }

  async list(): Promise<readonly string[]> {
    return told(`list ${this.#directory}`, async () => {
      await this.#sameDirectory();
      return (await readdir(this.#directory)).sort();
    });
  }

  async open(name: string): Promise<DiskFile> {
    const file = path.join(this.#directory, name);
    const flags = this.#readOnly ? 'r' : 'r+';
    return told(`open ${file}`, async () => {
      await this.#sameDirectory();
      return new HostFile(file, await open(file, flags));
    });
  }

  async readAll(name: string): Promise<Uint8Array> {
    const file = path.join(this.#directory, name);
    return told(`read ${file}`, async () => {
      await this.#sameDirectory();
      return readFile(file);
    });
  }

  async remove(name: string): Promise<void> {
    const file = path.join(this.#directory, name);
    await told(`remove ${file}`, async () => {
      await this.#sameDirectory();
      await rm(file, { force: true });
    });
  }

  async replace(name: string, content: Uint8Array): Promise<void> {
    const file = path.join(this.#directory, name);
    await told(`replace ${file}`, async () => {
      await this.#sameDirectory();
      const temporary = `${file}.tmp`;
      const handle = await open(temporary, 'w', 0o600);
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
      const directory = await open(this.#directory, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    });
  }

  /**
   * A disk may be unmounted under a running process: then the path leads to the bare mount point,
   * and a new file would end up on the node's own disk. Open files stay those of the right disk.
   */
  async #sameDirectory(): Promise<void> {
    const { dev, ino } = await stat(this.#directory, { bigint: true });
    this.#found ??= { dev, ino };
    if (dev === this.#found.dev && ino === this.#found.ino) return;
    throw new Fault(
      'disk.failed',
      `${this.#directory} is another directory than before (${this.#found.dev}/${this.#found.ino}, now ${dev}/${ino}).`,
      { hint: 'Mount the disk again that belongs there, and start this process anew.' },
    );
  }
}

const noHoles: ReadonlySet<string> = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

/** Longer ones are worth a thread. */
const atOnceBytesMax = 2 ** 20;

/** More that was written since the last sync takes longer to be carried to the medium. */
const syncAtOnceBytesMax = 64 * 2 ** 10;

/**
 * One system call writes no more. The page cache takes a longer write into pages that are larger
 * (Linux 6.16 and later), where every later write of 4 KiB pays for the whole of its page
 * (docs/decisions/0095).
 */
const writeBytes = 32 * 2 ** 10;

/** How much is written as zeroes at a time where there are no holes. */
const zeroes = new Uint8Array(2 ** 20);

class HostFile implements DiskFile {
  readonly #name: string;
  readonly #handle: FileHandle;
  /** A block in the page cache takes 2 to 10 µs, the fastest medium 60. */
  readonly #reads = new AtOnce(0.04);
  /** They wait when the file system is busy with its journal or has too much to write back. */
  readonly #writes = new AtOnce(1);
  /** A solid state disk that need not flush takes 0.1 ms, and a thread as long to be handed it. */
  readonly #syncs = new AtOnce(0.5, { probes: false });
  /** Written since the last sync began. */
  #unsyncedBytes = 0;
  /** One was done at once in this turn of the event loop: the next ones share one of a thread. */
  #syncedInTurn = false;

  constructor(name: string, handle: FileHandle) {
    this.#name = name;
    this.#handle = handle;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    return told(`read ${this.#name}`, async () => {
      const bytes = anyBytes(lengthBytes);
      for (let at = 0; at < lengthBytes; ) {
        const left = lengthBytes - at;
        const { bytesRead } = await this.#handle.read(bytes, at, left, offsetBytes + at);
        // Beyond the end of the file there are zeroes.
        if (bytesRead === 0) {
          bytes.fill(0, at);
          break;
        }
        at += bytesRead;
      }
      return bytes;
    });
  }

  readAtOnce(offsetBytes: number, lengthBytes: number): Uint8Array | undefined {
    if (lengthBytes > atOnceBytesMax || !this.#reads.next) return undefined;
    const startMs = performance.now();
    const bytes = anyBytes(lengthBytes);
    try {
      const count = readSync(this.#handle.fd, bytes, 0, lengthBytes, offsetBytes);
      // Short where the file ends, or for a reason of the system's own: `read` finds out.
      if (count < lengthBytes && count > 0) return undefined;
      if (count === 0) bytes.fill(0);
    } catch (error) {
      throw faultOf(`read ${this.#name}`, error);
    } finally {
      this.#reads.took(performance.now() - startMs, lengthBytes);
    }
    return bytes;
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await told(`write ${this.#name}`, async () => {
      for (let at = 0; at < bytes.length; ) {
        const count = Math.min(writeBytes, bytes.length - at);
        const { bytesWritten } = await this.#handle.write(bytes, at, count, offsetBytes + at);
        this.#unsyncedBytes += bytesWritten;
        at += bytesWritten;
      }
    });
  }

  writeAtOnce(offsetBytes: number, bytes: Uint8Array): boolean {
    if (bytes.length > atOnceBytesMax || !this.#writes.next) return false;
    const startMs = performance.now();
    this.#unsyncedBytes += bytes.length;
    try {
      for (let at = 0; at < bytes.length; at += writeBytes) {
        const count = Math.min(writeBytes, bytes.length - at);
        // What was written of less than all is written again, by a thread.
        if (writeSync(this.#handle.fd, bytes, at, count, offsetBytes + at) < count) return false;
      }
      return true;
    } catch (error) {
      throw faultOf(`write ${this.#name}`, error);
    } finally {
      this.#writes.took(performance.now() - startMs, bytes.length);
    }
  }

  /** Where the file system has no holes, zeroes are written inside the file. */
  async punch(offsetBytes: number, lengthBytes: number): Promise<void> {
    return told(`punch ${this.#name}`, async () => {
      if (native === undefined) return this.#writeZeroes(offsetBytes, lengthBytes);
      try {
        await native.trim(this.#handle.fd, offsetBytes, lengthBytes);
      } catch (error) {
        if (!noHoles.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
        return this.#writeZeroes(offsetBytes, lengthBytes);
      }
      return undefined;
    });
  }

  async #writeZeroes(offsetBytes: number, lengthBytes: number): Promise<void> {
    const { size } = await this.#handle.stat();
    const end = Math.min(offsetBytes + lengthBytes, size);
    for (let at = offsetBytes; at < end; at += zeroes.length) {
      await this.write(at, zeroes.subarray(0, Math.min(zeroes.length, end - at)));
    }
  }

  async sync(): Promise<void> {
    const lengthBytes = this.#unsyncedBytes;
    this.#unsyncedBytes = 0;
    const startMs = performance.now();
    await told(`sync ${this.#name}`, async () => {
      await this.#handle.datasync();
    });
    this.#syncs.took(performance.now() - startMs, lengthBytes);
  }

  syncAtOnce(): boolean {
    const lengthBytes = this.#unsyncedBytes;
    if (this.#syncedInTurn || lengthBytes > syncAtOnceBytesMax || !this.#syncs.next) return false;
    this.#syncedInTurn = true;
    setImmediate(() => {
      this.#syncedInTurn = false;
    });
    this.#unsyncedBytes = 0;
    const startMs = performance.now();
    try {
      fdatasyncSync(this.#handle.fd);
      return true;
    } catch (error) {
      throw faultOf(`sync ${this.#name}`, error);
    } finally {
      this.#syncs.took(performance.now() - startMs, lengthBytes);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Not made zero first, which would take as long as reading them. */
function anyBytes(lengthBytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(lengthBytes).buffer);
}

const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** @param what verb and file, for the message */
async function told<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw faultOf(what, error);
  }
}

function faultOf(what: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  // Without a code it is not the system's error but a mistake of ours.
  if (code === undefined) return error;
  if (fullCodes.has(code)) {
    return new Fault('disk.full', `Could not ${what}: no space is left (${code}).`, {
      hint: 'Make room on this file system.',
      retriable: true,
      cause: error,
    });
  }
  return new Fault('disk.failed', `Could not ${what}: ${message}`, {
    hint: 'Check the disk and its mount.',
    cause: error,
  });
}
