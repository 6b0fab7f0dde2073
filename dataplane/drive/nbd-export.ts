/**
 * What an NBD server serves: block services under names, each behind one door for all connections.
 */
import { assert } from '../base/assert.ts';
import type { ExportDirectory, ExportInfo } from '../nbd/export-info.ts';
import { metaContextName } from '../nbd/wire.ts';
import type { BlockService } from '../ports/block-service.ts';
import type { DirtyMap } from '../ports/dirty-map.ts';
import { NbdBytes } from './nbd-bytes.ts';

export interface NbdExportOptions {
  /** As clients ask for it. */
  readonly name: string;
  /** One line for people. */
  readonly description?: string;
  readonly blocks: BlockService;
  /** Offered as `larder:dirty` when given. */
  readonly dirty?: DirtyMap;
}

export class NbdExport {
  readonly name: string;
  readonly description: string;
  readonly bytes: NbdBytes;
  readonly dirty: DirtyMap | undefined;

  constructor(options: NbdExportOptions) {
    const { sizeBytes, blockBytes } = options.blocks.geometry;
    assert(sizeBytes % blockBytes === 0, `${options.name}: size is no multiple of ${blockBytes}`);
    this.name = options.name;
    this.description = options.description ?? '';
    this.bytes = new NbdBytes(options.blocks);
    this.dirty = options.dirty;
  }

  get info(): ExportInfo {
    const contexts: string[] = [metaContextName.allocation];
    if (this.dirty !== undefined) contexts.push(metaContextName.dirty);
    const { name, description, bytes } = this;
    return { name, description, geometry: bytes.blocks.geometry, contexts };
  }
}

/** The exports of a server. The first one is also the default export (""). */
export class NbdExports implements ExportDirectory {
  readonly #exports = new Map<string, NbdExport>();

  constructor(exports: readonly NbdExport[]) {
    for (const entry of exports) this.add(entry);
  }

  add(entry: NbdExport): void {
    assert(!this.#exports.has(entry.name), `two exports are named "${entry.name}"`);
    this.#exports.set(entry.name, entry);
  }

  /** Later clients do not find it; whoever is connected stays. */
  remove(name: string): void {
    this.#exports.delete(name);
  }

  list(): readonly ExportInfo[] {
    return [...this.#exports.values()].map((entry) => entry.info);
  }

  find(name: string): ExportInfo | undefined {
    return this.get(name)?.info;
  }

  get(name: string): NbdExport | undefined {
    const [first] = this.#exports.values();
    return this.#exports.get(name) ?? (name === '' ? first : undefined);
  }
}
