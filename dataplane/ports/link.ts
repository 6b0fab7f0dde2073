/** Byte streams between processes. Chunks have no meaning: frames are found by the codec. */
export interface Link {
  /** Who the other end proved to be (its certificate), or an empty text where nothing is proven. */
  readonly peerName: string;
  /** Resolves when the next piece may be written; rejects with `link.lost`. */
  write(bytes: readonly Uint8Array[]): Promise<void>;
  /** The next chunk, or undefined after the other end has finished. Rejects with `link.lost`. */
  read(): Promise<Uint8Array | undefined>;
  /** Ends it in both directions at once. Calling it again does nothing. */
  close(): void;
}

/** Opens connections. The address is the transport's own (`host:port`, a path, a name). */
export interface Connector {
  /** Rejects with `link.lost`. */
  connect(address: string, signal: AbortSignal): Promise<Link>;
}

/** Hands over connections others open. */
export interface Acceptor {
  /** Undefined after `close`. */
  accept(): Promise<Link | undefined>;
  close(): void;
}
