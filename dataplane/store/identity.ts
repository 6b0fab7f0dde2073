/**
 * The file that says whose store a directory is. Written once, when the store is made, as one line
 * of JSON with its checksum, so that a person can read it with `cat`.
 */
import { crc32c } from '../base/crc32c.ts';
import { Fault } from '../base/fault.ts';
import type { Geometry } from './geometry.ts';

export const identityFile = 'identity';
const format = 1;

export interface Identity {
  readonly volume: string;
  readonly member: string;
  readonly geometry: Geometry;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeIdentity(identity: Identity): Uint8Array {
  const json = JSON.stringify({ format, ...identity });
  return encoder.encode(`${crc32c(encoder.encode(json)).toString(16).padStart(8, '0')} ${json}\n`);
}

/** Throws `store.damaged` or `store.newer-format`. */
export function decodeIdentity(content: Uint8Array): Identity {
  const text = decoder.decode(content);
  const json = text.slice(9).trimEnd();
  const damaged = new Fault('store.damaged', 'The identity file does not match its checksum.', {
    hint: 'Put the file back from another source, or remove the directory and let it be copied anew.',
  });
  if (text.slice(0, 9) !== `${crc32c(encoder.encode(json)).toString(16).padStart(8, '0')} `) {
    throw damaged;
  }
  const found = JSON.parse(json) as Identity & { readonly format: number };
  if (found.format !== format) {
    throw new Fault(
      'store.newer-format',
      `The identity file has format ${found.format}; this version reads ${format}.`,
      { hint: 'Run the version of Larder that wrote this store.' },
    );
  }
  return { volume: found.volume, member: found.member, geometry: found.geometry };
}
