/**
 * One layer: a sparse data file, the seals of its blocks, and the region map that is the root of
 * its checksums. The head keeps its map in memory; of a frozen layer only which regions have a page
 * is kept, and the rest is read when it is needed.
 *
 * Promises: a seal on disk never speaks of bytes that are not there yet; a page is written only
 * while its region is marked dirty, so that after a crash nobody trusts its checksum.
 */
import { assert } from '../base/assert.ts';
import type { Bitmap } from '../base/bitmap.ts';
import { isZero, type Span } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { type ChecksumTable, pageBytes, type TablePage } from './checksum-table.ts';
import { holding, readFile, type StoreStep } from './command.ts';
import { type ByteSpan, type Geometry, regionCount, regionSpan } from './geometry.ts';
import { filesOf, type LayerFiles, type LayerRecord } from './layer-list.ts';
import { allFlags, RegionMap } from './region-map.ts';
import { sealAbsent, sealOf, sealUnreadable, sealZero } from './seal.ts';

export class Layer {
  readonly number: number;
  readonly files: LayerFiles;
  readonly #table: ChecksumTable;
  #geometry: Geometry;
  #map: RegionMap | undefined;
  /** Regions with a page, when there is no map. */
  #pages: Bitmap | undefined;
  /** Syncs begun; one that waited behind a later begun one has nothing left to do. */
  #syncTicket = 0;
  #syncDone = 0;

  /**
   * @param map of the head, and of a layer that something is merged into; dropped by `freeze`
   */
  constructor(
    record: LayerRecord,
    shape: { readonly geometry: Geometry; readonly table: ChecksumTable; readonly map: RegionMap },
  ) {
    this.number = record.layer;
    this.files = filesOf(record.layer);
    this.#geometry = { ...shape.geometry, sizeBytes: record.sizeBytes };
    this.#table = shape.table;
    this.#map = shape.map;
  }

  get geometry(): Geometry {
    return this.#geometry;
  }

