/**
 * One request of the transmission phase, as its 28 bytes say, and those bytes.
 *
 * The cookie is the client's own number for the request (64 bits that mean nothing to us); it is
 * kept as two halves because a reply must give back every bit.
 */
import { Buffer } from 'node:buffer';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '../base/big-endian.ts';
import { nbdLimits } from './limits.ts';
import { command, commandFlag, requestHeaderBytes, requestMagic } from './wire.ts';

/** One descriptor of a block-status reply. */
const extentBytes = 8;

export interface NbdRequest {
  readonly code: number;
  readonly flags: number;
  readonly cookieHigh: number;
  readonly cookieLow: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** The request, or nothing when the bytes do not open with the magic number. */
export function decodeRequest(bytes: Uint8Array): NbdRequest | undefined {
  if (readU32(bytes, 0) !== requestMagic) return undefined;
  return {
    flags: readU16(bytes, 4),
    code: readU16(bytes, 6),
    cookieHigh: readU32(bytes, 8),
    cookieLow: readU32(bytes, 12),
    offsetBytes: readU64(bytes, 16),
    lengthBytes: readU32(bytes, 24),
  };
}

export function encodeRequest(request: NbdRequest): Uint8Array {
  const bytes = Buffer.allocUnsafe(requestHeaderBytes);
  writeU32(bytes, 0, requestMagic);
  writeU16(bytes, 4, request.flags);
  writeU16(bytes, 6, request.code);
  writeU32(bytes, 8, request.cookieHigh);
  writeU32(bytes, 12, request.cookieLow);
  writeU64(bytes, 16, request.offsetBytes);
  writeU32(bytes, 24, request.lengthBytes);
  return bytes;
}

export function hasFlag(request: NbdRequest, flag: number): boolean {
  return (request.flags & flag) !== 0;
}

/** Bytes that follow the request's header. */
export function payloadBytesOf(request: NbdRequest): number {
  return request.code === command.write ? request.lengthBytes : 0;
}

/** Bytes that a request and its reply keep in memory until the client has taken the reply. */
export function memoryBytesOf(request: NbdRequest): number {
  switch (request.code) {
    case command.read:
    case command.write:
      return request.lengthBytes;
    case command.blockStatus:
      return nbdLimits.extentsMax * extentBytes;
    default:
      return 0;
  }
}

/** FUA is accepted on every command: clients are known to set it where it means nothing. */
export function allowedFlags(code: number, structured: boolean): number {
  const { fua, dontFragment, noHole, fastZero, requestOne } = commandFlag;
  switch (code) {
    case command.read:
      return structured ? fua | dontFragment : fua;
    case command.writeZeroes:
      return fua | noHole | fastZero;
    case command.blockStatus:
      return fua | requestOne;
    default:
      return fua;
  }
}
