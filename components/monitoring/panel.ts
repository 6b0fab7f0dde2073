/** A panel of the dashboard as one row of data. */
export interface Panel {
  readonly title: string;
  /** What a reader should take from it. */
  readonly description: string;
  readonly expr: string;
  readonly legend: string;
  /** Grafana's names of units. */
  readonly unit: 'percentunit' | 'bytes' | 'Bps' | 's' | 'ns' | 'iops' | 'short';
}

export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}