  /** Only while it is in memory. */
  get map(): RegionMap {
    assert(this.#map !== undefined, `the map of layer ${this.number} is in memory`);
    return this.#map;
  }

  /** Regions in which it may hold something. */
  pages(): Bitmap {
    return this.#pages ?? this.map.pages();
  }

  /** Nothing is written to it any more; its pages and its map are saved. */
  freeze(): void {
    if (this.#map === undefined) return;
    this.#pages = this.map.pages();
    this.#map = undefined;
  }

  /** The opposite, for a merge. */
  *thaw(): StoreStep<void> {
    const count = regionCount(this.#geometry);
    const span = { offsetBytes: 0, lengthBytes: RegionMap.fileBytes(count) };
    this.#map = RegionMap.load(count, yield* readFile(this.files.regions, span));
    this.#pages = undefined;
    yield* this.mend();
  }

  grow(sizeBytes: number): void {
    this.#geometry = { ...this.#geometry, sizeBytes };
    const count = regionCount(this.#geometry);
    if (count > this.map.count) this.#map = this.map.grown(count);
  }

  /** Undefined when the layer holds nothing in the region. */
  *page(region: number): StoreStep<TablePage | undefined> {
    const known = this.#table.find(this.number, region);
    if (known !== undefined) return known;
    const root = yield* this.#root(region);
    if (root === 0) return undefined;
    const bytes = yield* readFile(this.files.table, this.#pageSpan(region));
    return this.#table.install(this.number, region, this.#table.decode(region, bytes, root));
  }

  /** The page of a region that is about to get its first seals, if need be a new one. */
  *ownPage(region: number): StoreStep<TablePage> {
    const page = yield* this.page(region);
    if (page !== undefined) return page;
    const seals = new Uint32Array(this.#geometry.regionBlocks);
    return this.#table.install(this.number, region, seals);
  }

  *#root(region: number): StoreStep<number> {
    if (this.#map !== undefined) return region < this.#map.count ? this.#map.tableCrc(region) : 0;
    const pages = this.pages();
    if (region >= pages.size || !pages.has(region)) return 0;
    const sector = yield* readFile(this.files.regions, RegionMap.sectorSpan(region));
    // Damaged since it was opened: a page that matches nothing, so that nothing of it counts.
    return RegionMap.rootIn(sector, region) ?? lostRoot;
  }

  /** The page on disk is the newest one. */
  isSaved(region: number): boolean {
    return this.#table.isSaved(this.number, region);
  }

  /** What the layer says about each block, as a copy. */
  *seals(blocks: Span): StoreStep<Uint32Array> {
    const { regionBlocks } = this.#geometry;
    const seals = new Uint32Array(blocks.end - blocks.first);
    for (let block = blocks.first; block < blocks.end; ) {
      const region = Math.floor(block / regionBlocks);
      const end = Math.min((region + 1) * regionBlocks, blocks.end);
      const page = yield* this.page(region);
      if (page !== undefined) {
        const at = block - region * regionBlocks;
        seals.set(page.seals.subarray(at, at + end - block), block - blocks.first);
      }
      block = end;
    }
    return seals;
  }

  /**
   * @param seal of a block; `index` counts from the first
   * @param veils the new seals say "zero" over something below: a crash would not find them again
   */
  *reseal(
    blocks: Span,
    seal: (block: number, index: number) => number,
    veils: (seal: number) => boolean,
  ): StoreStep<void> {
    const { regionBlocks } = this.#geometry;
    let page: TablePage | undefined;
    for (let block = blocks.first; block < blocks.end; block++) {
      const region = Math.floor(block / regionBlocks);
      if (page?.region !== region) page = yield* this.ownPage(region);
      const next = seal(block, block - blocks.first);
      page.seals[block % regionBlocks] = next;
      page.version += 1;
      if (veils(next)) this.#table.veil(page);
    }
  }

  /** Everything written before the call is durable when it ends. */
  *sync(): StoreStep<void> {
    this.#syncTicket += 1;
    const ticket = this.#syncTicket;
    yield { kind: 'acquire', lock: 'flush' };
    try {
      if (this.#syncDone >= ticket) return;
      const covers = this.#syncTicket;
      yield { kind: 'sync', file: this.files.data };
      this.#syncDone = covers;
    } finally {
      yield { kind: 'release', lock: 'flush' };
    }
  }

  /** Data first: a seal on disk never speaks of bytes that are not there yet. */
  *savePages(): StoreStep<void> {
    yield* holding('table', () => this.#savePages());
  }

  *#savePages(): StoreStep<void> {
    const images = this.#table.unsaved(this.number).map((page) => this.#table.image(page));
    if (images.length === 0) return;
    yield* this.sync();
    for (const { offsetBytes, bytes } of images) {
      yield { kind: 'write', file: this.files.table, offsetBytes, bytes };
    }
    yield { kind: 'sync', file: this.files.table };
    for (const image of images) {
      this.#table.saved(image);
      this.map.setTableCrc(image.page.region, image.crc);
    }
  }

  /** Under the lock `regions`. */
  *saveMap(): StoreStep<void> {
    const { map } = this;
    const images = map.takeUnsaved();
    if (images.length === 0) return;
    try {
      for (const { offsetBytes, bytes } of images) {
        yield { kind: 'write', file: this.files.regions, offsetBytes, bytes };
      }
      yield { kind: 'sync', file: this.files.regions };
    } catch (error) {
      map.putBack(images);
      throw error;
    }
    for (const image of images) map.saved(image);
  }

  /**
   * After an unclean end: writes the data of a dirty region again, because it may be in the page
   * cache only, and computes its seals from it on the way.
   */
  *recoverRegion(region: number): StoreStep<void> {
    const { blockBytes, regionBlocks } = this.#geometry;
    const seals = yield* this.#mixedPage(region);
    const span = regionSpan(this.#geometry, region);
    const data = yield* readFile(this.files.data, span);
    const blocks = span.lengthBytes / blockBytes;
    for (let index = 0; index < blocks; ) {
      const first = index;
      const empty = isZero(data.subarray(first * blockBytes, (first + 1) * blockBytes));
      for (; index < blocks; index++) {
        const block = data.subarray(index * blockBytes, (index + 1) * blockBytes);
        if (isZero(block) !== empty) break;
        if (seals[index] === sealUnreadable) continue;
        if (!empty) seals[index] = sealOf(block, region * regionBlocks + index);
        else if (seals[index] !== sealAbsent) seals[index] = sealZero;
      }
      const at = first * blockBytes;
      const offsetBytes = span.offsetBytes + at;
      const lengthBytes = index * blockBytes - at;
      if (empty) yield { kind: 'punch', file: this.files.data, span: { offsetBytes, lengthBytes } };
      else {
        const bytes = data.subarray(at, at + lengthBytes);
        yield { kind: 'write', file: this.files.data, offsetBytes, bytes };
      }
    }
    const page = this.#table.install(this.number, region, seals);
    page.version += 1;
    this.#table.veil(page);
  }

  /**
   * Of a frozen layer whose map was loaded: a region that is marked was in the middle of a merge.
   * Seals that were saved count, the others are still below. Ends with no region marked.
   */
  *mend(): StoreStep<void> {
    const marked = [...this.map.having(allFlags).members()];
    for (const region of marked) {
      const seals = yield* this.#mixedPage(region);
      this.#table.install(this.number, region, seals).version += 1;
      if (this.#table.unsavedCount > limits.tablePagesUnsavedMax) yield* this.savePages();
    }
    yield* this.savePages();
    if (marked.length > 0) yield* holding('regions', () => this.unmark());
  }

  /**
   * Takes all marks off, because the pages are saved and the layer is frozen. Under the lock
   * `regions`. From here on a page has to match its checksum.
   */
  *unmark(): StoreStep<void> {
    for (const region of this.map.having(allFlags).members()) this.map.remove(region, allFlags);
    yield* this.saveMap();
  }

  *#mixedPage(region: number): StoreStep<Uint32Array> {
    const found = yield* readFile(this.files.table, this.#pageSpan(region));
    return this.#table.decodeMixed(region, found, this.map.tableCrc(region));
  }

  #pageSpan(region: number): ByteSpan {
    const lengthBytes = pageBytes(this.#geometry.regionBlocks);
    return { offsetBytes: region * lengthBytes, lengthBytes };
  }
}

/** No page has this checksum: they are 32 bits without a sign. */
const lostRoot = -1;
