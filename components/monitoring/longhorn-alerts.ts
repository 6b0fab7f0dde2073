/**
 * Alerts on what Longhorn says of its replicas. Up to 1.10 the robustness of a volume is a number
 * (2 degraded, 3 faulted), later a label `state` with the value 1; each expression reads both.
 * https://longhorn.io/docs/latest/monitoring/metrics/
 */
import type { AlertGroup } from './alert.ts';

const robustness = (state: string, number: number) =>
  `longhorn_volume_robustness{state="${state}"} == 1 or longhorn_volume_robustness{state=""} == ${number}`;
const volume = '{{ $labels.pvc_namespace }}/{{ $labels.pvc }}';

export const longhornAlerts: AlertGroup = {
  name: 'larder-longhorn',
  alerts: [
    {
      name: 'LarderReplicaMissing',
      expr: robustness('degraded', 2),
      for: '30m',
      severity: 'warning',
      summary: `The volume ${volume} has had fewer copies than promised for half an hour.`,
    },
    {
      name: 'LarderReplicasGone',
      expr: robustness('faulted', 3),
      for: '2m',
      severity: 'critical',
      summary: `The volume ${volume} has no usable copy.`,
    },
    {
      name: 'LarderReplicaDiskFull',
      expr: '(longhorn_disk_usage_bytes + longhorn_disk_reservation_bytes) / longhorn_disk_capacity_bytes > 0.9',
      for: '15m',
      severity: 'warning',
      summary:
        'The disk {{ $labels.disk }} of {{ $labels.node }} has no room to make a lost copy again.',
    },
  ],
};
