/**
 * A failure of the world: a disk, a link, a peer, the control plane, bad input. Never a bug; bugs
 * are `Defect` (assert.ts). A fault is a value that travels in outcomes, and it is also an `Error`,
 * so that a port's promise may reject with it and a trace survives.
 */

/** Every code, with what it means. `docs/faults.md` lists the same and a test compares the two. */
export const faultCodes = {
  'disk.failed': 'A read, write or sync on a disk failed. The member leaves; nothing is retried.',
  'disk.full': 'The file system under a store has no room. Writes are refused until there is.',
  'link.lost': 'A connection to a peer ended or never came to be.',
  'peer.malformed': 'A peer sent bytes that the protocol does not allow. The connection is closed.',
  'peer.refused': 'A peer turned a request away: its message says why.',
  'cluster.unreachable': 'The configuration record could not be read or written just now.',
  'cluster.rolled-back': 'A member knows what the record does not: the record is an older one.',
  'store.foreign': 'A directory holds a store of another volume, lineage or member.',
  'store.missing': 'A directory holds no store.',
  'store.damaged': 'The metadata of a store cannot be trusted.',
  'store.newer-format': 'A store was written by a newer version and must be understood in full.',
  'store.corrupt-block': 'A block does not match its checksum on any copy that could be asked.',
  'volume.superseded': 'Another engine has opened a later epoch of this volume.',
  'volume.data-lost': 'Every member lost writes that were acknowledged, or has an older disk.',
  'volume.ending': 'The engine is leaving this volume.',
  'input.invalid': 'A setting or argument is not acceptable.',
} as const;

export type FaultCode = keyof typeof faultCodes;

export interface FaultOptions {
  /** What a person or the caller does next. */
  readonly hint?: string;
  /** True when the same request may succeed later without anything being changed. */
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

export class Fault extends Error {
  readonly code: FaultCode;
  readonly hint: string;
  readonly retriable: boolean;

  /** @param message what was found, where, and what was expected */
  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.hint = options.hint ?? '';
    this.retriable = options.retriable ?? false;
  }
}
