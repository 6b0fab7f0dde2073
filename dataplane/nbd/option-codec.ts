/**
 * Options and their replies as bytes, for both sides of the handshake.
 *
 * Promises: a decoder returns `undefined` for anything malformed (a length that does not fit, a
 * string that is too long, not UTF-8, or holds NUL) and never reads past its input. Encoders trust
 * their caller, which is this program.
 */
import { Buffer } from 'node:buffer';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '../base/big-endian.ts';
import type { BlockSizes } from './export-info.ts';
import { nbdLimits } from './limits.ts';
import {
  greetingBytes,
  greetingMagic,
  info,
  optionHeaderBytes,
  optionMagic,
  optionReplyHeaderBytes,
  optionReplyMagic,
} from './wire.ts';

/** GO or INFO: which export, and which facts about it. */
export interface InfoQuery {
  readonly exportName: string;
  readonly facts: readonly number[];
}

/** LIST_META_CONTEXT or SET_META_CONTEXT. */
export interface ContextQuery {
  readonly exportName: string;
  readonly queries: readonly string[];
}

/** A context as selected: its number on this connection, and its name. */
export interface MetaContext {
  readonly id: number;
  readonly name: string;
}

export function encodeGreeting(flags: number): Uint8Array {
  const bytes = Buffer.alloc(greetingBytes);
  writeMagic(bytes, 0, greetingMagic);
  writeMagic(bytes, 8, optionMagic);
  writeU16(bytes, 16, flags);
  return bytes;
}

/** The flags of a greeting, or nothing when it is not one of a newstyle server. */
export function decodeGreeting(bytes: Uint8Array): number | undefined {
  const known = hasMagic(bytes, 0, greetingMagic) && hasMagic(bytes, 8, optionMagic);
  return known ? readU16(bytes, 16) : undefined;
}

export function encodeOption(code: number, data: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(optionHeaderBytes + data.length);
  writeMagic(bytes, 0, optionMagic);
  writeU32(bytes, 8, code);
  writeU32(bytes, 12, data.length);
  bytes.set(data, optionHeaderBytes);
  return bytes;
}

export function decodeOptionHeader(
  bytes: Uint8Array,
): { readonly code: number; readonly lengthBytes: number } | undefined {
  if (!hasMagic(bytes, 0, optionMagic)) return undefined;
  return { code: readU32(bytes, 8), lengthBytes: readU32(bytes, 12) };
}

export function encodeOptionReply(code: number, type: number, data: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(optionReplyHeaderBytes + data.length);
  writeMagic(bytes, 0, optionReplyMagic);
  writeU32(bytes, 8, code);
  writeU32(bytes, 12, type);
  writeU32(bytes, 16, data.length);
  bytes.set(data, optionReplyHeaderBytes);
  return bytes;
}

export function decodeOptionReplyHeader(
  bytes: Uint8Array,
): { readonly code: number; readonly type: number; readonly lengthBytes: number } | undefined {
  if (!hasMagic(bytes, 0, optionReplyMagic)) return undefined;
  return { code: readU32(bytes, 8), type: readU32(bytes, 12), lengthBytes: readU32(bytes, 16) };
}

export function encodeInfoQuery(query: InfoQuery): Uint8Array {
  const name = Buffer.from(query.exportName);
  const bytes = Buffer.alloc(4 + name.length + 2 + query.facts.length * 2);
  writeU32(bytes, 0, name.length);
  bytes.set(name, 4);
  writeU16(bytes, 4 + name.length, query.facts.length);
  for (const [index, fact] of query.facts.entries()) {
    writeU16(bytes, 6 + name.length + index * 2, fact);
  }
  return bytes;
}

export function decodeInfoQuery(data: Uint8Array): InfoQuery | undefined {
  const name = sizedString(data, 0);
  if (name === undefined || data.length < name.end + 2) return undefined;
  const count = readU16(data, name.end);
  if (data.length !== name.end + 2 + count * 2) return undefined;
  const facts = Array.from({ length: count }, (_, index) =>
    readU16(data, name.end + 2 + index * 2),
  );
  return { exportName: name.text, facts };
}

export function encodeContextQuery(query: ContextQuery): Uint8Array {
  const count = Buffer.alloc(4);
  writeU32(count, 0, query.queries.length);
  return Buffer.concat([encodeSized(query.exportName), count, ...query.queries.map(encodeSized)]);
}

export function decodeContextQuery(data: Uint8Array): ContextQuery | undefined {
  const name = sizedString(data, 0);
  if (name === undefined || data.length < name.end + 4) return undefined;
  const count = readU32(data, name.end);
  const queries: string[] = [];
  let at = name.end + 4;
  for (let index = 0; index < count; index += 1) {
    const query = sizedString(data, at);
    if (query === undefined) return undefined;
    queries.push(query.text);
    at = query.end;
  }
  return at === data.length ? { exportName: name.text, queries } : undefined;
}

