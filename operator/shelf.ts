/** Everything that is known of the replicated volumes at one moment, read once for a command. */
import { nearest } from '../components/config/suggest.ts';
import { Fault } from '../dataplane/base/fault.ts';
import type { Place, StorageNodeObject, VolumeObject } from '../dataplane/control/objects.ts';
import type { Claim, ClusterNode, ClusterView } from './cluster-view.ts';

export interface Shelf {
  readonly cluster: string;
  readonly volumes: readonly VolumeObject[];
  readonly nodes: readonly StorageNodeObject[];
  readonly claims: readonly Claim[];
  readonly clusterNodes: readonly ClusterNode[];
}

export async function readShelf(view: ClusterView): Promise<Shelf> {
  const [volumes, nodes, claims, clusterNodes] = await Promise.all([
    view.objects.volumes.list(),
    view.objects.storageNodes.list(),
    view.claims(),
    view.nodes(),
  ]);
  return { cluster: view.cluster, volumes, nodes, claims, clusterNodes };
}

/** `namespace/name` of whoever asked for it; empty when nobody did. */
export function claimOf(volume: VolumeObject, { claims }: Shelf): string {
  return claims.find((each) => each.volume === volume.metadata.name)?.claim ?? '';
}

/**
 * The volume of this name, of this claim (`apps/postgres-main`), or of the only claim of this name.
 * Throws `input.invalid` with what was perhaps meant.
 */
export function volumeNamed(word: string, shelf: Shelf): VolumeObject {
  const meant = shelf.claims.filter(
    ({ claim }) => claim === word || claim.slice(claim.indexOf('/') + 1) === word,
  );
  const names = new Set([word, ...meant.map(({ volume }) => volume)]);
  const found = shelf.volumes.filter(({ metadata }) => names.has(metadata.name));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  if (found.length > 1) {
    throw new Fault('input.invalid', `${word} is the claim of ${found.length} volumes.`, {
      hint: `Say which: ${meant.map(({ claim }) => claim).join(', ')}`,
    });
  }
  const known = [
    ...shelf.volumes.map(({ metadata }) => metadata.name),
    ...shelf.claims.map(({ claim }) => claim),
    ...shelf.claims.map(({ claim }) => claim.slice(claim.indexOf('/') + 1)),
  ];
  throw unknown('volume', word, known, shelf);
}

/** Throws `input.invalid` with what was perhaps meant. */
export function nodeNamed(word: string, shelf: Shelf): StorageNodeObject {
  const found = shelf.nodes.find(({ metadata }) => metadata.name === word);
  if (found !== undefined) return found;
  const known = shelf.nodes.map(({ metadata }) => metadata.name);
  throw unknown('storage node', word, known, shelf);
}

function unknown(what: string, word: string, known: readonly string[], shelf: Shelf): Fault {
  const near = nearest(word, known);
  const listed = known.length === 0 ? 'there is none' : `there are ${[...known].join(', ')}`;
  const command = what === 'volume' ? 'volume' : 'node';
  return new Fault('input.invalid', `The cluster ${shelf.cluster} has no ${what} ${word}.`, {
    hint:
      near === undefined && known.length > 8
        ? `npm run larder -- ${command} lists them.`
        : `${near === undefined ? '' : `Did you mean ${near}? `}Of the kind ${listed}.`,
  });
}

export function nodeOfName(name: string, shelf: Shelf): StorageNodeObject | undefined {
  return shelf.nodes.find(({ metadata }) => metadata.name === name);
}

/** Whether the node has lately said that it is there. */
export function isHeard(name: string, shelf: Shelf): boolean {
  const node = nodeOfName(name, shelf);
  return node !== undefined && node.status.health !== 'Unknown';
}

/** A copy of a volume, as the record and the places together tell it. */
export interface Copy {
  readonly member: string;
  readonly place: Place | undefined;
  /** The node, or the member's name where nobody knows the node. */
  readonly node: string;
  readonly state: 'in sync' | 'behind' | 'being filled' | 'empty';
  readonly heard: boolean;
  readonly departedAt: number;
}

export function copiesOf(volume: VolumeObject, shelf: Shelf): readonly Copy[] {
  const { record, places, attachedTo, tendedBy } = volume.status;
  // Without an engine nothing is copied.
  const hasEngine = attachedTo !== '' || tendedBy !== '';
  return (record?.members ?? []).map(({ id, inSync, departedAt }) => {
    const place = places.find(({ member }) => member === id);
    const node = place?.node ?? id;
    const heard = isHeard(node, shelf);
    const filling = hasEngine && heard ? 'being filled' : 'empty';
    const behind = departedAt === 0 ? filling : 'behind';
    return { member: id, place, node, state: inSync ? 'in sync' : behind, heard, departedAt };
  });
}
