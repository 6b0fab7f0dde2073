/** Samples for every alert, volumes and disks in a file of their own. */
import type { AlertSample } from './alert-sample.ts';
import { dataplaneSamples } from './alert-samples-dataplane.ts';
import { capacity, diskSamples, size, volumeSamples } from './alert-samples-storage.ts';

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
      summary: 'The backup job larder-system/dump-main-2 failed.',
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
      summary: 'The last good run of the backup larder-system/dump-main is 1d 16h 0m 0s old.',
    },
  },
  {
    alert: 'LarderBackupOverdue',
    when: 'a backup of somebody else is overdue',
    series: Object.fromEntries(
      Object.entries({
        ...nightly,
        [`kube_cronjob_status_last_successful_time{${dump}}`]: '0x250',
      }).map(([name, values]) => [name.replace('dump-main', 'report'), values]),
    ),
    at: '40h',
    interval: '10m',
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
    when: 'its runs failed for two nights',
    series: {
      [`kube_cronjob_created{${dump}}`]: '0x350',
      [`kube_cronjob_status_last_schedule_time{${dump}}`]: '_x20 12000x330',
    },
    at: '48h',
    interval: '10m',
    fires: {
      labels: dumpLabels,
      summary:
        'The backup larder-system/dump-main has existed for 2d 0h 0m 0s and has never succeeded.',
    },
  },
  {
    alert: 'LarderBackupNever',
    when: 'it succeeded once',
    series: {
      [`kube_cronjob_created{${dump}}`]: '0x350',
      [`kube_cronjob_status_last_schedule_time{${dump}}`]: '12000x350',
      [`kube_cronjob_status_last_successful_time{${dump}}`]: '13000x350',
    },
    at: '48h',
    interval: '10m',
  },
  {
    alert: 'LarderBackupNever',
    when: 'its turn comes once a week and has not come yet',
    series: {
      'kube_cronjob_created{namespace="apps",cronjob="drill-git"}': '0x350',
      'kube_cronjob_next_schedule_time{namespace="apps",cronjob="drill-git"}': '500000x350',
    },
    at: '48h',
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
      summary: 'The backup larder-system/dump-main has been switched off for a day.',
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
  'larder_controller_leader{pod="a"}': '1x60',
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
  ...volumeSamples,
  ...diskSamples,
  ...nodes,
  ...backups,
  ...dataplaneSamples,
  ...replicas,
  ...news,
];
