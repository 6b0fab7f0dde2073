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
  hasBackups: true,
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

const git = { namespace: 'apps', persistentvolumeclaim: 'git' };
const gitLabels = 'namespace="apps",persistentvolumeclaim="git"';
const available = `kubelet_volume_stats_available_bytes{${gitLabels}}`;
const capacity = `kubelet_volume_stats_capacity_bytes{${gitLabels}}`;
const phase = (name: string) =>
  `kube_persistentvolumeclaim_status_phase{${gitLabels},phase="${name}"}`;

const volumes: readonly AlertSample[] = [
  {
    alert: 'LarderVolumeFull',
    when: 'four percent are left',
    series: { [available]: '4x20', [capacity]: '100x20' },
    at: '10m',
    fires: { labels: git, summary: 'The volume apps/git has 4% left.' },
  },
  {
    alert: 'LarderVolumeFull',
    when: 'six percent are left, and a moment ago four',
    series: { [available]: '4x3 6x20', [capacity]: '100x30' },
    at: '20m',
  },
  {
    alert: 'LarderVolumeFilling',
    when: 'a third is left and falls steadily',
    series: { [available]: '39-0.05x300', [capacity]: '100x300' },
    at: '3h',
    fires: {
      labels: git,
      summary:
        'The volume apps/git will be full within four days at the pace of the last six hours.',
    },
  },
  {
    alert: 'LarderVolumeFilling',
    when: 'it falls as fast and most of it is free',
    series: { [available]: '90-0.05x300', [capacity]: '100x300' },
    at: '3h',
  },
  {
    alert: 'LarderVolumeInodes',
    when: 'room is left and inodes are not',
    series: {
      [`kubelet_volume_stats_inodes_free{${gitLabels}}`]: '4x30',
      [`kubelet_volume_stats_inodes{${gitLabels}}`]: '100x30',
    },
    at: '20m',
    fires: {
      labels: git,
      summary: 'The volume apps/git has room, and 4% of its inodes left: too many small files.',
    },
  },
  {
    alert: 'LarderVolumeInodes',
    when: 'a file system counts no inodes',
    series: {
      [`kubelet_volume_stats_inodes_free{${gitLabels}}`]: '0x30',
      [`kubelet_volume_stats_inodes{${gitLabels}}`]: '0x30',
    },
    at: '20m',
  },
  {
    alert: 'LarderVolumeLost',
    when: 'the claim says so',
    series: { [phase('Lost')]: '1x10', [phase('Bound')]: '0x10' },
    at: '5m',
    fires: {
      labels: { ...git, phase: 'Lost' },
      summary: 'The claim apps/git has lost its volume.',
    },
  },
  {
    alert: 'LarderVolumeLost',
    when: 'the claim is bound',
    series: { [phase('Lost')]: '0x10', [phase('Bound')]: '1x10' },
    at: '5m',
  },
  {
    alert: 'LarderVolumePending',
    when: 'a claim waits for more than an hour',
    series: { [phase('Pending')]: '1x90' },
    at: '80m',
    fires: {
      labels: { ...git, phase: 'Pending' },
      summary: 'The claim apps/git has waited for a volume for an hour.',
    },
  },
  {
    alert: 'LarderVolumePending',
    when: 'it waits for half an hour',
    series: { [phase('Pending')]: '1x30 0x60' },
    at: '80m',
  },
  {
    alert: 'LarderVolumeFailed',
    when: 'a volume cannot be reclaimed',
    series: {
      'kube_persistentvolume_status_phase{persistentvolume="pvc-1",phase="Failed"}': '1x20',
    },
    at: '10m',
    fires: {
      labels: { persistentvolume: 'pvc-1', phase: 'Failed' },
      summary: 'The volume pvc-1 could not be reclaimed.',
    },
  },
  {
    alert: 'LarderVolumeFailed',
    when: 'a volume is released',
    series: {
      'kube_persistentvolume_status_phase{persistentvolume="pvc-1",phase="Released"}': '1x20',
      'kube_persistentvolume_status_phase{persistentvolume="pvc-1",phase="Failed"}': '0x20',
    },
    at: '10m',
  },
];

const first = { instance: '10.0.0.1:9100', mountpoint: '/mnt/nvme' };
const firstLabels = 'instance="10.0.0.1:9100",mountpoint="/mnt/nvme"';
const uname = (instance: string, name: string) =>
  `node_uname_info{instance="${instance}:9100",nodename="${name}"}`;
const size = (instance: string, mount: string) =>
  `node_filesystem_size_bytes{instance="${instance}:9100",mountpoint="${mount}"}`;
