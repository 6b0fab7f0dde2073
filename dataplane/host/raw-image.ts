/**
 * A raw image of a volume as one file: the bytes of the volume, nothing else, with holes for
 * zeroes.
 *
 * Promises: a new image appears under its name only when it is whole and durable; a file that is
 * there is replaced only when that was asked for.
 */
import { constants, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../base/fault.ts';

export class RawImage {
  readonly file: string;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  /** Where a new image is until it is whole; undefined for one that is read. */
  readonly #unfinished: string | undefined;

  private constructor(
    handle: FileHandle,
    file: string,
    facts: { readonly sizeBytes: number; readonly unfinished?: string },
  ) {
    this.#handle = handle;
    this.file = file;
    this.sizeBytes = facts.sizeBytes;
    this.#unfinished = facts.unfinished;
  }

  /** Rejects with `input.invalid` when it cannot be read or is no regular file. */
  static async read(file: string): Promise<RawImage> {
    const handle = await opened(file, 'r');
    const facts = await handle.stat();
    if (facts.isFile()) return new RawImage(handle, file, { sizeBytes: facts.size });
    await handle.close();
    throw new Fault('input.invalid', `${file} is no regular file.`, {
      hint: 'Copy a device into a file first, for example with nbdcopy or qemu-img convert.',
    });
  }

  /**
   * Begins a new image of zeroes. Rejects with `input.invalid` when the name is taken (unless
   * `replace`) or cannot be written, `disk.full` when the file system cannot hold such a file.
   */
  static async create(
    file: string,
    options: { readonly sizeBytes: number; readonly replace: boolean },
  ): Promise<RawImage> {
    const { sizeBytes, replace } = options;
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && !(replace && found.isFile())) {
      const hint = found.isFile()
        ? 'Name another file, or add --force to replace it.'
        : 'Name a regular file; to fill a device, serve the store and copy it with nbdcopy.';
      throw new Fault('input.invalid', `${file} exists.`, { hint });
    }
    const unfinished = `${file}.partial`;
    const handle = await opened(unfinished, 'w');
    const image = new RawImage(handle, file, { sizeBytes, unfinished });
    try {
      await told(file, () => handle.truncate(sizeBytes));
    } catch (error) {
      await image.abandon();
      throw error;
    }
    return image;
  }

  /** Whole; the last piece of a file may be shorter than asked for. */
  async readAt(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(lengthBytes, this.sizeBytes - offsetBytes));
    await told(this.file, async () => {
      for (let at = 0; at < bytes.length; ) {
        const left = bytes.length - at;
        const { bytesRead } = await this.#handle.read(bytes, at, left, offsetBytes + at);
        if (bytesRead === 0) throw Object.assign(new Error('it became shorter'), { code: 'EIO' });
        at += bytesRead;
      }
    });
    return bytes;
  }

  async writeAt(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await told(this.file, async () => {
      for (let at = 0; at < bytes.length; ) {
        const left = bytes.length - at;
        const { bytesWritten } = await this.#handle.write(bytes, at, left, offsetBytes + at);
        at += bytesWritten;
      }
    });
  }

  /** Makes a new image durable and gives it its name. */
  async finish(): Promise<void> {
    const unfinished = this.#unfinished;
    await told(this.file, async () => {
      await this.#handle.sync();
      await this.#handle.close();
      if (unfinished === undefined) return;
      await rename(unfinished, this.file);
      const flags = constants.O_RDONLY | constants.O_DIRECTORY;
      const directory = await open(path.dirname(this.file), flags);
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    });
  }

  /** Lets go of it; of a new image nothing is left. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {});
    if (this.#unfinished !== undefined) await rm(this.#unfinished, { force: true });
  }
}

async function opened(file: string, flags: 'r' | 'w'): Promise<FileHandle> {
  try {
    return await open(file, flags, 0o600);
  } catch (cause) {
    const { message } = cause as Error;
    const hint = 'Check the path and who may use it.';
    throw new Fault('input.invalid', `${file} cannot be opened: ${message}`, { cause, hint });
  }
}

const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

async function told<T>(file: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    const full = fullCodes.has(code);
    throw new Fault(full ? 'disk.full' : 'disk.failed', `${file}: ${message}`, {
      cause,
      hint: full
        ? 'Name a place with more room, on a file system that holds files of that size.'
        : 'Check the disk and its mount.',
    });
  }
}
