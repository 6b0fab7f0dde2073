/** What a server says about one export, before any of its bytes are read. */
import type { BlockGeometry } from '../ports/block-service.ts';
import { nbdLimits } from './limits.ts';
import { transmissionFlag } from './wire.ts';

export interface ExportInfo {
  /** As clients ask for it; "" is the default export. */
  readonly name: string;
  /** For people, shown by `nbdinfo`. */
  readonly description: string;
  readonly geometry: BlockGeometry;
  /** Metadata contexts a client may select, by full name. */
  readonly contexts: readonly string[];
}

/** The exports of one server, as they are at the moment of the call. */
export interface ExportDirectory {
  list(): readonly ExportInfo[];
  /** The export of that name; "" finds the default export, if there is one. */
  find(name: string): ExportInfo | undefined;
}

export interface BlockSizes {
  readonly minimum: number;
  readonly preferred: number;
  readonly maximum: number;
}

/** Any byte may be addressed; whole blocks are cheaper, because a part of one is read first. */
export function blockSizesOf(info: ExportInfo): BlockSizes {
  return {
    minimum: 1,
    preferred: Math.max(info.geometry.blockBytes, 512),
    maximum: nbdLimits.payloadBytesMax,
  };
}

/**
 * Several connections are one cache: a flush on any of them covers what was answered on all (the
 * promise of `BlockService.flush`). Fast zeroes are offered so that a client can ask and be told
 * no.
 */
export function transmissionFlagsOf(info: ExportInfo, structured: boolean): number {
  const always =
    transmissionFlag.hasFlags |
    transmissionFlag.flush |
    transmissionFlag.fua |
    transmissionFlag.multiConnection |
    transmissionFlag.cache;
  const writing = info.geometry.readOnly
    ? transmissionFlag.readOnly
    : transmissionFlag.trim | transmissionFlag.writeZeroes | transmissionFlag.fastZero;
  return always | writing | (structured ? transmissionFlag.dontFragment : 0);
}

/** The export of a volume for clients that learn a size once: as large as a volume may become. */
export function roomyExport(volume: string): string {
  return `${volume}+room`;
}
