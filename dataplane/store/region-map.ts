/**
 * The region map: for every region whether it is dirty, which absent members have missed changes in
 * it, and the checksum of its table page. It is the dirty log (I-11, I-13) and the root of the
 * checksums.
 *
 * The file is a row of 512-byte sectors, each with its own checksum, written in place: a disk
 * writes a sector whole. A sector that does not match counts as "everything changed", which is
 * always safe.
 *
 * Memory is 10 bytes a region (2.5 MiB for 1 TiB), so only the head has its map in memory. Of a
 * frozen layer the file is the root of its checksums, read a sector at a time. This class decides
 * and remembers; layer.ts writes.
 */
import { Bitmap } from '../base/bitmap.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { ByteSpan } from './geometry.ts';

const regionSectorBytes = 512;
const headerBytes = 16;
const regionsPerSector = (regionSectorBytes - headerBytes) / 8;
const magic = 0x4c52474d; // "LRGM"

export const dirtyBit = 1;
/** Dirty, and changed for every absent member there may be. */
export const allFlags = 0x0f;

/** The bit of the absence in slot `index` of the superblock. */
export function trackedBit(index: number): number {
  return 2 << index;
}

/** One sector as it goes to disk, and the flags it makes durable. */
export interface SectorImage {
  readonly sector: number;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  readonly flags: Uint8Array;
}

export class RegionMap {
  readonly count: number;
  /** What must be so, in memory. */
  readonly #flags: Uint8Array;
  /** What a crash leaves at least. */
  readonly #durable: Uint8Array;
  readonly #tableCrc: Uint32Array;
  readonly #unsaved = new Set<number>();
  #dirtyCount = 0;
  #damaged = false;

  constructor(count: number) {
    this.count = count;
    this.#flags = new Uint8Array(count);
    this.#durable = new Uint8Array(count);
    this.#tableCrc = new Uint32Array(count);
  }

  static fileBytes(count: number): number {
    return Math.ceil(count / regionsPerSector) * regionSectorBytes;
  }

  /** Where in the file the entry of a region is. */
  static sectorSpan(region: number): ByteSpan {
    const sector = Math.floor(region / regionsPerSector);
    return { offsetBytes: sector * regionSectorBytes, lengthBytes: regionSectorBytes };
  }

  /** The page checksum of one region; undefined when its sector does not match. */
  static rootIn(sectorBytes: Uint8Array, region: number): number | undefined {
    if (!isWhole(sectorBytes, Math.floor(region / regionsPerSector))) return undefined;
    const at = headerBytes + (region % regionsPerSector) * 8;
    return new DataView(sectorBytes.buffer, sectorBytes.byteOffset).getUint32(at);
  }

  /** @param file bytes missing at its end count as damaged */
  static load(count: number, file: Uint8Array): RegionMap {
    const map = new RegionMap(count);
    for (let sector = 0; sector * regionsPerSector < count; sector++) map.#decode(sector, file);
    return map;
  }

  /** A sector did not match when the map was loaded. */
  get damaged(): boolean {
    return this.#damaged;
  }

