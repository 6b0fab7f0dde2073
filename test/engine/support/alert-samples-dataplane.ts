/**
 * Samples for the alerts of our own replicated volumes. What the controller reports is not written
 * here but taken from its own code, for shelves in which something is wrong.
 */
import type { StorageNodeObject, VolumeObject } from '../../../dataplane/control/objects.ts';
import { summaryOf } from '../../../dataplane/control/summary.ts';
import { MeasuredBlocks } from '../../../dataplane/drive/measured-blocks.ts';
import { HostClock } from '../../../dataplane/host/clock.ts';
import { processFamilies } from '../../../dataplane/host/process-metrics.ts';
import { engineFamilies, type EngineHealth } from '../../../dataplane/report/engine-metrics.ts';
import type { Family } from '../../../dataplane/report/metrics.ts';
import { leaderFamily, shelfFamilies } from '../../../dataplane/report/shelf-metrics.ts';
import { storeFamilies } from '../../../dataplane/report/store-metrics.ts';
import { MemoryBlocks } from '../../support/nbd/memory-blocks.ts';
import { node, used } from '../../unit/dataplane/control/shelf.ts';
import type { AlertSample } from './alert-sample.ts';

const daemonSet =
  'kube_daemonset_status_number_unavailable{namespace="larder-system",daemonset="larder-node"}';

/** The same report once a minute. */
function minutes(count: number, families: readonly Family[], pod = 'a'): Record<string, string> {
  const series = families.flatMap(({ name, samples }) =>
    samples.map(({ suffix, labels, value }) => {
      const all = Object.entries({ ...labels, pod }).map(([key, text]) => `${key}="${text}"`);
      return [`${name}${suffix ?? ''}{${all.join(',')}}`, `${value}x${count}`] as const;
    }),
  );
  return Object.fromEntries(series);
}

const nodes = [node('kube01'), node('kube02'), node('kube03')];
const dark = [node('kube01', { health: 'Unknown' }), node('kube02'), node('kube03')];
const inSync = { inSync: true };

function said(volume: VolumeObject, shelf: readonly StorageNodeObject[]): VolumeObject {
  return { ...volume, status: { ...volume.status, ...summaryOf(volume, shelf) } };
}

function shelf(volume: VolumeObject, around: readonly StorageNodeObject[] = nodes) {
  return [leaderFamily(true), ...shelfFamilies([said(volume, around)], around)];
}

const whole = used('pvc-1', { kube01: inSync, kube02: inSync });
const lacking = used('pvc-1', { kube01: inSync, kube02: { inSync: false } });
const alone = used('pvc-1', { kube01: inSync, kube02: { inSync: false } });

function engine(parts: Partial<EngineHealth>): readonly Family[] {
  const scrub = { passes: 0, repairedBlocks: 0, differedBlocks: 0, lostBlocks: 0 };
  const health = { epoch: 3, serving: true, waitingSeconds: 0, copiedBytes: 0, scrub };
  return engineFamilies('pvc-1', { ...health, scrubAgeSeconds: undefined, ...parts });
}

const unusable = node('kube01', { problem: 'nothing is mounted at /mnt/disk' });
const crowded = [node('kube01', { gib: 1 }), node('kube02')];
const lost = 'larder_volume_scrub_lost_blocks_total{volume="pvc-1"}';
const repaired = 'larder_volume_scrub_repaired_blocks_total{volume="pvc-1"}';
const differed = 'larder_volume_scrub_differed_blocks_total{volume="pvc-1"}';

