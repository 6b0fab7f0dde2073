/**
 * An alert as Prometheus knows it. Each has a page in docs/runbooks of the same name, which says
 * what it means and what to do (test/unit/components/monitoring/runbooks.spec.ts holds the two
 * together), and samples for which it fires and for which it stays silent.
 */
export interface Alert {
  /** CamelCase, begins with `Larder`. */
  readonly name: string;
  /** PromQL over metrics of kubelet, kube-state-metrics, node-exporter or the tier's engine. */
  readonly expr: string;
  /** How long it must hold before anybody is told. */
  readonly for: string;
  /** `critical`: data are lost, unreachable or about to be. `warning`: look within days. */
  readonly severity: 'critical' | 'warning';
  /** One line, with the labels of the series. */
  readonly summary: string;
}

export interface AlertGroup {
  readonly name: string;
  readonly alerts: readonly Alert[];
}

/** What of the shelf the alerts need to know. */
export interface Watched {
  readonly nodes: readonly string[];
  /** Mount paths of the inventory's disks, with the nodes that have a disk there. */
  readonly mounts: readonly { readonly path: string; readonly nodes: readonly string[] }[];
  /** Names of the CronJobs that make backups or try them. */
  readonly backups: readonly string[];
  /** The DaemonSet of our own replicated volumes, where a tier is theirs. */
  readonly dataplane: string | undefined;
  /** Whether a tier is Longhorn's. */
  readonly hasLonghorn: boolean;
}

/** A matcher's alternatives: `kube01|kube02`, dots and all else taken literally. */
export function oneOfExactly(words: readonly string[]): string {
  // Twice: once for the regular expression, once for the text in PromQL's quotes.
  return words.map((word) => word.replaceAll(/[.+*?^${}()|[\]\\]/g, '\\\\$&')).join('|');
}

/** The file name of an alert's runbook: `LarderVolumeFull` → `volume-full`. */
export function runbookOf(alert: Pick<Alert, 'name'>): string {
  return alert.name
    .replace(/^Larder/, '')
    .replaceAll(/(?!^)[A-Z]/g, '-$&')
    .toLowerCase();
}
