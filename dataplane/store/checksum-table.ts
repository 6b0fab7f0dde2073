/**
 * The checksum tables of a store's layers: one page a region, one four-byte seal a block (seal.ts).
 * Pages are read when they are needed, kept up to a limit, and dropped again once they are saved,
 * so memory does not grow with the volume.
 *
 * A page on disk is a 512-byte header and the seals. The region map keeps the page's checksum; a
 * page that does not match is unreadable as a whole, and each block of it comes back when it is
 * written again.
 */
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { limits } from '../base/limits.ts';
import { sealAbsent, sealUnreadable } from './seal.ts';

const pageHeaderBytes = 512;
const magic = 0x4c54424c; // "LTBL"

export interface TablePage {
  readonly layer: number;
  readonly region: number;
  readonly seals: Uint32Array;
  /** Grows with every change; equal to `savedVersion` when the page on disk is the same. */
  version: number;
  savedVersion: number;
}

export interface PageImage {
  readonly page: TablePage;
  readonly version: number;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  readonly crc: number;
}

export function pageBytes(regionBlocks: number): number {
  return pageHeaderBytes + regionBlocks * 4;
}

export class ChecksumTable {
  readonly #regionBlocks: number;
  /** In order of use, the least recent first. */
  readonly #pages = new Map<number, TablePage>();
  /** Unsaved pages with a new "zero", which a crash would not find again in the data. */
  readonly #veils = new Set<TablePage>();

  constructor(regionBlocks: number) {
    this.#regionBlocks = regionBlocks;
  }

  get unsavedCount(): number {
    let count = 0;
    for (const page of this.#pages.values()) if (page.version !== page.savedVersion) count += 1;
    return count;
  }

  get veiled(): boolean {
    return this.#veils.size > 0;
  }

  /** Undefined: it must be read first. */
  find(layer: number, region: number): TablePage | undefined {
    const key = keyOf(layer, region);
    const page = this.#pages.get(key);
    if (page !== undefined) {
      this.#pages.delete(key);
      this.#pages.set(key, page);
    }
    return page;
  }

  /** Takes in a page that was read, unless somebody else did so meanwhile. */
  install(layer: number, region: number, seals: Uint32Array): TablePage {
    const known = this.find(layer, region);
    if (known !== undefined) return known;
    const page: TablePage = { layer, region, seals, version: 0, savedVersion: 0 };
    this.#pages.set(keyOf(layer, region), page);
    this.#evict(page);
    return page;
  }

  /** True when the page on disk is the newest one. */
  isSaved(layer: number, region: number): boolean {
    const page = this.#pages.get(keyOf(layer, region));
    return page === undefined || page.version === page.savedVersion;
  }

  /** The page has a new "zero" over a layer that would show through. */
  veil(page: TablePage): void {
    this.#veils.add(page);
  }

  unsaved(layer: number): readonly TablePage[] {
    return [...this.#pages.values()].filter(
      (page) => page.layer === layer && page.version !== page.savedVersion,
    );
  }

  saved({ page, version }: PageImage): void {
    page.savedVersion = version;
    if (page.version === version) this.#veils.delete(page);
  }

  /** The layer is gone. */
  forget(layer: number): void {
    for (const [key, page] of this.#pages) {
      if (page.layer !== layer) continue;
      this.#pages.delete(key);
      this.#veils.delete(page);
    }
  }

  image(page: TablePage): PageImage {
    const writer = new ByteWriter(pageBytes(this.#regionBlocks)).u32(magic).u32(page.region);
    writer.raw(new Uint8Array(pageHeaderBytes - 8));
    for (const seal of page.seals) writer.u32(seal);
    const offsetBytes = page.region * pageBytes(this.#regionBlocks);
    const { bytes } = writer;
    return { page, version: page.version, offsetBytes, bytes, crc: pageCrc(bytes, page.region) };
  }

  /** @param crc of the region map; a page that does not match is unreadable as a whole */
  decode(region: number, bytes: Uint8Array, crc: number): Uint32Array {
    return pageCrc(bytes, region) === crc ? this.#seals(bytes) : this.#all(sealUnreadable);
  }

  /**
   * Of a region that was marked when the process ended: the page may be a mix of old and new seals,
   * each of them whole.
   *
   * @param crc as it was when the page was last saved; 0: it never was
   */
  decodeMixed(region: number, bytes: Uint8Array, crc: number): Uint32Array {
    const reader = new ByteReader(bytes);
    if (reader.u32() === magic && reader.u32() === region) return this.#seals(bytes);
    // A first save may have got as far as the seals; a header that was there once is lost.
    const hole = bytes.subarray(0, pageHeaderBytes).every((byte) => byte === 0);
    return this.#all(crc === 0 && hole ? sealAbsent : sealUnreadable);
  }

  #all(seal: number): Uint32Array {
    return new Uint32Array(this.#regionBlocks).fill(seal);
  }

  #seals(bytes: Uint8Array): Uint32Array {
    const seals = new Uint32Array(this.#regionBlocks);
    const reader = new ByteReader(bytes.subarray(pageHeaderBytes));
    for (let index = 0; index < seals.length; index++) seals[index] = reader.u32();
    return seals;
  }

  /** @param keep about to be changed by the caller, who holds on to it */
  #evict(keep: TablePage): void {
    if (this.#pages.size <= limits.tablePagesMax) return;
    for (const [key, page] of this.#pages) {
      if (page === keep || page.version !== page.savedVersion) continue;
      this.#pages.delete(key);
      if (this.#pages.size <= limits.tablePagesMax) return;
    }
    assert(this.#pages.size < limits.tablePagesMax * 64, 'I-22 the pages of a store have a limit');
  }
}

/** One number for both, so that a lookup makes no garbage. */
function keyOf(layer: number, region: number): number {
  return layer * 2 ** 32 + region;
}

/** Never 0, which in the region map means "no page". */
function pageCrc(bytes: Uint8Array, region: number): number {
  const crc = crc32c(bytes, region);
  return crc === 0 ? 1 : crc;
}
