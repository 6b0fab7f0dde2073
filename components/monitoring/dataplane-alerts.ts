/**
 * Alerts of our own replicated volumes. The leading controller reports volumes, nodes and disks,
 * the engines what they serve; two controllers may report the same for a moment, hence `max by`.
 */
import type { Alert, AlertGroup } from './alert.ts';

/** On what our own processes report. */
const reported: readonly Alert[] = [
  {
    name: 'LarderControllerDown',
    expr: 'max(larder_controller_leader) == 0 or absent(larder_controller_leader)',
    for: '5m',
    severity: 'critical',
    summary:
      'No controller of replicated storage leads: volumes in use go on, and none is made, moved or repaired.',
  },
  {
    name: 'LarderVolumeUnreachable',
    expr: 'max by (volume) (larder_volume_safety{safety="Unreachable"}) == 1',
    for: '2m',
    severity: 'critical',
    summary: 'No copy of the volume {{ $labels.volume }} that holds everything can be reached.',
  },
  {
    name: 'LarderVolumeDegraded',
    // A node that reboots is back before; a copy that is being made again is known of.
    expr: 'max by (volume) (larder_volume_copies_wanted) - max by (volume) (larder_volume_copies_in_sync) > 0 unless on (volume) larder_volume_safety{safety=~"Creating|Deleting"} == 1',
    for: '30m',
    severity: 'warning',
    summary:
      'The volume {{ $labels.volume }} has had {{ $value }} copies less than promised for half an hour.',
  },
  {
    name: 'LarderVolumeStalled',
    expr: 'larder_volume_waiting_seconds > 60',
    for: '0m',
    severity: 'critical',
    summary:
      'The engine of {{ $labels.volume }} has waited for {{ $value | humanizeDuration }}: its pod hangs in reads or writes.',
  },
  {
    name: 'LarderVolumeCorrupt',
    // A pass takes three days: longer, so that it does not come and go with them.
    expr: 'increase(larder_volume_scrub_lost_blocks_total[4d]) > 0',
    for: '0m',
    severity: 'critical',
    summary:
      'No copy of {{ $labels.volume }} can read some of its blocks: restore them from a backup.',
  },
  {
    name: 'LarderVolumeRepaired',
    expr: 'increase(larder_volume_scrub_repaired_blocks_total[1d]) + increase(larder_volume_scrub_differed_blocks_total[1d]) > 0',
    for: '0m',
    severity: 'warning',
    summary:
      'The scrub repaired {{ $value | humanize }} blocks of {{ $labels.volume }} within a day: a disk forgets.',
  },
  {
    name: 'LarderDiskUnusable',
    expr: 'max by (node, disk) (larder_disk_usable) == 0',
    for: '5m',
    severity: 'critical',
    summary:
      'The disk {{ $labels.disk }} of {{ $labels.node }} cannot be used by replicated storage: it is not mounted, another one, or unreadable.',
  },
  {
    name: 'LarderDiskPromised',
    expr: 'max by (node, disk) (larder_disk_promised_bytes) / (max by (node, disk) (larder_disk_capacity_bytes) > 0) > 0.9',
    for: '1h',
    severity: 'warning',
    summary:
      '{{ $value | humanizePercentage }} of the disk {{ $labels.disk }} of {{ $labels.node }} are promised to volumes: hardly any new copy fits.',
  },
];

/** @param daemonSet of the node pods: the one thing that is seen when nothing reports any more */
export function dataplaneAlerts(daemonSet: string): AlertGroup {
  return {
    name: 'larder-dataplane',
    alerts: [
      {
        name: 'LarderStorageDown',
        expr: `kube_daemonset_status_number_unavailable{namespace="larder-system",daemonset="${daemonSet}"} > 0`,
        for: '10m',
        severity: 'critical',
        summary:
          'Replicated storage does not run on {{ $value }} of its nodes: volumes have fewer copies than promised, or none there.',
      },
      ...reported,
    ],
  };
}