const written = 'instance="10.0.0.1:9100",device="sda"';

const disks: readonly AlertSample[] = [
  {
    alert: 'LarderDiskMissing',
    when: 'a node has everything mounted but this disk',
    series: {
      [uname('10.0.0.1', 'kube01')]: '1x20',
      [size('10.0.0.1', '/')]: '30x20',
      [uname('10.0.0.2', 'kube02')]: '1x20',
      [size('10.0.0.2', '/mnt/nvme')]: '100x20',
      // Another node of the cluster, which the inventory does not know.
      [uname('10.0.0.9', 'laptop')]: '1x20',
    },
    at: '10m',
    fires: {
      labels: { ...first, nodename: 'kube01' },
      summary: 'Nothing is mounted at /mnt/nvme on kube01: its volumes are away.',
    },
  },
  {
    alert: 'LarderDiskMissing',
    when: 'each node has what the inventory says of it',
    series: {
      [uname('10.0.0.1', 'kube01')]: '1x20',
      [size('10.0.0.1', '/mnt/nvme')]: '100x20',
      [uname('10.0.0.3', 'pi.three')]: '1x20',
      [size('10.0.0.3', '/mnt/usb.1')]: '100x20',
    },
    at: '10m',
  },
  {
    alert: 'LarderDiskReadOnly',
    when: 'the kernel made it so',
    series: { [`node_filesystem_readonly{${firstLabels}}`]: '0x2 1x20' },
    at: '10m',
    fires: {
      labels: first,
      summary: 'The disk at /mnt/nvme of 10.0.0.1:9100 is read-only: the kernel found damage.',
    },
  },
  {
    alert: 'LarderDiskReadOnly',
    when: 'another mount of the node is read-only',
    series: {
      'node_filesystem_readonly{instance="10.0.0.1:9100",mountpoint="/mnt/usbx1"}': '1x20',
      [`node_filesystem_readonly{${firstLabels}}`]: '0x20',
    },
    at: '10m',
  },
  {
    alert: 'LarderDiskFull',
    when: 'nine percent are left',
    series: {
      [`node_filesystem_avail_bytes{${firstLabels}}`]: '9x30',
      [`node_filesystem_size_bytes{${firstLabels}}`]: '100x30',
    },
    at: '20m',
    fires: {
      labels: first,
      summary: 'The disk at /mnt/nvme of 10.0.0.1:9100 has 9% left, for all volumes on it.',
    },
  },
  {
    alert: 'LarderDiskFull',
    when: 'it was full and was cleaned up',
    series: {
      [`node_filesystem_avail_bytes{${firstLabels}}`]: '9x10 50x30',
      [`node_filesystem_size_bytes{${firstLabels}}`]: '100x60',
    },
    at: '30m',
  },
  {
    alert: 'LarderDiskFilling',
    when: 'a third is left and falls steadily',
    series: {
      [`node_filesystem_avail_bytes{${firstLabels}}`]: '39-0.01x400',
      [`node_filesystem_size_bytes{${firstLabels}}`]: '100x400',
    },
    at: '6h',
    fires: {
      labels: first,
      summary:
        'The disk at /mnt/nvme of 10.0.0.1:9100 will be full within a week at the pace of the last day.',
    },
  },
  {
    alert: 'LarderDiskFilling',
    when: 'a third is left and stays',
    series: {
      [`node_filesystem_avail_bytes{${firstLabels}}`]: '35x400',
      [`node_filesystem_size_bytes{${firstLabels}}`]: '100x400',
    },
    at: '6h',
  },
  {
    alert: 'LarderDiskSlow',
    when: 'a write takes 150 ms under load',
    series: {
      [`node_disk_write_time_seconds_total{${written}}`]: '0+18x90',
      [`node_disk_writes_completed_total{${written}}`]: '0+120x90',
    },
    at: '60m',
    fires: {
      labels: { instance: '10.0.0.1:9100', device: 'sda' },
      summary: 'Writes to sda of 10.0.0.1:9100 take 150ms on average.',
    },
  },
  {
    alert: 'LarderDiskSlow',
    when: 'a sleeping drive wakes for one write',
    series: {
      [`node_disk_write_time_seconds_total{${written}}`]: '0+3x90',
      [`node_disk_writes_completed_total{${written}}`]: '0+1x90',
    },
    at: '60m',
  },
];

const condition = (name: string, node = 'kube01') =>
  `kube_node_status_condition{node="${node}",condition="${name}",status="true"}`;

