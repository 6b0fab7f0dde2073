/**
 * What the controller reports: every volume and storage node, from their objects. States are one
 * series each with 0 or 1, never a number that a reader has to look up.
 */
import { apiGroup, type StorageNodeObject, type VolumeObject } from '../control/objects.ts';
import { type Family, gauge } from './metrics.ts';

const safeties = ['Safe', 'Degraded', 'Unreachable', 'Creating', 'Deleting'] as const;

export function shelfFamilies(
  volumes: readonly VolumeObject[],
  nodes: readonly StorageNodeObject[],
): readonly Family[] {
  return [...volumeFamilies(volumes), ...nodeFamilies(nodes), ...diskFamilies(nodes, volumes)];
}

/** Whether this process leads; the others report nothing else. */
export function leaderFamily(leads: boolean): Family {
  const help = 'Whether this controller leads; only the leader reports volumes and nodes.';
  return gauge('larder_controller_leader', help, [{ labels: {}, value: leads ? 1 : 0 }]);
}

function volumeFamilies(volumes: readonly VolumeObject[]): Family[] {
  const each = (value: (volume: VolumeObject) => number) =>
    volumes.map((volume) => ({ labels: { volume: volume.metadata.name }, value: value(volume) }));
  const members = volumes.flatMap(({ metadata, status }) =>
    (status.record?.members ?? []).map(({ id, inSync }) => {
      const node = status.places.find(({ member }) => member === id)?.node ?? '';
      return { labels: { volume: metadata.name, member: id, node }, value: inSync ? 1 : 0 };
    }),
  );
  return [
    gauge(
      'larder_volume_size_bytes',
      'What its pods see.',
      each(({ spec }) => spec.sizeBytes),
    ),
    gauge(
      'larder_volume_copies_wanted',
      'As its class says.',
      each(({ spec }) => spec.copies),
    ),
    gauge(
      'larder_volume_copies_in_sync',
      'Copies that hold everything acknowledged.',
      each(({ status }) => (status.record?.members ?? []).filter(({ inSync }) => inSync).length),
    ),
    gauge(
      'larder_volume_safety',
      'Are the data safe: one for the state it is in, zero for the others.',
      volumes.flatMap(({ metadata, status }) =>
        safeties.map((safety) => ({
          labels: { volume: metadata.name, safety },
          value: status.safety === safety ? 1 : 0,
        })),
      ),
    ),
    gauge(
      'larder_volume_attached',
      'The node that may use it.',
      volumes
        .filter(({ status }) => status.attachedTo !== '')
        .map(({ metadata, status }) => ({
          labels: { volume: metadata.name, node: status.attachedTo },
          value: 1,
        })),
    ),
    gauge('larder_member_in_sync', 'Whether this copy holds everything acknowledged.', members),
  ];
}

function nodeFamilies(nodes: readonly StorageNodeObject[]): Family[] {
  const each = (value: (node: StorageNodeObject) => boolean) =>
    nodes.map((node) => ({ labels: { node: node.metadata.name }, value: value(node) ? 1 : 0 }));
  return [
    gauge(
      'larder_storage_node_heard',
      'Whether the storage node has lately said that it is there.',
      each(({ status }) => status.health !== 'Unknown'),
    ),
    gauge(
      'larder_storage_node_evacuating',
      `Whether its owner has it emptied (spec.evacuate of ${apiGroup}).`,
      each(({ spec }) => spec.evacuate),
    ),
  ];
}

function diskFamilies(
  nodes: readonly StorageNodeObject[],
  volumes: readonly VolumeObject[],
): Family[] {
  const disks = nodes.flatMap(({ metadata, spec, status }) =>
    spec.disks.map(({ name }) => ({
      labels: { node: metadata.name, disk: name },
      state: status.disks.find((state) => state.name === name),
    })),
  );
  const promisedBytes = (node: string, disk: string) =>
    volumes
      .filter(({ status }) => status.places.some((at) => at.node === node && at.disk === disk))
      .reduce((sum, { spec }) => sum + spec.sizeBytes, 0);
  return [
    gauge(
      'larder_disk_usable',
      'Whether the right disk is mounted there and can be used.',
      disks.map(({ labels, state }) => ({ labels, value: state?.problem === '' ? 1 : 0 })),
    ),
    gauge(
      'larder_disk_capacity_bytes',
      'Size of its file system.',
      disks.map(({ labels, state }) => ({ labels, value: state?.capacityBytes ?? 0 })),
    ),
    gauge(
      'larder_disk_free_bytes',
      'Room that is left on it, for whoever uses it.',
      disks.map(({ labels, state }) => ({ labels, value: state?.freeBytes ?? 0 })),
    ),
    gauge(
      'larder_disk_promised_bytes',
      'Sizes of the volumes with a copy on it, when full.',
      disks.map(({ labels }) => ({ labels, value: promisedBytes(labels.node, labels.disk) })),
    ),
  ];
}
