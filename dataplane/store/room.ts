/**
 * Whether there is room for more. The last of a file system's space is kept for the store's own
 * files: what would take new space is refused before, and taken again by itself when there is room.
 */
import { Fault } from '../base/fault.ts';
import { limits } from '../base/limits.ts';

export class Room {
  #freeBytes = Infinity;
  #full = false;

  /** What would take new space is refused. */
  get full(): boolean {
    return this.#full;
  }

  /** As the file system says now. */
  found(freeBytes: number): void {
    this.#freeBytes = freeBytes;
    const { diskReserveBytes } = limits;
    // Not at once back: else it would change with every block that is trimmed.
    this.#full = freeBytes < (this.#full ? 1.25 : 1) * diskReserveBytes;
  }

  refusal(): Fault {
    const mib = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
    return new Fault(
      'disk.full',
      `${mib(this.#freeBytes)} are left on this disk; the last ${mib(limits.diskReserveBytes)} are kept for the store itself.`,
      { hint: 'Make room on this disk: writes that wait go on by themselves.', retriable: true },
    );
  }
}