export function encodeExportInfo(sizeBytes: number, flags: number): Uint8Array {
  const bytes = Buffer.alloc(12);
  writeU16(bytes, 0, info.export);
  writeU64(bytes, 2, sizeBytes);
  writeU16(bytes, 10, flags);
  return bytes;
}

export function encodeBlockSizes(sizes: BlockSizes): Uint8Array {
  const bytes = Buffer.alloc(14);
  writeU16(bytes, 0, info.blockSize);
  writeU32(bytes, 2, sizes.minimum);
  writeU32(bytes, 6, sizes.preferred);
  writeU32(bytes, 10, sizes.maximum);
  return bytes;
}

/** INFO_NAME and INFO_DESCRIPTION: a number and a text to the end. */
export function encodeInfoText(type: number, text: string): Uint8Array {
  const data = Buffer.from(text);
  const bytes = Buffer.alloc(2 + data.length);
  writeU16(bytes, 0, type);
  bytes.set(data, 2);
  return bytes;
}

/** One fact of a GO or INFO reply; a kind that is not known is only named. */
export type InfoFact =
  | { readonly kind: 'export'; readonly sizeBytes: number; readonly flags: number }
  | { readonly kind: 'block-sizes'; readonly sizes: BlockSizes }
  | { readonly kind: 'name' | 'description'; readonly text: string }
  | { readonly kind: 'unknown'; readonly type: number };

export function decodeInfoFact(data: Uint8Array): InfoFact | undefined {
  if (data.length < 2) return undefined;
  const type = readU16(data, 0);
  switch (type) {
    case info.export: {
      if (data.length !== 12) return undefined;
      return { kind: 'export', sizeBytes: readU64(data, 2), flags: readU16(data, 10) };
    }
    case info.blockSize: {
      if (data.length !== 14) return undefined;
      const minimum = readU32(data, 2);
      const sizes = { minimum, preferred: readU32(data, 6), maximum: readU32(data, 10) };
      return minimum === 0 ? undefined : { kind: 'block-sizes', sizes };
    }
    case info.name:
    case info.description: {
      const text = decodeString(data.subarray(2));
      if (text === undefined) return undefined;
      return { kind: type === info.name ? 'name' : 'description', text };
    }
    default:
      return { kind: 'unknown', type };
  }
}

/** A REP_SERVER entry: name and description. */
export function encodeListEntry(name: string, description: string): Uint8Array {
  return Buffer.concat([encodeSized(name), Buffer.from(description)]);
}

export function decodeListEntry(
  data: Uint8Array,
): { readonly name: string; readonly description: string } | undefined {
  const name = sizedString(data, 0);
  if (name === undefined) return undefined;
  const description = decodeString(data.subarray(name.end));
  return description === undefined ? undefined : { name: name.text, description };
}

export function encodeMetaContext(context: MetaContext): Uint8Array {
  const name = Buffer.from(context.name);
  const bytes = Buffer.alloc(4 + name.length);
  writeU32(bytes, 0, context.id);
  bytes.set(name, 4);
  return bytes;
}

export function decodeMetaContext(data: Uint8Array): MetaContext | undefined {
  if (data.length < 4) return undefined;
  const name = decodeString(data.subarray(4));
  return name === undefined ? undefined : { id: readU32(data, 0), name };
}

/** A whole field as text, if it is text: at most 4096 bytes of UTF-8 without NUL. */
export function decodeString(data: Uint8Array): string | undefined {
  if (data.length > nbdLimits.stringBytesMax || data.includes(0)) return undefined;
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf8');
  // Invalid UTF-8 decodes to U+FFFD and no longer encodes to the same length and bytes.
  return Buffer.from(text).equals(data) ? text : undefined;
}

function encodeSized(text: string): Uint8Array {
  const data = Buffer.from(text);
  const bytes = Buffer.alloc(4 + data.length);
  writeU32(bytes, 0, data.length);
  bytes.set(data, 4);
  return bytes;
}

function sizedString(
  data: Uint8Array,
  at: number,
): { readonly text: string; readonly end: number } | undefined {
  if (data.length < at + 4) return undefined;
  const end = at + 4 + readU32(data, at);
  if (end > data.length) return undefined;
  const text = decodeString(data.subarray(at + 4, end));
  return text === undefined ? undefined : { text, end };
}

function writeMagic(bytes: Uint8Array, at: number, magic: readonly [number, number]): void {
  writeU32(bytes, at, magic[0]);
  writeU32(bytes, at + 4, magic[1]);
}

function hasMagic(bytes: Uint8Array, at: number, magic: readonly [number, number]): boolean {
  return readU32(bytes, at) === magic[0] && readU32(bytes, at + 4) === magic[1];
}
