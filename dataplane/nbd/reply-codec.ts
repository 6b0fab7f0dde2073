/**
 * Replies of the transmission phase as bytes, both sides: the simple ones that every client knows
 * and the structured chunks that a client may ask for. Payload is never copied; it stands between
 * headers as the chunk the caller gave.
 */
import { Buffer } from 'node:buffer';
import { readU16, readU32, writeU16, writeU32, writeU64 } from '../base/big-endian.ts';
import { type ErrnoName, errno } from './errno.ts';
import type { NbdRequest } from './request.ts';
import {
  chunkFlag,
  chunkHeaderBytes,
  chunkType,
  simpleReplyBytes,
  simpleReplyMagic,
  structuredReplyMagic,
} from './wire.ts';

/** Longest message of an error chunk that we send. */
const messageBytesMax = 512;

export function simpleReply(request: NbdRequest, error: ErrnoName | undefined): Uint8Array {
  const bytes = Buffer.allocUnsafe(simpleReplyBytes);
  writeU32(bytes, 0, simpleReplyMagic);
  writeU32(bytes, 4, error === undefined ? 0 : errno[error]);
  writeU32(bytes, 8, request.cookieHigh);
  writeU32(bytes, 12, request.cookieLow);
  return bytes;
}

/** Header of a chunk of data; `lengthBytes` of payload must follow. */
export function dataChunkHeader(
  request: NbdRequest,
  at: { readonly offsetBytes: number; readonly lengthBytes: number; readonly last: boolean },
): Uint8Array {
  const flags = at.last ? chunkFlag.done : 0;
  const bytes = chunk(request, flags, chunkType.offsetData, 8, at.lengthBytes);
  writeU64(bytes, chunkHeaderBytes, at.offsetBytes);
  return bytes;
}

export function holeChunk(
  request: NbdRequest,
  at: { readonly offsetBytes: number; readonly lengthBytes: number; readonly last: boolean },
): Uint8Array {
  const bytes = chunk(request, at.last ? chunkFlag.done : 0, chunkType.offsetHole, 12);
  writeU64(bytes, chunkHeaderBytes, at.offsetBytes);
  writeU32(bytes, chunkHeaderBytes + 8, at.lengthBytes);
  return bytes;
}

/** Ends a reply with an error; `offsetBytes` says where a read failed. */
export function errorChunk(
  request: NbdRequest,
  error: ErrnoName,
  message: string,
  offsetBytes?: number,
): Uint8Array {
  const text = Buffer.from(message).subarray(0, messageBytesMax);
  const placed = offsetBytes !== undefined;
  const length = 6 + text.length + (placed ? 8 : 0);
  const type = placed ? chunkType.errorOffset : chunkType.error;
  const bytes = chunk(request, chunkFlag.done, type, length);
  writeU32(bytes, chunkHeaderBytes, errno[error]);
  writeU16(bytes, chunkHeaderBytes + 4, text.length);
  bytes.set(text, chunkHeaderBytes + 6);
  if (placed) writeU64(bytes, chunkHeaderBytes + 6 + text.length, offsetBytes);
  return bytes;
}

/** A run of bytes with one status, in the terms of a metadata context. */
export interface StatusRun {
  readonly lengthBytes: number;
  readonly state: number;
}

export function statusChunk(
  request: NbdRequest,
  contextId: number,
  runs: readonly StatusRun[],
  last: boolean,
): Uint8Array {
  const flags = last ? chunkFlag.done : 0;
  const bytes = chunk(request, flags, chunkType.blockStatus, 4 + runs.length * 8);
  writeU32(bytes, chunkHeaderBytes, contextId);
  let at = chunkHeaderBytes + 4;
  for (const run of runs) {
    writeU32(bytes, at, run.lengthBytes);
    writeU32(bytes, at + 4, run.state);
    at += 8;
  }
  return bytes;
}

function chunk(
  request: NbdRequest,
  flags: number,
  type: number,
  bodyBytes: number,
  followingBytes = 0,
): Uint8Array {
  const bytes = Buffer.allocUnsafe(chunkHeaderBytes + bodyBytes);
  writeU32(bytes, 0, structuredReplyMagic);
  writeU16(bytes, 4, flags);
  writeU16(bytes, 6, type);
  writeU32(bytes, 8, request.cookieHigh);
  writeU32(bytes, 12, request.cookieLow);
  writeU32(bytes, 16, bodyBytes + followingBytes);
  return bytes;
}

/** The first four bytes of a reply say how long its header is. */
export function replyHeaderBytesOf(bytes: Uint8Array): number | undefined {
  switch (readU32(bytes, 0)) {
    case simpleReplyMagic:
      return simpleReplyBytes;
    case structuredReplyMagic:
      return chunkHeaderBytes;
    default:
      return undefined;
  }
}

export type ReplyHeader =
  | { readonly kind: 'simple'; readonly error: number; readonly cookie: number }
  | {
      readonly kind: 'chunk';
      readonly cookie: number;
      readonly flags: number;
      readonly type: number;
      readonly lengthBytes: number;
    };

/** A whole header whose magic is known. Our own client's cookies are safe integers. */
export function decodeReplyHeader(bytes: Uint8Array): ReplyHeader {
  const cookie = readU32(bytes, 8) * 0x1_0000_0000 + readU32(bytes, 12);
  if (readU32(bytes, 0) === simpleReplyMagic) {
    return { kind: 'simple', error: readU32(bytes, 4), cookie };
  }
  return {
    kind: 'chunk',
    flags: readU16(bytes, 4),
    type: readU16(bytes, 6),
    cookie,
    lengthBytes: readU32(bytes, 16),
  };
}
