/** `larder status`: are the data safe, and if not, what to do. */
import { sizeWords } from '../components/plan/words.ts';
import type { StorageNodeObject, VolumeObject } from '../dataplane/control/objects.ts';
import { exitCode, type Outcome } from './outcome.ts';
import { claimOf, type Shelf } from './shelf.ts';
import { counted, table } from './words.ts';

/** Volumes that are well are counted beyond this many, not listed. */
const listedMax = 20;

export function statusOf(shelf: Shelf): Outcome {
  const volumes = shelf.volumes.map((volume) => volumeFacts(volume, shelf));
  const nodes = shelf.nodes.map((node) => nodeFacts(node, shelf));
  const worried = volumes.filter(({ safety }) => safety !== 'Safe');
  const unwell = nodes.filter(({ health }) => health !== 'Ready');
  const verdict = verdictOf(shelf, worried, unwell);
  const listed = volumes.length > listedMax ? worried : volumes;
  const rest = volumes.length - listed.length;
  return {
    facts: { cluster: shelf.cluster, verdict, volumes, nodes },
    lines: [
      `Cluster ${shelf.cluster}: ${verdict}`,
      ...(listed.length === 0 ? [] : ['', ...volumeTable(listed)]),
      ...(rest === 0 ? [] : [`  and ${counted(rest, 'volume')} more, all Safe`]),
      ...(nodes.length === 0 ? [] : ['', ...nodeTable(nodes)]),
      ...nextStep(worried, unwell),
    ],
    code: worried.length === 0 && unwell.length === 0 ? exitCode.well : exitCode.attention,
  };
}

export interface VolumeFacts {
  readonly name: string;
  readonly claim: string;
  readonly safety: string;
  readonly copies: string;
  readonly sizeBytes: number;
  readonly attachedTo: string;
  readonly message: string;
}

export function volumeFacts(volume: VolumeObject, shelf: Shelf): VolumeFacts {
  const { metadata, spec, status } = volume;
  const { safety, copies, attachedTo, message } = status;
  const { sizeBytes } = spec;
  const claim = claimOf(volume, shelf);
  return { name: metadata.name, claim, safety, copies, sizeBytes, attachedTo, message };
}

export function volumeTable(volumes: readonly VolumeFacts[]): string[] {
  const rows = volumes.map(({ name, claim, safety, copies, sizeBytes, attachedTo, message }) => [
    claim === '' ? name : claim,
    safety,
    copies,
    sizeWords(sizeBytes),
    attachedTo === '' ? '-' : attachedTo,
    message,
  ]);
  return table(['volume', 'safe', 'copies', 'size', 'used on', 'what to know'], rows);
}

export interface NodeFacts {
  readonly name: string;
  readonly health: string;
  readonly takesNew: boolean;
  readonly evacuating: boolean;
  readonly copies: number;
  readonly promisedBytes: number;
  readonly capacityBytes: number;
  readonly message: string;
}

export function nodeFacts(node: StorageNodeObject, shelf: Shelf): NodeFacts {
  const { metadata, spec, status } = node;
  const here = shelf.volumes.filter((volume) =>
    volume.status.places.some((at) => at.node === metadata.name),
  );
  return {
    name: metadata.name,
    health: status.health,
    takesNew: spec.schedulable && !spec.evacuate,
    evacuating: spec.evacuate,
    copies: here.length,
    promisedBytes: here.reduce((sum, volume) => sum + volume.spec.sizeBytes, 0),
    capacityBytes: status.disks.reduce((sum, disk) => sum + disk.capacityBytes, 0),
    message: status.message,
  };
}

export function nodeTable(nodes: readonly NodeFacts[]): string[] {
  const rows = nodes.map((node) => [
    node.name,
    node.health,
    String(node.copies),
    `${sizeWords(node.promisedBytes)} of ${sizeWords(node.capacityBytes)}`,
    node.evacuating ? 'being emptied' : node.takesNew ? 'yes' : 'no',
    node.message,
  ]);
  return table(['node', 'health', 'copies', 'promised', 'takes new', 'what to know'], rows);
}

function verdictOf(
  shelf: Shelf,
  worried: readonly VolumeFacts[],
  unwell: readonly NodeFacts[],
): string {
  if (shelf.nodes.length === 0 && shelf.volumes.length === 0) {
    return 'there is no storage node and no volume yet.';
  }
  const nodes =
    unwell.length === 0
      ? ''
      : ` ${unwell.length} of ${counted(shelf.nodes.length, 'node')} ${unwell.length === 1 ? 'is' : 'are'} not well.`;
  if (shelf.volumes.length === 0) return `no volume yet.${nodes}`;
  const all = counted(shelf.volumes.length, 'volume');
  if (worried.length === 0) {
    const safe = shelf.volumes.length === 1 ? 'the only volume is safe' : `all ${all} are safe`;
    return `${safe}.${nodes}`;
  }
  const away = worried.filter(({ safety }) => safety === 'Unreachable').length;
  const what = away === 0 ? '' : `, ${away} of them out of reach`;
  const are = worried.length === 1 ? 'is' : 'are';
  return `${worried.length} of ${all} ${are} not safe${what}.${nodes}`;
}

function nextStep(worried: readonly VolumeFacts[], unwell: readonly NodeFacts[]): string[] {
  const [volume] = worried.toSorted((a, b) => rank(a) - rank(b));
  const [node] = unwell;
  if (volume !== undefined) {
    const name = volume.claim === '' ? volume.name : volume.claim;
    const verb = volume.safety === 'Unreachable' ? 'recover' : 'volume';
    return ['', `Next: npm run larder -- ${verb} ${name}`];
  }
  if (node === undefined) return [];
  return ['', `Next: npm run larder -- node ${node.name}`];
}

function rank({ safety }: VolumeFacts): number {
  return ['Unreachable', 'Degraded', 'Deleting', 'Creating'].indexOf(safety);
}
