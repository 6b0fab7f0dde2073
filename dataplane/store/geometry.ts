/**
 * How a volume is cut into blocks (the unit of checksums and of atomicity) and regions (of the
 * dirty log).
 */
import type { Span } from '../base/bytes.ts';

export interface Geometry {
  readonly sizeBytes: number;
  /** A power of two. 4096 outside the simulator. */
  readonly blockBytes: number;
  /** Blocks of one region. 1024 outside the simulator: 4 MiB. */
  readonly regionBlocks: number;
}

export interface ByteSpan {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

function regionBytes(geometry: Geometry): number {
  return geometry.blockBytes * geometry.regionBlocks;
}

export function regionCount(geometry: Geometry): number {
  return Math.ceil(geometry.sizeBytes / regionBytes(geometry));
}

export function blocksOf(geometry: Geometry, span: ByteSpan): Span {
  return {
    first: span.offsetBytes / geometry.blockBytes,
    end: (span.offsetBytes + span.lengthBytes) / geometry.blockBytes,
  };
}

export function regionsOf(geometry: Geometry, span: ByteSpan): Span {
  return {
    first: Math.floor(span.offsetBytes / regionBytes(geometry)),
    end: Math.ceil((span.offsetBytes + span.lengthBytes) / regionBytes(geometry)),
  };
}

/** Bytes of a region; the last one may be shorter. */
export function regionSpan(geometry: Geometry, region: number): ByteSpan {
  const offsetBytes = region * regionBytes(geometry);
  return {
    offsetBytes,
    lengthBytes: Math.min(regionBytes(geometry), geometry.sizeBytes - offsetBytes),
  };
}

/** True when a span is whole blocks, not empty, and inside the volume. */
export function fits(geometry: Geometry, span: ByteSpan): boolean {
  return (
    Number.isSafeInteger(span.offsetBytes) &&
    Number.isSafeInteger(span.lengthBytes) &&
    span.offsetBytes >= 0 &&
    span.lengthBytes > 0 &&
    span.offsetBytes % geometry.blockBytes === 0 &&
    span.lengthBytes % geometry.blockBytes === 0 &&
    span.offsetBytes + span.lengthBytes <= geometry.sizeBytes
  );
}
