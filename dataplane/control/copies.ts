/**
 * The copies of a volume as its keepers see them: record, place, node and trouble of each in one,
 * and what is asked of them together. Everything that decides about copies starts from here.
 */
import type { MemberRecord } from '../volume/record.ts';
import type { Place, StorageNodeObject, VolumeObject } from './objects.ts';
import { domainOf } from './placement.ts';

/** What is known of the whole shelf when something is decided about one volume. */
export interface Shelf {
  readonly nodes: readonly StorageNodeObject[];
  readonly volumes: readonly VolumeObject[];
  /** How long a copy may be in trouble before it counts as lost. */
  readonly graceMs: number;
  /** How long a member of the volume of this UID has been in trouble; 0 when it is not. */
  readonly troubledMs: (volumeUid: string, member: string) => number;
}

export interface Copy extends MemberRecord {
  readonly place: Place | undefined;
  readonly node: string;
  /** Where no second copy should be. */
  readonly domain: string;
  readonly trouble: string;
  /** In trouble for longer than the grace. */
  readonly overdue: boolean;
  /** Overdue, and not in sync: its data are behind, and nobody waits for it any more. */
  readonly lost: boolean;
  /** Its node is to be emptied, or it is to go where there is more room. */
  readonly leaving: boolean;
}

/** Why the copy at this place cannot be reached or used; empty when nothing is known against it. */
export function troubleOf(at: Place | undefined, nodes: readonly StorageNodeObject[]): string {
  if (at === undefined)
    return 'its place was taken out of the status: put it back, with its node and disk';
  const node = nodes.find(({ metadata }) => metadata.name === at.node);
  if (node === undefined) return `${at.node} is not declared any more`;
  if (node.status.health === 'Unknown') return `${at.node} is not heard of`;
  if (!node.spec.disks.some(({ name }) => name === at.disk)) {
    return `${at.node} has no disk ${at.disk} any more`;
  }
  const state = node.status.disks.find(({ name }) => name === at.disk);
  const problem = state?.problem === '' ? at.problem : (state?.problem ?? '');
  return problem === '' ? '' : `${at.node} disk ${at.disk}: ${problem}`;
}

export function copiesOf(volume: VolumeObject, shelf: Shelf): readonly Copy[] {
  const { record, places } = volume.status;
  return (record?.members ?? []).map((member) => {
    const at = places.find((other) => other.member === member.id);
    const node = shelf.nodes.find(({ metadata }) => metadata.name === at?.node);
    const trouble = troubleOf(at, shelf.nodes);
    const troubledMs = shelf.troubledMs(volume.metadata.uid, member.id);
    const overdue = trouble !== '' && troubledMs >= shelf.graceMs;
    const name = at?.node ?? member.id;
    return {
      ...member,
      place: at,
      node: name,
      domain: node === undefined ? `node ${name}` : domainOf(node, volume.spec.spread),
      trouble,
      overdue,
      lost: overdue && !member.inSync,
      leaving: node?.spec.evacuate === true || at?.leave === true,
    };
  });
}

/** Failure domains in which these copies lie. */
export function domainsOf(copies: readonly Copy[]): number {
  return new Set(copies.map(({ domain }) => domain)).size;
}

/** The node whose engine has the volume open, or is about to; empty when there is none. */
export function engineNodeOf({ status }: VolumeObject): string {
  return status.attachedTo === '' ? status.tendedBy : status.attachedTo;
}

export function nodesOf(copies: readonly Copy[]): string {
  return copies.map(({ node }) => node).join(', ');
}

/** With what is the matter with each. */
export function named(copies: readonly Copy[]): string {
  return copies.map(({ node, trouble }) => trouble || node).join(', ');
}
