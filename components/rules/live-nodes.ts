/**
 * The inventory held against the nodes that the cluster has. A preview shows every difference; an
 * update refuses those with which it would fail half-way or put data where they are not meant to
 * be.
 */
import type { Shelf } from '../config/shelf.ts';
import type { Disk, ShelfNode } from '../config/shelf/inventory.ts';
import { oneOf, type Problem } from './problem.ts';

/** A node as the cluster knows it. */
export interface LiveNode {
  readonly name: string;
  readonly architecture: string | undefined;
  /** Labels that somebody else set, with who. */
  readonly foreignLabels: ReadonlyMap<string, { readonly value: string; readonly manager: string }>;
  /** What the watch says of its disks; nothing while all is well or before it runs. */
  readonly diskComplaints: readonly string[];
}

/** A difference; `isGrave` when an update must not begin with it. */
interface Difference {
  readonly problem: Problem;
  readonly isGrave: boolean;
}

/** @param known names of volumes that exist: they need nothing made on their disks any more */
export function nodeDifferences(
  shelf: Shelf,
  live: readonly LiveNode[],
  known: ReadonlySet<string>,
): Difference[] {
  const names = live.map((node) => node.name);
  const toMake = disksToWriteOn(shelf, known);
  const declared = shelf.nodes.flatMap((node, index) => {
    const path = `larder:nodes[${index}]`;
    const found = live.find((each) => each.name === node.name);
    const waiting = toMake.filter((disk) => disk.node === node.name);
    if (found === undefined) return [missing(node, path, names, waiting)];
    return [
      ...otherArchitecture(node, path, found),
      ...labelConflicts(node, path, found),
      ...found.diskComplaints.map((complaint) => unmounted(path, complaint, waiting)),
    ];
  });
  const extra = names
    .filter((name) => !shelf.nodes.some((node) => node.name === name))
    .map((name) => ({ isGrave: false, problem: extraNode(name) }));
  return [...declared, ...extra];
}

/** Disks on which this update would make a volume or begin to dump. */
function disksToWriteOn(shelf: Shelf, known: ReadonlySet<string>): Disk[] {
  const volumes = shelf.volumes.filter((volume) => !known.has(volume.name));
  const databases = shelf.databases.filter(({ volume }) => !known.has(volume.name));
  return [
    ...volumes.flatMap((volume) => volume.disk ?? []),
    ...databases.flatMap(({ dumps }) => ('disk' in dumps ? dumps.disk : [])),
  ];
}

function missing(
  node: ShelfNode,
  path: string,
  names: readonly string[],
  waiting: readonly Disk[],
): Difference {
  return {
    isGrave: waiting.length > 0,
    problem: {
      path: `${path}.name`,
      found: `${node.name}, which the cluster does not have${waiting.length > 0 ? ', and something shall be made on its disks' : ''}`,
      allowed: `a node of the cluster: ${oneOf(names)}`,
      todo: 'join it (k3s agent), or correct the name; until then it gets no labels and holds nothing',
    },
  };
}

function otherArchitecture(node: ShelfNode, path: string, live: LiveNode): Difference[] {
  const { architecture } = node;
  if (architecture === undefined || live.architecture === undefined) return [];
  if (live.architecture === architecture) return [];
  return [
    {
      isGrave: true,
      problem: {
        path: `${path}.architecture`,
        found: `${architecture}, and ${node.name} says that it is ${live.architecture}`,
        allowed: live.architecture,
        todo: 'correct it; if another computer took that name, its disks are others too: look before you go on',
      },
    },
  ];
}

function labelConflicts(node: ShelfNode, path: string, live: LiveNode): Difference[] {
  return Object.entries(node.labels).flatMap(([key, value]) => {
    const foreign = live.foreignLabels.get(key);
    if (foreign === undefined || foreign.value === value) return [];
    return [
      {
        isGrave: true,
        problem: {
          path: `${path}.labels.${key}`,
          found: `${value}, and ${foreign.manager} has set ${foreign.value} on ${node.name}`,
          allowed: 'one hand for each label: Kubernetes would refuse the update half-way',
          todo: `write ${foreign.value}, or take the other away: kubectl label node ${node.name} ${key}- (k3s: --node-label)`,
        },
      },
    ];
  });
}

function unmounted(path: string, complaint: string, waiting: readonly Disk[]): Difference {
  const needed = waiting.find((disk) => complaint.includes(disk.mountPath));
  return {
    isGrave: needed !== undefined,
    problem: {
      path: `${path}.disks`,
      found: complaint,
      allowed: `the disk of the inventory at its mount path${needed === undefined ? '' : ', before something is made on it'}`,
      todo: 'mount it; volumes on it that exist are safe, and their pods wait',
    },
  };
}

const extraNode = (name: string): Problem => ({
  path: 'larder:nodes',
  found: `no ${name}, which the cluster has`,
  allowed: 'every node of the cluster, so that plan and rules know it',
  todo: `add \`- name: ${name}\` with its disks`,
});
