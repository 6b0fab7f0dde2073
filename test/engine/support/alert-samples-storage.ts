/** Samples for the alerts on volumes and disks (alert-samples.ts). */
import type { AlertSample } from './alert-sample.ts';

const git = { namespace: 'apps', persistentvolumeclaim: 'git' };
const gitLabels = 'namespace="apps",persistentvolumeclaim="git"';
const available = `kubelet_volume_stats_available_bytes{${gitLabels}}`;
export const capacity = `kubelet_volume_stats_capacity_bytes{${gitLabels}}`;
const phase = (name: string) =>
  `kube_persistentvolumeclaim_status_phase{${gitLabels},phase="${name}"}`;

export const volumeSamples: readonly AlertSample[] = [
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
export const size = (instance: string, mount: string) =>
  `node_filesystem_size_bytes{instance="${instance}:9100",mountpoint="${mount}"}`;
const written = 'instance="10.0.0.1:9100",device="sda"';

export const diskSamples: readonly AlertSample[] = [
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