const nodes: readonly AlertSample[] = [
  {
    alert: 'LarderNodeDown',
    when: 'a node of the inventory is not Ready',
    series: { [condition('Ready')]: '1x2 0x20', [condition('Ready', 'laptop')]: '0x30' },
    at: '15m',
    fires: {
      labels: { node: 'kube01', condition: 'Ready', status: 'true' },
      summary: 'The node kube01 is not Ready: volumes that live there are away.',
    },
  },
  {
    alert: 'LarderNodeDown',
    when: 'a node restarts within four minutes',
    series: { [condition('Ready')]: '1x2 0x3 1x20' },
    at: '15m',
  },
  {
    alert: 'LarderNodeDiskPressure',
    when: 'the system disk is nearly full',
    series: { [condition('DiskPressure', 'pi.three')]: '1x20' },
    at: '10m',
    fires: {
      labels: { node: 'pi.three', condition: 'DiskPressure', status: 'true' },
      summary: 'The node pi.three runs out of room on its system disk and evicts pods.',
    },
  },
  {
    alert: 'LarderNodeDiskPressure',
    when: 'memory is short instead',
    series: { [condition('MemoryPressure')]: '1x20', [condition('DiskPressure')]: '0x20' },
    at: '10m',
  },
  {
    alert: 'LarderNodeClock',
    when: 'nobody sets the clock',
    series: { 'node_timex_sync_status{instance="10.0.0.1:9100"}': '0x90' },
    at: '80m',
    fires: {
      labels: { instance: '10.0.0.1:9100' },
      summary:
        'The clock of 10.0.0.1:9100 is not set by anybody: names and retention of backups follow it.',
    },
  },
  {
    alert: 'LarderNodeClock',
    when: 'the time server was away for half an hour',
    series: { 'node_timex_sync_status{instance="10.0.0.1:9100"}': '0x30 1x60' },
    at: '80m',
  },
];

const dump = 'namespace="larder-system",cronjob="dump-main"';
const job = 'namespace="larder-system",job_name="dump-main-2"';
const dumpLabels = { namespace: 'larder-system', cronjob: 'dump-main' };
const owner = `kube_job_owner{${job},owner_kind="CronJob",owner_name="dump-main",owner_is_controller="true"}`;
const day = 86_400;
const nightly = {
  [`kube_cronjob_status_last_schedule_time{${dump}}`]: `${day}x250`,
  [`kube_cronjob_next_schedule_time{${dump}}`]: `${2 * day}x250`,
};
const failedJob = {
  [`kube_job_status_start_time{${job}}`]: '600x60',
  [`kube_job_status_failed{${job},reason="BackoffLimitExceeded"}`]: '1x60',
  [owner]: '1x60',
};

const backups: readonly AlertSample[] = [
  {
    alert: 'LarderBackupFailed',
    when: 'the newest run failed',
    series: { ...failedJob, [`kube_cronjob_status_last_successful_time{${dump}}`]: '300x60' },
    at: '20m',
    fires: {
      labels: { ...dumpLabels, job_name: 'dump-main-2', owner_name: 'dump-main' },
      summary: 'The backup job dump-main-2 failed.',
    },
  },
  {
    alert: 'LarderBackupFailed',
    when: 'a later run was good',
    series: { ...failedJob, [`kube_cronjob_status_last_successful_time{${dump}}`]: '900x60' },
    at: '20m',
  },
  {
    alert: 'LarderBackupOverdue',
    when: 'a nightly backup missed its night',
    series: { ...nightly, [`kube_cronjob_status_last_successful_time{${dump}}`]: '0x250' },
    at: '40h',
    interval: '10m',
    fires: {
      labels: dumpLabels,
      summary: 'The last good run of the backup dump-main is 1d 16h 0m 0s old.',
    },
  },
  {
    alert: 'LarderBackupOverdue',
    when: 'a nightly backup ran last night',
    series: { ...nightly, [`kube_cronjob_status_last_successful_time{${dump}}`]: `${day}x250` },
    at: '40h',
    interval: '10m',
  },
  {
    alert: 'LarderBackupNever',
    when: 'it has existed for a day and a half',
    series: { [`kube_cronjob_created{${dump}}`]: '0x250' },
    at: '37h',
    interval: '10m',
    fires: {
      labels: dumpLabels,
      summary: 'The backup dump-main has existed for 1d 13h 0m 0s and has never succeeded.',
    },
  },
  {
    alert: 'LarderBackupNever',
    when: 'it succeeded once',
    series: {
      [`kube_cronjob_created{${dump}}`]: '0x250',
      [`kube_cronjob_status_last_successful_time{${dump}}`]: '60x250',
    },
    at: '37h',
    interval: '10m',
  },
  {
    alert: 'LarderBackupSuspended',
    when: 'it was switched off the day before yesterday',
    series: { [`kube_cronjob_spec_suspend{${dump}}`]: '1x160' },
    at: '25h',
    interval: '10m',
    fires: {
      labels: dumpLabels,
      summary: 'The backup dump-main has been switched off for a day.',
    },
  },
  {
    alert: 'LarderBackupSuspended',
    when: 'a job of somebody else is switched off',
    series: { 'kube_cronjob_spec_suspend{namespace="apps",cronjob="report"}': '1x160' },
    at: '25h',
    interval: '10m',
  },
];