  /** Regions that have a table page. */
  pages(): Bitmap {
    const found = new Bitmap(this.count);
    for (let region = 0; region < this.count; region++) {
      if (this.#tableCrc[region] !== 0) found.add(region);
    }
    return found;
  }

  /**
   * The map of a new head upon this one, which may be larger: the same regions are dirty and
   * changed for the same absent members, and no region has a page.
   */
  successor(count: number): RegionMap {
    const next = new RegionMap(count);
    for (let region = 0; region < this.count; region++) {
      const flags = this.#flags[region] ?? 0;
      if (flags !== 0) next.add(region, flags);
    }
    return next;
  }

  /** The same map with room for more regions, which hold nothing. */
  grown(count: number): RegionMap {
    const next = this.successor(count);
    next.#tableCrc.set(this.#tableCrc);
    next.#durable.set(this.#durable);
    next.#damaged = this.#damaged;
    for (const sector of this.#unsaved) next.#unsaved.add(sector);
    for (let sector = 0; sector * regionsPerSector < count; sector++) {
      if ((sector + 1) * regionsPerSector > this.count) next.#unsaved.add(sector);
    }
    return next;
  }

  /** The whole file, as the map stands. */
  file(): Uint8Array {
    const file = new Uint8Array(RegionMap.fileBytes(this.count));
    for (let sector = 0; sector * regionSectorBytes < file.length; sector++) {
      file.set(this.#encode(sector).bytes, sector * regionSectorBytes);
    }
    return file;
  }

  /** `file` was put in place, durably. */
  fileSaved(): void {
    this.#durable.set(this.#flags);
    this.#unsaved.clear();
  }

  get dirtyCount(): number {
    return this.#dirtyCount;
  }

  isDirty(region: number): boolean {
    return ((this.#flags[region] ?? 0) & dirtyBit) !== 0;
  }

  /** 0: the region has no table page, all its blocks are absent. */
  tableCrc(region: number): number {
    return this.#tableCrc[region] ?? 0;
  }

  /** Goes to disk with the next save of the sector. */
  setTableCrc(region: number, crc: number): void {
    this.#tableCrc[region] = crc;
    this.#unsaved.add(Math.floor(region / regionsPerSector));
  }

  /** True when a crash now would still know all of `bits` for the region. */
  covers(region: number, bits: number): boolean {
    return ((this.#durable[region] ?? 0) & bits) === bits;
  }

  add(region: number, bits: number): void {
    const before = this.#flags[region] ?? 0;
    if ((before & bits) === bits) return;
    this.#flags[region] = before | bits;
    if ((before & dirtyBit) === 0 && (bits & dirtyBit) !== 0) this.#dirtyCount += 1;
    this.#unsaved.add(Math.floor(region / regionsPerSector));
  }

  remove(region: number, bits: number): void {
    const before = this.#flags[region] ?? 0;
    if ((before & bits) === 0) return;
    this.#flags[region] = before & ~bits;
    this.#durable[region] = (this.#durable[region] ?? 0) & ~bits;
    if ((before & bits & dirtyBit) !== 0) this.#dirtyCount -= 1;
    this.#unsaved.add(Math.floor(region / regionsPerSector));
  }

  /** Regions with any of `bits`, as a set of its own. */
  having(bits: number): Bitmap {
    const found = new Bitmap(this.count);
    for (let region = 0; region < this.count; region++) {
      if (((this.#flags[region] ?? 0) & bits) !== 0) found.add(region);
    }
    return found;
  }

  /** Everything that differs from the file. The caller holds the lock of the file until `saved`. */
  takeUnsaved(): readonly SectorImage[] {
    const images = [...this.#unsaved].sort((a, b) => a - b).map((sector) => this.#encode(sector));
    this.#unsaved.clear();
    return images;
  }

  /** The images were not written: they differ from the file as before. */
  putBack(images: readonly SectorImage[]): void {
    for (const { sector } of images) this.#unsaved.add(sector);
  }

  /** Called after the image was written and synced. */
  saved(image: SectorImage): void {
    const first = image.sector * regionsPerSector;
    for (let index = 0; index < image.flags.length; index++) {
      const region = first + index;
      // A bit removed meanwhile stays removed: `durable` may only claim what `flags` still wants.
      this.#durable[region] = (image.flags[index] ?? 0) & (this.#flags[region] ?? 0);
    }
  }

  #encode(sector: number): SectorImage {
    const first = sector * regionsPerSector;
    const end = Math.min(first + regionsPerSector, this.count);
    const writer = new ByteWriter(regionSectorBytes).u32(magic).u32(sector).u32(0).u32(0);
    for (let region = first; region < end; region++) {
      writer.u32(this.#tableCrc[region] ?? 0).u32(this.#flags[region] ?? 0);
    }
    const { bytes } = writer;
    new DataView(bytes.buffer).setUint32(8, crc32c(bytes.subarray(headerBytes), sector));
    const flags = this.#flags.slice(first, end);
    return { sector, offsetBytes: sector * regionSectorBytes, bytes, flags };
  }

  #decode(sector: number, file: Uint8Array): void {
    const bytes = file.subarray(sector * regionSectorBytes, (sector + 1) * regionSectorBytes);
    const first = sector * regionsPerSector;
    const end = Math.min(first + regionsPerSector, this.count);
    const whole = isWhole(bytes, sector);
    const reader = new ByteReader(bytes.subarray(headerBytes));
    for (let region = first; region < end; region++) {
      // Of a damaged sector the page's checksum is unknown: the page is taken as it is, as after a
      // crash.
      this.#tableCrc[region] = whole ? reader.u32() : 0;
      const flags = whole ? reader.u32() & 0xff : allFlags;
      this.#flags[region] = flags;
      if ((flags & dirtyBit) !== 0) this.#dirtyCount += 1;
    }
    // What was read may be in the page cache only: nothing counts as durable before it is saved
    // again.
    this.#unsaved.add(sector);
    if (!whole) this.#damaged = true;
  }
}

function isWhole(bytes: Uint8Array, sector: number): boolean {
  if (bytes.length !== regionSectorBytes) return false;
  const reader = new ByteReader(bytes);
  return (
    reader.u32() === magic &&
    reader.u32() === sector &&
    reader.u32() === crc32c(bytes.subarray(headerBytes), sector)
  );
}
