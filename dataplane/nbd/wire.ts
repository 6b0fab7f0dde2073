/**
 * The numbers of the NBD protocol, as its specification names them (NetworkBlockDevice/nbd,
 * doc/proto.md). Every field on the wire is in network byte order. docs/nbd.md says which parts are
 * served and how.
 */

/** Eight bytes that open a server's greeting: "NBDMAGIC". */
export const greetingMagic = [0x4e42444d, 0x41474943] as const;
/** Opens the greeting's second half and every option of a client: "IHAVEOPT". */
export const optionMagic = [0x49484156, 0x454f5054] as const;
/** Opens every reply to an option. */
export const optionReplyMagic = [0x0003e889, 0x045565a9] as const;
export const requestMagic = 0x25609513;
export const simpleReplyMagic = 0x67446698;
export const structuredReplyMagic = 0x668e33ef;

/** Server's flags of the greeting; a client answers with the same bits. */
export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const transmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  flush: 1 << 2,
  fua: 1 << 3,
  rotational: 1 << 4,
  trim: 1 << 5,
  writeZeroes: 1 << 6,
  dontFragment: 1 << 7,
  multiConnection: 1 << 8,
  resize: 1 << 9,
  cache: 1 << 10,
  fastZero: 1 << 11,
} as const;

export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReply = {
  acknowledged: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errorUnsupported: 0x8000_0001,
  errorPolicy: 0x8000_0002,
  errorInvalid: 0x8000_0003,
  errorPlatform: 0x8000_0004,
  errorTlsRequired: 0x8000_0005,
  errorUnknown: 0x8000_0006,
  errorShutdown: 0x8000_0007,
  errorBlockSizeRequired: 0x8000_0008,
  errorTooBig: 0x8000_0009,
} as const;

/** Bit 31 of an option reply's type marks an error. */
export const optionErrorBit = 0x8000_0000;

export const info = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const commandFlag = {
  fua: 1 << 0,
  noHole: 1 << 1,
  dontFragment: 1 << 2,
  requestOne: 1 << 3,
  fastZero: 1 << 4,
} as const;

export const chunkFlag = { done: 1 } as const;

export const chunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;

/** Bit 15 of a chunk's type marks an error. */
export const chunkErrorBit = 0x8000;

/** Status bits of the context `base:allocation`. */
export const allocationState = { hole: 1, zero: 2 } as const;

/** Status bits of our own context `larder:dirty` (docs/nbd.md). */
export const dirtyState = { dirty: 1 } as const;

export const metaContextName = { allocation: 'base:allocation', dirty: 'larder:dirty' } as const;

export const requestHeaderBytes = 28;
export const simpleReplyBytes = 16;
export const chunkHeaderBytes = 20;
export const optionHeaderBytes = 16;
export const optionReplyHeaderBytes = 20;
export const greetingBytes = 18;

/** The word a person knows for an option, for messages. */
export function optionName(code: number): string {
  return nameOf(option, code);
}

/** The word a person knows for a command, for messages and traces. */
export function commandName(code: number): string {
  return nameOf(command, code);
}

function nameOf(table: Readonly<Record<string, number>>, code: number): string {
  return Object.entries(table).find(([, value]) => value === code)?.[0] ?? `unknown (${code})`;
}
