/**
 * What the engines for those who outgrow a shelf of small boards ask of each node, and the
 * arithmetic that says whether the inventory can carry it. They are declarable, and refused with
 * numbers where they would starve the applications.
 *
 * Sources: Rook's and Ceph's recommended requests (4 GiB a disk daemon, 1 GiB a monitor, 1 GiB the
 * manager); OpenEBS' requirements of Mayastor (x86-64 with SSE4.2, three nodes, two cores to
 * itself, 1 GiB and 2 GiB of huge pages for each I/O engine).
 */
import { formatSize } from '../config/quantity.ts';
import type { ShelfNode } from '../config/shelf/inventory.ts';
import type { Tier } from '../config/shelf/tiers.ts';
import type { Problem } from './problem.ts';

const gib = 1024 ** 3;
/** Kubernetes, the operating system and the applications; less, and the node starves first. */
const forTheRest = { cores: 2, memoryBytes: 4 * gib };
/** Three monitors, or three nodes of an etcd: with two, one failure stops both. */
const nodesMin = 3;

interface Demand {
  readonly cores: number;
  readonly memoryBytes: number;
  /** The sum as one would write it down. */
  readonly words: string;
}

const instead =
  'choose `engine: longhorn` or `engine: larder`, which run on small boards, or correct the inventory';

export function hardwareProblems(tier: Tier, nodes: readonly ShelfNode[]): Problem[] {
  if (tier.engine !== 'rook-ceph' && tier.engine !== 'mayastor') return [];
  const engine = tier.engine;
  const carriers = nodes.filter((node) => tier.devices.some((each) => each.node === node.name));
  const few: Problem = {
    path: `${tier.path}.engine`,
    found: `${engine} on ${carriers.length === 0 ? 'no node' : carriers.map((node) => node.name).join(', ')} with a raw device`,
    allowed: `${nodesMin} or more nodes, each with a device of its own (larder:nodes, \`device: /dev/disk/by-id/…\`)`,
    todo: instead,
  };
  return [
    ...(carriers.length < nodesMin ? [few] : []),
    ...carriers.flatMap((node) => [
      ...(engine === 'mayastor' ? architectureProblems(tier, node) : []),
      ...sizeProblems(tier, node, demandOf(tier, node)),
    ]),
  ];
}

function demandOf(tier: Tier, node: ShelfNode): Demand {
  const devices = tier.devices.filter((each) => each.node === node.name).length;
  if (tier.engine === 'mayastor')
    return {
      cores: 2 + forTheRest.cores,
      memoryBytes: 3 * gib + forTheRest.memoryBytes,
      words: `2 cores that its I/O engine polls all the time + ${forTheRest.cores} for everything else; 1Gi + 2Gi of huge pages + ${formatSize(forTheRest.memoryBytes)} for everything else`,
    };
  return {
    cores: devices + 1 + forTheRest.cores,
    memoryBytes: (devices * 4 + 2) * gib + forTheRest.memoryBytes,
    words: `1 core a disk × ${devices} + 1 for monitor and manager + ${forTheRest.cores} for everything else; 4Gi a disk × ${devices} + 1Gi monitor + 1Gi manager + ${formatSize(forTheRest.memoryBytes)} for everything else`,
  };
}

function architectureProblems(tier: Tier, node: ShelfNode): Problem[] {
  if (node.architecture === 'amd64') return [];
  return [
    {
      path: `${tier.path}.engine`,
      found: `mayastor on ${node.name}, ${node.architecture === undefined ? 'whose architecture is not given' : `which is ${node.architecture}`}`,
      allowed: 'nodes of architecture amd64 with SSE4.2: it has no build for others',
      todo:
        node.architecture === undefined
          ? 'give the architecture of the node under larder:nodes'
          : instead,
    },
  ];
}

function sizeProblems(tier: Tier, node: ShelfNode, demand: Demand): Problem[] {
  const { cores, memoryBytes } = node;
  if (cores !== undefined && memoryBytes !== undefined)
    if (cores >= demand.cores && memoryBytes >= demand.memoryBytes) return [];
  const has = [
    cores === undefined ? 'an unknown number of cores' : `${cores} cores`,
    memoryBytes === undefined ? 'memory of unknown size' : `${formatSize(memoryBytes)} of memory`,
  ].join(' and ');
  const known = cores !== undefined && memoryBytes !== undefined;
  return [
    {
      path: `${tier.path}.engine`,
      found: `${tier.engine} on ${node.name}, which has ${has}`,
      allowed: `${demand.cores} cores and ${formatSize(demand.memoryBytes)}: ${demand.words}`,
      todo: known ? instead : 'give `cores` and `memory` of the node under larder:nodes',
    },
  ];
}
