/**
 * The alerts of a shelf: volumes, disks, nodes, backups, and replicas where an engine reports them.
 *
 * Promises: every alert says which object it means in its summary; a metric that is not collected
 * is an alert of its own (`LarderNoNews`), because silence must not look like health. Never: alerts
 * on what nobody can act on.
 */
import { type AlertGroup, oneOfExactly, type Watched } from './alert.ts';
import { dataplaneAlerts } from './dataplane-alerts.ts';
import { longhornAlerts } from './longhorn-alerts.ts';

export function alertGroups(watched: Watched): AlertGroup[] {
  return [
    volumeAlerts,
    ...(watched.mounts.length === 0 ? [] : [diskAlerts(watched)]),
    nodeAlerts(watched),
    ...(watched.backups.length === 0 ? [] : [backupAlerts(watched)]),
    ...(watched.dataplane === undefined ? [] : [dataplaneAlerts(watched.dataplane)]),
    ...(watched.hasLonghorn ? [longhornAlerts] : []),
    newsAlerts(watched),
  ];
}

const claim = '{{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }}';

const volumeAlerts: AlertGroup = {
  name: 'larder-volumes',
  alerts: [
    {
      name: 'LarderVolumeFull',
      expr: 'kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes < 0.05',
      for: '5m',
      severity: 'critical',
      summary: `The volume ${claim} has {{ $value | humanizePercentage }} left.`,
    },
    {
      name: 'LarderVolumeFilling',
      // The trend of six hours, four days on; below 40 % only, where a trend is worth a look.
      expr: 'predict_linear(kubelet_volume_stats_available_bytes[6h], 4 * 86400) < 0 and kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes < 0.4',
      for: '1h',
      severity: 'warning',
      summary: `The volume ${claim} will be full within four days at the pace of the last six hours.`,
    },
    {
      name: 'LarderVolumeInodes',
      expr: 'kubelet_volume_stats_inodes_free / (kubelet_volume_stats_inodes > 0) < 0.05',
      for: '15m',
      severity: 'warning',
      summary: `The volume ${claim} has room, and {{ $value | humanizePercentage }} of its inodes left: too many small files.`,
    },
    {
      name: 'LarderVolumeLost',
      expr: 'kube_persistentvolumeclaim_status_phase{phase="Lost"} == 1',
      for: '1m',
      severity: 'critical',
      summary: `The claim ${claim} has lost its volume.`,
    },
    {
      name: 'LarderVolumePending',
      expr: 'kube_persistentvolumeclaim_status_phase{phase="Pending"} == 1',
      for: '1h',
      severity: 'warning',
      summary: `The claim ${claim} has waited for a volume for an hour.`,
    },
    {
      name: 'LarderVolumeFailed',
      expr: 'kube_persistentvolume_status_phase{phase="Failed"} == 1',
      for: '5m',
      severity: 'warning',
      summary: 'The volume {{ $labels.persistentvolume }} could not be reclaimed.',
    },
  ],
};

function diskAlerts({ mounts }: Watched): AlertGroup {
  const paths = oneOfExactly(mounts.map(({ path }) => path));
  const at = `mountpoint=~"${paths}"`;
  // `on (instance)`: both series come from one node-exporter, whatever its scrape job is called.
  const missing = mounts.map(({ path, nodes }) => {
    const here = `label_replace(node_uname_info{nodename=~"${oneOfExactly(nodes)}"}, "mountpoint", "${path}", "", "")`;
    return `(${here} unless on (instance) node_filesystem_size_bytes{mountpoint="${path}"})`;
  });
  return {
    name: 'larder-disks',
    alerts: [
      {
        name: 'LarderDiskMissing',
        expr: missing.join(' or '),
        for: '5m',
        severity: 'critical',
        summary:
          'Nothing is mounted at {{ $labels.mountpoint }} on {{ $labels.nodename }}: its volumes are away.',
      },
      {
        name: 'LarderDiskReadOnly',
        expr: `node_filesystem_readonly{${at}} == 1`,
        for: '1m',
        severity: 'critical',
        summary:
          'The disk at {{ $labels.mountpoint }} of {{ $labels.instance }} is read-only: the kernel found damage.',
      },
      {
        name: 'LarderDiskFull',
        expr: `node_filesystem_avail_bytes{${at}} / node_filesystem_size_bytes{${at}} < 0.1`,
        for: '15m',
        severity: 'critical',
        summary:
          'The disk at {{ $labels.mountpoint }} of {{ $labels.instance }} has {{ $value | humanizePercentage }} left, for all volumes on it.',
      },
      {
        name: 'LarderDiskFilling',
        expr: `predict_linear(node_filesystem_avail_bytes{${at}}[1d], 7 * 86400) < 0 and node_filesystem_avail_bytes{${at}} / node_filesystem_size_bytes{${at}} < 0.4`,
        for: '3h',
        severity: 'warning',
        summary:
          'The disk at {{ $labels.mountpoint }} of {{ $labels.instance }} will be full within a week at the pace of the last day.',
      },
      {
        name: 'LarderDiskSlow',
        // Above one write a second: a sleeping drive that is woken is slow once, and well.
        expr: 'rate(node_disk_write_time_seconds_total[10m]) / rate(node_disk_writes_completed_total[10m]) > 0.1 and rate(node_disk_writes_completed_total[10m]) > 1',
        for: '30m',
        severity: 'warning',
        summary:
          'Writes to {{ $labels.device }} of {{ $labels.instance }} take {{ $value | humanizeDuration }} on average.',
      },
    ],
  };
}

