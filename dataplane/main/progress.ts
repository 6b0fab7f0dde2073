/** How far a long piece of work is, on standard error, a line every two seconds. */

const intervalMs = 2000;

export class Progress {
  readonly #what: string;
  readonly #totalBytes: number;
  readonly #begunMs = performance.now();
  #nextMs = this.#begunMs + intervalMs;

  /** @param what a verb, as in "verified" */
  constructor(what: string, totalBytes: number) {
    this.#what = what;
    this.#totalBytes = totalBytes;
  }

  /** Says nothing when it did so lately; work that is over in a moment stays silent. */
  at(doneBytes: number): void {
    const nowMs = performance.now();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + intervalMs;
    const seconds = ((nowMs - this.#begunMs) / 1000).toFixed(0);
    const percent = Math.floor((100 * doneBytes) / this.#totalBytes);
    process.stderr.write(
      `${this.#what} ${sizeText(doneBytes)} of ${sizeText(this.#totalBytes)} (${percent} %), ${seconds} s\n`,
    );
  }
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** For people: three digits or so, in powers of 1024. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}
