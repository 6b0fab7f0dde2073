/**
 * Samples for every alert, in the names and labels that the exporters themselves use: for each
 * alert a case in which it fires, with the text a person reads, and one in which it stays silent
 * although something moves. Values are promtool's: `4x20` is 4, twenty-one times, a minute apart.
 */
import type { Watched } from '../../../components/monitoring/alert.ts';

export const watched: Watched = {
  nodes: ['kube01', 'kube02', 'pi.three'],
  mounts: [
    { path: '/mnt/nvme', nodes: ['kube01', 'kube02'] },
    { path: '/mnt/usb.1', nodes: ['pi.three'] },
  ],
  backups: ['dump-main', 'backup-git', 'drill-git'],
  dataplane: 'larder-node',
  hasLonghorn: true,
};

export interface AlertSample {
  readonly alert: string;
  /** What the case is, for the test's name. */
  readonly when: string;
  readonly series: Readonly<Record<string, string>>;
  /** When to look, in promtool's words: `10m`. */
  readonly at: string;
  /** Pause between samples and between evaluations, for cases of days. Default: a minute. */
  readonly interval?: '10m';
  /** Labels of the alert beside severity and stack, and its summary; none when it stays silent. */
  readonly fires?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly summary: string;
  };
}