function nodeAlerts({ nodes }: Watched): AlertGroup {
  const at = `node=~"${oneOfExactly(nodes)}"`;
  return {
    name: 'larder-nodes',
    alerts: [
      {
        name: 'LarderNodeDown',
        expr: `kube_node_status_condition{${at},condition="Ready",status="true"} == 0`,
        for: '5m',
        severity: 'critical',
        summary: 'The node {{ $labels.node }} is not Ready: volumes that live there are away.',
      },
      {
        name: 'LarderNodeDiskPressure',
        expr: `kube_node_status_condition{${at},condition="DiskPressure",status="true"} == 1`,
        for: '5m',
        severity: 'warning',
        summary: 'The node {{ $labels.node }} runs out of room on its system disk and evicts pods.',
      },
      {
        name: 'LarderNodeClock',
        expr: 'node_timex_sync_status == 0',
        for: '1h',
        severity: 'warning',
        summary:
          'The clock of {{ $labels.instance }} is not set by anybody: names and retention of backups follow it.',
      },
    ],
  };
}

const cronjob = '{{ $labels.namespace }}/{{ $labels.cronjob }}';

function backupAlerts({ backups }: Watched): AlertGroup {
  const ours = oneOfExactly(backups);
  const is = `cronjob=~"${ours}"`;
  return {
    name: 'larder-backups',
    alerts: [
      {
        name: 'LarderBackupFailed',
        // Failed jobs stay listed for a while: only one that began after the last good run counts.
        expr: `label_replace((kube_job_status_start_time and on (namespace, job_name) kube_job_status_failed > 0) * on (namespace, job_name) group_left (owner_name) kube_job_owner{owner_kind="CronJob",owner_name=~"${ours}"}, "cronjob", "$1", "owner_name", "(.+)") > on (namespace, cronjob) group_left () kube_cronjob_status_last_successful_time{${is}}`,
        for: '1m',
        severity: 'warning',
        summary: 'The backup job {{ $labels.namespace }}/{{ $labels.job_name }} failed.',
      },
      {
        name: 'LarderBackupOverdue',
        // One and a half times its own interval, whatever that is; and an hour for the job itself.
        expr: `time() - kube_cronjob_status_last_successful_time{${is}} > 3600 + 1.5 * (kube_cronjob_next_schedule_time{${is}} - kube_cronjob_status_last_schedule_time{${is}})`,
        for: '15m',
        severity: 'critical',
        summary: `The last good run of the backup ${cronjob} is {{ $value | humanizeDuration }} old.`,
      },
      {
        name: 'LarderBackupNever',
        // It was its turn at least once; half a day is longer than a run may take.
        expr: `time() - kube_cronjob_created{${is}} > 86400 and on (namespace, cronjob) kube_cronjob_status_last_schedule_time{${is}} unless on (namespace, cronjob) kube_cronjob_status_last_successful_time{${is}}`,
        for: '12h',
        severity: 'critical',
        summary: `The backup ${cronjob} has existed for {{ $value | humanizeDuration }} and has never succeeded.`,
      },
      {
        name: 'LarderBackupSuspended',
        expr: `kube_cronjob_spec_suspend{${is}} == 1`,
        for: '1d',
        severity: 'warning',
        summary: `The backup ${cronjob} has been switched off for a day.`,
      },
    ],
  };
}

/** Each sentence of the others rests on these exporters. */
function newsAlerts({ backups, dataplane, hasLonghorn }: Watched): AlertGroup {
  const needed = [
    ['kubelet', 'kubelet_volume_stats_capacity_bytes'],
    ['kube-state-metrics', 'kube_node_info'],
    ['node-exporter', 'node_filesystem_size_bytes'],
    ...(backups.length === 0 ? [] : [['kube-state-metrics', 'kube_cronjob_info']]),
    ...(dataplane === undefined ? [] : [['larder-controller', 'larder_controller_leader']]),
    ...(hasLonghorn ? [['longhorn-manager', 'longhorn_volume_capacity_bytes']] : []),
  ] as const;
  const expr = needed
    .map(
      ([source, metric]) =>
        `label_replace(label_replace(absent(${metric}), "source", "${source}", "", ""), "metric", "${metric}", "", "")`,
    )
    .join(' or ');
  return {
    name: 'larder-news',
    alerts: [
      {
        name: 'LarderNoNews',
        expr,
        for: '30m',
        severity: 'warning',
        summary:
          'Nothing reports {{ $labels.metric }} (from {{ $labels.source }}): the alerts that rest on it are blind.',
      },
    ],
  };
}