export const dataplaneSamples: readonly AlertSample[] = [
  {
    alert: 'LarderStorageDown',
    when: 'it runs on one node less than it should',
    series: { [daemonSet]: '1x30' },
    at: '20m',
    fires: {
      labels: { namespace: 'larder-system', daemonset: 'larder-node' },
      summary:
        'Replicated storage does not run on 1 of its nodes: volumes have fewer copies than promised, or none there.',
    },
  },
  {
    alert: 'LarderStorageDown',
    when: 'a node is rolled within five minutes',
    series: { [daemonSet]: '1x5 0x30' },
    at: '20m',
  },
  {
    alert: 'LarderControllerDown',
    when: 'two controllers run and none leads',
    series: { ...minutes(20, [leaderFamily(false)]), ...minutes(20, [leaderFamily(false)], 'b') },
    at: '10m',
    fires: {
      labels: {},
      summary:
        'No controller of replicated storage leads: volumes in use go on, and none is made, moved or repaired.',
    },
  },
  {
    alert: 'LarderControllerDown',
    when: 'the other one leads',
    series: { ...minutes(20, [leaderFamily(false)]), ...minutes(20, [leaderFamily(true)], 'b') },
    at: '10m',
  },
  {
    alert: 'LarderVolumeUnreachable',
    when: 'the node with the only good copy is silent',
    series: minutes(20, shelf(alone, dark)),
    at: '5m',
    fires: {
      labels: { volume: 'pvc-1' },
      summary: 'No copy of the volume pvc-1 that holds everything can be reached.',
    },
  },
  {
    alert: 'LarderVolumeUnreachable',
    when: 'one of two good copies is left',
    series: minutes(20, shelf(whole, dark)),
    at: '5m',
  },
  {
    alert: 'LarderVolumeDegraded',
    when: 'a copy is missing for longer than a reboot takes, reported by two controllers',
    series: { ...minutes(60, shelf(lacking)), ...minutes(60, shelf(lacking), 'b') },
    at: '40m',
    fires: {
      labels: { volume: 'pvc-1' },
      summary: 'The volume pvc-1 has had 1 copies less than promised for half an hour.',
    },
  },
  {
    alert: 'LarderVolumeDegraded',
    when: 'all copies are in sync',
    series: minutes(60, shelf(whole)),
    at: '40m',
  },
  {
    alert: 'LarderVolumeStalled',
    when: 'its engine has waited for two minutes',
    series: minutes(10, engine({ waitingSeconds: 120 })),
    at: '2m',
    fires: {
      labels: { volume: 'pvc-1', pod: 'a' },
      summary: 'The engine of pvc-1 has waited for 2m 0s: its pod hangs in reads or writes.',
    },
  },
  {
    alert: 'LarderVolumeStalled',
    when: 'a member was lost a second ago',
    series: minutes(10, engine({ waitingSeconds: 1.2 })),
    at: '2m',
  },
  {
    alert: 'LarderVolumeCorrupt',
    when: 'the scrub found blocks that nobody can read',
    series: { [lost]: '0x5 2x60' },
    at: '30m',
    fires: {
      labels: { volume: 'pvc-1' },
      summary: 'No copy of pvc-1 can read some of its blocks: restore them from a backup.',
    },
  },
  {
    alert: 'LarderVolumeCorrupt',
    when: 'the scrub found none',
    series: minutes(60, engine({})),
    at: '30m',
  },
  {
    alert: 'LarderVolumeRepaired',
    when: 'the scrub repaired blocks',
    series: { [repaired]: '0x5 4x60', [differed]: '0x65' },
    at: '30m',
    fires: {
      labels: { volume: 'pvc-1' },
      summary: 'The scrub repaired 4 blocks of pvc-1 within a day: a disk forgets.',
    },
  },
  {
    alert: 'LarderVolumeRepaired',
    when: 'nothing was to be repaired',
    series: minutes(
      60,
      engine({ scrub: { passes: 2, repairedBlocks: 7, differedBlocks: 0, lostBlocks: 0 } }),
    ),
    at: '30m',
  },
  {
    alert: 'LarderDiskUnusable',
    when: 'nothing is mounted where the disk should be',
    series: minutes(20, shelf(whole, [unusable, node('kube02')])),
    at: '10m',
    fires: {
      labels: { node: 'kube01', disk: 'disk' },
      summary:
        'The disk disk of kube01 cannot be used by replicated storage: it is not mounted, another one, or unreadable.',
    },
  },
  {
    alert: 'LarderDiskUnusable',
    when: 'every disk is there',
    series: minutes(20, shelf(whole)),
    at: '10m',
  },
  {
    alert: 'LarderDiskPromised',
    when: 'the volumes of a disk fill it when they are full',
    series: minutes(90, shelf(whole, crowded)),
    at: '80m',
    fires: {
      labels: { node: 'kube01', disk: 'disk' },
      summary: '100% of the disk disk of kube01 are promised to volumes: hardly any new copy fits.',
    },
  },
  {
    alert: 'LarderDiskPromised',
    when: 'there is room, and a disk that is away has no size',
    series: minutes(90, shelf(whole, [node('kube01', { gib: 0 }), node('kube02')])),
    at: '80m',
  },
];

/** Every family that any of our processes reports, with something in it. */
export function everyFamily(): readonly Family[] {
  const blocks = new MeasuredBlocks(new MemoryBlocks(4096), new HostClock());
  return [
    ...shelf(whole),
    ...engine({ scrubAgeSeconds: 60 }),
    ...blocks.families('pvc-1'),
    ...storeFamilies([{ volume: 'pvc-1', member: 'm1', full: false, failed: false }]),
    ...processFamilies({ part: 'storage' }),
  ];
}
