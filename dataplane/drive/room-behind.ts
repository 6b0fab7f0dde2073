/**
 * A volume as a device with room behind its end, for clients that learn a size once and never
 * again. What lies behind the end reads as zeroes and takes no bytes; when the volume grows, its
 * new end is where the room was.
 */
import type {
  BlockGeometry,
  BlockOutcome,
  BlockService,
  ByteRange,
  ReadOutcome,
  StatusOutcome,
  WriteOptions,
  ZeroOptions,
} from '../ports/block-service.ts';

const done: BlockOutcome = { kind: 'done' };

export class RoomBehind implements BlockService {
  readonly #volume: BlockService;
  readonly #roomBytes: number;

  /** @param roomBytes size of the device; at least that of the volume, ever */
  constructor(volume: BlockService, roomBytes: number) {
    this.#volume = volume;
    this.#roomBytes = roomBytes;
  }

  get geometry(): BlockGeometry {
    return { ...this.#volume.geometry, sizeBytes: this.#roomBytes };
  }

  async read(range: ByteRange): Promise<ReadOutcome> {
    const inside = this.#inside(range);
    if (inside === range.lengthBytes) return this.#volume.read(range);
    const bytes = new Uint8Array(range.lengthBytes);
    if (inside > 0) {
      const outcome = await this.#volume.read({ ...range, lengthBytes: inside });
      if (outcome.kind !== 'data') return outcome;
      bytes.set(outcome.bytes);
    }
    return { kind: 'data', bytes };
  }

  async write(
    offsetBytes: number,
    bytes: Uint8Array,
    options: WriteOptions,
  ): Promise<BlockOutcome> {
    const { sizeBytes } = this.#volume.geometry;
    if (offsetBytes + bytes.length <= sizeBytes) {
      return this.#volume.write(offsetBytes, bytes, options);
    }
    const message = `The volume ends at ${sizeBytes}; what is behind it takes no bytes until it grows.`;
    return { kind: 'refused', reason: 'out-of-range', message };
  }

  async zero(range: ByteRange, options: ZeroOptions): Promise<BlockOutcome> {
    const lengthBytes = this.#inside(range);
    return lengthBytes === 0 ? done : this.#volume.zero({ ...range, lengthBytes }, options);
  }

  async trim(range: ByteRange, options: WriteOptions): Promise<BlockOutcome> {
    const lengthBytes = this.#inside(range);
    return lengthBytes === 0 ? done : this.#volume.trim({ ...range, lengthBytes }, options);
  }

  async flush(): Promise<BlockOutcome> {
    return this.#volume.flush();
  }

  /** Of the volume's part first; a range that begins behind the end is a hole. */
  async blockStatus(range: ByteRange): Promise<StatusOutcome> {
    const lengthBytes = this.#inside(range);
    if (lengthBytes > 0) return this.#volume.blockStatus({ ...range, lengthBytes });
    const extents = [{ lengthBytes: range.lengthBytes, allocated: false, zero: true }];
    return { kind: 'extents', extents };
  }

  /** Bytes of the range, from its start, that are of the volume. */
  #inside({ offsetBytes, lengthBytes }: ByteRange): number {
    const { sizeBytes } = this.#volume.geometry;
    return Math.min(lengthBytes, Math.max(0, sizeBytes - offsetBytes));
  }
}
