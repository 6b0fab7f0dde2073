/** A byte stream that may be upgraded to TLS in the middle, as NBD's STARTTLS wants it. */
import type { Link } from './link.ts';

export interface NbdLink extends Link {
  /**
   * Goes over to TLS and gives the link to use from now on; this one is spent. Nothing may be in
   * flight in either direction. Rejects with `link.lost` when the handshake fails, and with a
   * defect when the link was made without certificates.
   */
  secure(): Promise<Link>;
}

/** Hands over the connections that clients open. */
export interface NbdListener {
  /** Undefined after `close`. */
  accept(): Promise<NbdLink | undefined>;
  close(): void;
}
