/**
 * The dashboard of a shelf, as Grafana reads it: usage and its trend, latency, nodes, backups, and
 * replicas where an engine reports them. Made from one row of data a panel; its schema is
 * Grafana's, 39 (Grafana 10 and later).
 */
import type { Watched } from './alert.ts';
import { oneOfExactly } from './alert.ts';
import { dataplaneSection } from './dataplane-panels.ts';
import type { Panel, Section } from './panel.ts';

const columns = 24;
const panelWidth = 12;
const panelHeight = 8;

export function dashboardOf(stack: string, watched: Watched): object {
  const shown = sections(watched);
  let y = 0;
  let id = 0;
  const panels = shown.flatMap(({ title, panels: inSection }) => {
    const row = {
      id: (id += 1),
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: columns, x: 0, y },
      panels: [],
    };
    y += 1;
    const graphs = inSection.map((panel, index) =>
      graph((id += 1), panel, (index % 2) * panelWidth, y + Math.floor(index / 2) * panelHeight),
    );
    y += Math.ceil(inSection.length / 2) * panelHeight;
    return [row, ...graphs];
  });
  return {
    uid: `larder-${stack}`,
    title: `Larder: ${stack}`,
    tags: ['larder', 'storage'],
    schemaVersion: 39,
    editable: true,
    time: { from: 'now-2d', to: 'now' },
    refresh: '1m',
    templating: {
      list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }],
    },
    panels,
  };
}

function graph(id: number, panel: Panel, x: number, y: number): object {
  const datasource = { type: 'prometheus', uid: '${datasource}' };
  return {
    id,
    type: 'timeseries',
    title: panel.title,
    description: panel.description,
    datasource,
    gridPos: { h: panelHeight, w: panelWidth, x, y },
    fieldConfig: {
      defaults: { unit: panel.unit, ...(panel.unit === 'percentunit' ? { min: 0, max: 1 } : {}) },
      overrides: [],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: [{ refId: 'A', datasource, expr: panel.expr, legendFormat: panel.legend }],
  };
}

function sections(watched: Watched): Section[] {
  return [
    volumes,
    ...(watched.mounts.length === 0 ? [] : [disks(watched)]),
    nodes(watched),
    ...(watched.backups.length === 0 ? [] : [backups(watched)]),
    ...(watched.dataplane === undefined ? [] : [dataplaneSection]),
    ...(watched.hasLonghorn ? [replicas] : []),
  ];
}

const volumes: Section = {
  title: 'Volumes',
  panels: [
    {
      title: 'Used',
      description:
        'Share of each volume in use. On local tiers all volumes of a disk share its room.',
      expr: '1 - kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes',
      legend: '{{namespace}}/{{persistentvolumeclaim}}',
      unit: 'percentunit',
    },
    {
      title: 'Free in four days, at the pace of the last six hours',
      description: 'Below zero the volume will be full by then.',
      expr: 'predict_linear(kubelet_volume_stats_available_bytes[6h], 4 * 86400)',
      legend: '{{namespace}}/{{persistentvolumeclaim}}',
      unit: 'bytes',
    },
  ],
};

function disks({ mounts }: Watched): Section {
  const at = `mountpoint=~"${oneOfExactly(mounts.map(({ path }) => path))}"`;
  return {
    title: 'Disks',
    panels: [
      {
        title: 'Used',
        description: 'Share of each disk of the inventory in use.',
        expr: `1 - node_filesystem_avail_bytes{${at}} / node_filesystem_size_bytes{${at}}`,
        legend: '{{instance}} {{mountpoint}}',
        unit: 'percentunit',
      },
      {
        title: 'Free in a week, at the pace of the last day',
        description: 'Below zero the disk will be full by then.',
        expr: `predict_linear(node_filesystem_avail_bytes{${at}}[1d], 7 * 86400)`,
        legend: '{{instance}} {{mountpoint}}',
        unit: 'bytes',
      },
      {
        title: 'Time a write takes',
        description: 'Average over five minutes. A database notices 20 ms.',
        expr: 'rate(node_disk_write_time_seconds_total[5m]) / rate(node_disk_writes_completed_total[5m])',
        legend: '{{instance}} {{device}}',
        unit: 's',
      },
      {
        title: 'Operations',
        description: 'Reads and writes completed a second.',
        expr: 'rate(node_disk_writes_completed_total[5m]) + rate(node_disk_reads_completed_total[5m])',
        legend: '{{instance}} {{device}}',
        unit: 'iops',
      },
    ],
  };
}

function nodes({ nodes: names }: Watched): Section {
  const at = `node=~"${oneOfExactly(names)}"`;
  return {
    title: 'Nodes',
    panels: [
      {
        title: 'Ready',
        description: 'One when the node is Ready.',
        expr: `kube_node_status_condition{${at},condition="Ready",status="true"}`,
        legend: '{{node}}',
        unit: 'short',
      },
      {
        title: 'Memory that is left',
        description: 'Storage daemons and databases share it with everything else.',
        expr: 'node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes',
        legend: '{{instance}}',
        unit: 'percentunit',
      },
    ],
  };
}

function backups({ backups: names }: Watched): Section {
  const ours = oneOfExactly(names);
  return {
    title: 'Backups',
    panels: [
      {
        title: 'Age of the newest good backup, and of the last restore that was tried',
        description: 'A saw: it falls to nothing at every good run.',
        expr: `time() - kube_cronjob_status_last_successful_time{cronjob=~"${ours}"}`,
        legend: '{{namespace}}/{{cronjob}}',
        unit: 's',
      },
      {
        title: 'Failed runs',
        description: 'Zero, unless something is wrong.',
        expr: `kube_job_status_failed and on (namespace, job_name) kube_job_owner{owner_kind="CronJob",owner_name=~"${ours}"}`,
        legend: '{{namespace}}/{{job_name}}',
        unit: 'short',
      },
    ],
  };
}

const replicas: Section = {
  title: 'Longhorn',
  panels: [
    {
      title: 'Volumes with fewer copies than promised',
      description: 'Zero, unless a node is away or a copy is being made again.',
      expr: 'sum(longhorn_volume_robustness{state=~"degraded|faulted"}) or sum(longhorn_volume_robustness{state=""} > bool 1)',
      legend: 'volumes',
      unit: 'short',
    },
    {
      title: 'Write latency',
      description: 'As the engine measures it.',
      expr: 'longhorn_volume_write_latency',
      legend: '{{pvc_namespace}}/{{pvc}}',
      unit: 'ns',
    },
    {
      title: 'Operations',
      description: 'Writes and reads a second.',
      expr: 'longhorn_volume_write_iops + longhorn_volume_read_iops',
      legend: '{{pvc_namespace}}/{{pvc}}',
      unit: 'iops',
    },
    {
      title: 'Room on the disks',
      description: 'Share of each disk that copies take.',
      expr: 'longhorn_disk_usage_bytes / longhorn_disk_capacity_bytes',
      legend: '{{node}} {{disk}}',
      unit: 'percentunit',
    },
  ],
};
