/** How long requests took: counted in buckets, so that the slow ones are seen among the many. */
import type { Family } from './metrics.ts';

/** Seconds. From a page cache's answer to a stall that people notice. */
const boundsSeconds: readonly number[] = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10, 30,
];

export class Histogram {
  /** Not cumulative; one more than there are bounds. */
  readonly #counts = new Float64Array(boundsSeconds.length + 1);
  #sumSeconds = 0;

  add(seconds: number): void {
    let bucket = 0;
    while (bucket < boundsSeconds.length && seconds > (boundsSeconds[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sumSeconds += seconds;
  }

  samples(labels: Readonly<Record<string, string>>): Family['samples'] {
    let total = 0;
    const buckets = [...this.#counts].map((count, index) => {
      total += count;
      const le = index < boundsSeconds.length ? String(boundsSeconds[index]) : '+Inf';
      return { suffix: '_bucket', labels: { ...labels, le }, value: total } as const;
    });
    return [
      ...buckets,
      { suffix: '_sum', labels, value: this.#sumSeconds },
      { suffix: '_count', labels, value: total },
    ];
  }
}
