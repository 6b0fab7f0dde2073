/**
 * How much one connection has asked for and not yet been given: requests (refused ones too, their
 * replies wait as well) and the memory they hold. Whoever adds asks `admits` first; a full
 * connection is not read from, which is the only back-pressure NBD has.
 */
import { nbdLimits } from './limits.ts';

export class InFlight {
  #requests = 0;
  #bytes = 0;

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get idle(): boolean {
    return this.#requests === 0;
  }

  /** A request longer than the whole allowance is admitted when it is alone. */
  admits(bytes: number): boolean {
    if (this.#requests === 0) return true;
    return (
      this.#requests < nbdLimits.inFlightRequestsMax &&
      this.#bytes + bytes <= nbdLimits.inFlightBytesMax
    );
  }

  add(bytes: number): void {
    this.#requests += 1;
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#requests -= 1;
    this.#bytes -= bytes;
  }
}
