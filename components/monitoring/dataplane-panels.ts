/** Panels of our own replicated volumes. */
import type { Section } from './panel.ts';

const quantile = (share: number, op: string) =>
  `histogram_quantile(${share}, sum by (volume, le) (rate(larder_volume_request_seconds_bucket{op="${op}"}[5m])))`;

export const dataplaneSection: Section = {
  title: 'Replicated volumes',
  panels: [
    {
      title: 'Copies that are missing',
      description: 'Zero, unless a node is away or a copy is being made again.',
      expr: 'max by (volume) (larder_volume_copies_wanted) - max by (volume) (larder_volume_copies_in_sync)',
      legend: '{{volume}}',
      unit: 'short',
    },
    {
      title: 'Time the engine waits',
      description: 'Zero. Anything else is what its pod hangs for.',
      expr: 'larder_volume_waiting_seconds',
      legend: '{{volume}}',
      unit: 's',
    },
    {
      title: 'Write, 99 of 100',
      description: 'From the engine to the answer, all copies included.',
      expr: quantile(0.99, 'write'),
      legend: '{{volume}}',
      unit: 's',
    },
    {
      title: 'Flush, 99 of 100',
      description: 'What a commit of a database waits for: the slowest disk of the copies.',
      expr: quantile(0.99, 'flush'),
      legend: '{{volume}}',
      unit: 's',
    },
    {
      title: 'Operations',
      description: 'Reads and writes that were answered, a second.',
      expr: 'sum by (volume) (rate(larder_volume_requests_total{op=~"read|write"}[5m]))',
      legend: '{{volume}}',
      unit: 'iops',
    },
    {
      title: 'Copied to make copies equal',
      description: 'A mountain after a node came back; a plain means a rebuild.',
      expr: 'rate(larder_volume_resync_bytes_total[5m])',
      legend: '{{volume}}',
      unit: 'Bps',
    },
    {
      title: 'Promised of each disk',
      description: 'Sizes of the volumes with a copy there, when full, in share of the disk.',
      expr: 'max by (node, disk) (larder_disk_promised_bytes) / (max by (node, disk) (larder_disk_capacity_bytes) > 0)',
      legend: '{{node}} {{disk}}',
      unit: 'percentunit',
    },
    {
      title: 'Memory of our processes',
      description: 'Storage servers, engines and controllers.',
      expr: 'process_resident_memory_bytes{part=~"storage|engines|controller"}',
      legend: '{{instance}} {{part}}',
      unit: 'bytes',
    },
  ],
};
