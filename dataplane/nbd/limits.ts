/**
 * What one NBD connection may take. docs/nbd.md repeats the table; every number has its reason
 * here.
 */
import { limits } from '../base/limits.ts';

export const nbdLimits = {
  /** Longest READ or WRITE. The specification's default for clients that ask for no block sizes. */
  payloadBytesMax: limits.requestBytesMax,
  /** Longest export name, context name or query. The specification's own limit for strings. */
  stringBytesMax: 4096,
  /** Longest data of one option: a name and as many queries as anyone has reason to send. */
  optionBytesMax: 64 * 1024,
  /** Options a client may send before it must begin. Tools send about five. */
  optionsMax: 64,
  /** Metadata contexts one client may select: those that exist, with room to grow. */
  contextsMax: 8,
  /**
   * Requests admitted whose reply the client's socket has not taken. The kernel's client keeps 128
   * in flight at most.
   */
  inFlightRequestsMax: 128,
  /** Their payload. A longer request is admitted alone. */
  inFlightBytesMax: 16 * 1024 * 1024,
  /** Part of a structured read that travels as one: an error is reported at its beginning. */
  readPartBytesMax: 1024 * 1024,
  /** Part of a TRIM, WRITE_ZEROES or CACHE handed to the service at once. */
  rangePartBytesMax: limits.requestBytesMax,
  /** Shortest run of zeroes inside a read that is worth a chunk of its own. */
  holeBytesMin: 32 * 1024,
  /** Descriptors of one block-status reply (8 bytes each). */
  extentsMax: 4096,
  /** Connections of one server. The kernel's client and nbdcopy open up to 16 for a device. */
  connectionsMax: 64,
  /** Time from connection to the first request, with all options and TLS in between. */
  handshakeTimeoutMs: 10_000,
} as const;
