/** The specification's own names for what a server sends, kept apart from the code under test. */

export const option: Readonly<Record<string, number>> = {
  EXPORT_NAME: 1,
  ABORT: 2,
  LIST: 3,
  STARTTLS: 5,
  INFO: 6,
  GO: 7,
  STRUCTURED_REPLY: 8,
  LIST_META_CONTEXT: 9,
  SET_META_CONTEXT: 10,
  EXTENDED_HEADERS: 11,
};

export const optionReply: Readonly<Record<string, number>> = {
  ACK: 1,
  SERVER: 2,
  INFO: 3,
  META_CONTEXT: 4,
  ERR_UNSUP: 0x8000_0001,
  ERR_POLICY: 0x8000_0002,
  ERR_INVALID: 0x8000_0003,
  ERR_PLATFORM: 0x8000_0004,
  ERR_TLS_REQD: 0x8000_0005,
  ERR_UNKNOWN: 0x8000_0006,
  ERR_SHUTDOWN: 0x8000_0007,
  ERR_BLOCK_SIZE_REQD: 0x8000_0008,
  ERR_TOO_BIG: 0x8000_0009,
};

export const info: Readonly<Record<string, number>> = {
  EXPORT: 0,
  NAME: 1,
  DESCRIPTION: 2,
  BLOCK_SIZE: 3,
};

export const transmissionFlag: Readonly<Record<string, number>> = {
  HAS_FLAGS: 0x1,
  READ_ONLY: 0x2,
  FLUSH: 0x4,
  FUA: 0x8,
  ROTATIONAL: 0x10,
  TRIM: 0x20,
  WRITE_ZEROES: 0x40,
  DF: 0x80,
  CAN_MULTI_CONN: 0x100,
  RESIZE: 0x200,
  CACHE: 0x400,
  FAST_ZERO: 0x800,
};

export const chunkType: Readonly<Record<string, number>> = {
  NONE: 0,
  OFFSET_DATA: 1,
  OFFSET_HOLE: 2,
  BLOCK_STATUS: 5,
  ERROR: 0x8001,
  ERROR_OFFSET: 0x8002,
};

export const errno: Readonly<Record<string, number>> = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
};
