/** The file that says whose store a directory is. Written once, when the store is made. */
import type { Geometry } from './geometry.ts';
import { decodeSealedJson, encodeSealedJson } from './sealed-json.ts';

export const identityFile = 'identity';

export interface Identity {
  readonly volume: string;
  readonly member: string;
  /** As the store was made. The present size of the volume stands in the layer list. */
  readonly geometry: Geometry;
}

export function encodeIdentity({ volume, member, geometry }: Identity): Uint8Array {
  return encodeSealedJson({ volume, member, geometry });
}

/** Throws `store.damaged` or `store.newer-format`. */
export function decodeIdentity(content: Uint8Array): Identity {
  const { volume, member, geometry } = decodeSealedJson(content, identityFile) as Identity;
  return { volume, member, geometry };
}