const replica = 'pvc_namespace="apps",pvc="loki",volume="pvc-1",node="kube01"';
const loki = { pvc_namespace: 'apps', pvc: 'loki', volume: 'pvc-1', node: 'kube01' };
const robustness = (state: string) => `longhorn_volume_robustness{${replica},state="${state}"}`;
const oldRobustness = `longhorn_volume_robustness{${replica}}`;
const onDisk = 'node="kube01",disk="nvme"';
const missing = 'The volume apps/loki has had fewer copies than promised for half an hour.';
const gone = 'The volume apps/loki has no usable copy.';

const replicas: readonly AlertSample[] = [
  {
    alert: 'LarderReplicaMissing',
    when: 'a volume is degraded [label]',
    series: { [robustness('degraded')]: '1x60', [robustness('healthy')]: '0x60' },
    at: '40m',
    fires: { labels: { ...loki, state: 'degraded' }, summary: missing },
  },
  {
    alert: 'LarderReplicaMissing',
    when: 'a volume is degraded [number]',
    series: { [oldRobustness]: '2x60' },
    at: '40m',
    fires: { labels: loki, summary: missing },
  },
  {
    alert: 'LarderReplicaMissing',
    when: 'a volume is healthy',
    series: {
      [oldRobustness]: '1x60',
      [robustness('healthy')]: '1x60',
      [robustness('degraded')]: '0x60',
    },
    at: '40m',
  },
  {
    alert: 'LarderReplicasGone',
    when: 'a volume is faulted [label]',
    series: { [robustness('faulted')]: '1x10' },
    at: '5m',
    fires: { labels: { ...loki, state: 'faulted' }, summary: gone },
  },
  {
    alert: 'LarderReplicasGone',
    when: 'a volume is faulted [number]',
    series: { [oldRobustness]: '3x10' },
    at: '5m',
    fires: { labels: loki, summary: gone },
  },
  {
    alert: 'LarderReplicasGone',
    when: 'a volume is degraded',
    series: { [oldRobustness]: '2x10', [robustness('faulted')]: '0x10' },
    at: '5m',
  },
  {
    alert: 'LarderReplicaDiskFull',
    when: 'use and reservation fill it',
    series: {
      [`longhorn_disk_usage_bytes{${onDisk}}`]: '85x30',
      [`longhorn_disk_reservation_bytes{${onDisk}}`]: '10x30',
      [`longhorn_disk_capacity_bytes{${onDisk}}`]: '100x30',
    },
    at: '20m',
    fires: {
      labels: { node: 'kube01', disk: 'nvme' },
      summary: 'The disk nvme of kube01 has no room to make a lost copy again.',
    },
  },
  {
    alert: 'LarderReplicaDiskFull',
    when: 'there is room',
    series: {
      [`longhorn_disk_usage_bytes{${onDisk}}`]: '70x30',
      [`longhorn_disk_reservation_bytes{${onDisk}}`]: '10x30',
      [`longhorn_disk_capacity_bytes{${onDisk}}`]: '100x30',
    },
    at: '20m',
  },
];

const everything = {
  [capacity]: '1x60',
  'kube_node_info{node="kube01"}': '1x60',
  [`kube_cronjob_info{${dump}}`]: '1x60',
  'longhorn_volume_capacity_bytes{volume="pvc-1"}': '1x60',
};

const news: readonly AlertSample[] = [
  {
    alert: 'LarderNoNews',
    when: 'one exporter is not collected',
    series: everything,
    at: '40m',
    fires: {
      labels: { source: 'node-exporter', metric: 'node_filesystem_size_bytes' },
      summary:
        'Nothing reports node_filesystem_size_bytes (from node-exporter): the alerts that rest on it are blind.',
    },
  },
  {
    alert: 'LarderNoNews',
    when: 'all are collected',
    series: { ...everything, [size('10.0.0.1', '/')]: '1x60' },
    at: '40m',
  },
];

export const alertSamples: readonly AlertSample[] = [
  ...volumes,
  ...disks,
  ...nodes,
  ...backups,
  ...replicas,
  ...news,
];
