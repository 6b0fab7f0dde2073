/**
 * Progress for people: one line a step with its elapsed time, redrawn in place on a terminal and
 * repeated every 20 seconds elsewhere, so that a step longer than two seconds is never silent.
 */
export interface Step {
  /** Replaces the detail behind the step's title, for example the file being built. */
  note(detail: string): void;
}

export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const redrawIntervalMs = 500;
const repeatIntervalMs = 20_000;

export class Progress {
  readonly #output: ProgressOutput;
  readonly #startedMs = performance.now();
  /** Steps now running: only the newest is drawn, so nested steps stay readable. */
  #depth = 0;

  constructor(output: ProgressOutput = process.stdout) {
    this.#output = output;
  }

  /** Seconds since this progress began. */
  get elapsedSeconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Prints one finished line. */
  say(text: string): void {
    this.#output.write(`${this.#clear()}${stamp(this.elapsedSeconds)} ${text}\n`);
  }

  /** Runs `work` and shows how long it has been running; its failure is passed on. */
  async step<T>(title: string, work: (step: Step) => Promise<T>): Promise<T> {
    const begunMs = performance.now();
    const took = () => (performance.now() - begunMs) / 1000;
    let detail = '';
    let repeatedMs = begunMs;
    this.#depth += 1;
    const depth = this.#depth;
    const line = () => `${title}${detail === '' ? '' : `: ${detail}`} (${took().toFixed(0)} s)`;
    const timer = setInterval(() => {
      if (depth !== this.#depth) return;
      if (this.#output.isTTY === true) {
        const text = `${stamp(this.elapsedSeconds)} ${line()}`;
        this.#output.write(`${this.#clear()}${text.slice(0, (this.#output.columns ?? 100) - 1)}`);
      } else if (performance.now() - repeatedMs >= repeatIntervalMs) {
        repeatedMs = performance.now();
        this.say(`${line()} …`);
      }
    }, redrawIntervalMs);
    try {
      const result = await work({
        note: (text) => {
          detail = text;
        },
      });
      this.say(`${title}${detail === '' ? '' : `: ${detail}`}  ${took().toFixed(1)} s`);
      return result;
    } catch (error) {
      this.say(`${title}: failed after ${took().toFixed(1)} s`);
      throw error;
    } finally {
      clearInterval(timer);
      this.#depth -= 1;
    }
  }

  #clear(): string {
    return this.#output.isTTY === true ? '\r\u001b[2K' : '';
  }
}

function stamp(seconds: number): string {
  return `${seconds.toFixed(1).padStart(7)} s `;
}
