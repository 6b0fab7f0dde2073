/**
 * Which copies are lost, and what to do about it next: one step at a time, derived from the record
 * and from how long a copy has been in trouble. What was decided before is never remembered, so a
 * controller that dies at any point is continued by the next one.
 *
 * Promises: a member that is in sync is never removed; one that is not is removed only when what is
 * left is as much as was asked for, or when it never held anything.
 */
import { limits } from '../base/limits.ts';
import type { MemberRecord } from '../volume/record.ts';
import { addressOf } from './birth.ts';
import type { Place, StorageNodeObject, VolumeObject, VolumeStatus } from './objects.ts';
import { domainOf, place, type Spot } from './placement.ts';

/** A rebuild keeps the disks and the network of two nodes busy. */
const rebuildsPerNodeMax = 2;

export interface Shelf {
  readonly nodes: readonly StorageNodeObject[];
  readonly volumes: readonly VolumeObject[];
  /** How long a copy may be in trouble before it counts as lost. */
  readonly graceMs: number;
  /** How long a member of the volume of this UID has been in trouble; 0 when it is not. */
  readonly troubledMs: (volumeUid: string, member: string) => number;
}

/** `note` tells people what happens, and what they can do; empty when there is nothing to say. */
export type Repair =
  | { readonly kind: 'rest'; readonly note: string }
  | { readonly kind: 'add'; readonly spot: Spot; readonly note: string }
  | { readonly kind: 'remove'; readonly members: readonly string[]; readonly note: string };

interface Copy extends MemberRecord {
  readonly place: Place | undefined;
  readonly node: string;
  readonly trouble: string;
  /** Not in sync, and in trouble for longer than the grace. */
  readonly lost: boolean;
}

/** Why the copy at this place cannot be reached or used; empty when nothing is known against it. */
export function troubleOf(at: Place | undefined, nodes: readonly StorageNodeObject[]): string {
  if (at === undefined) return 'nobody knows where it lies';
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

/** The next step for this volume. */
export function repairOf(volume: VolumeObject, shelf: Shelf): Repair {
  const { metadata, spec, status } = volume;
  const { record } = status;
  if (record === undefined || record.epoch === 0 || metadata.deletionTimestamp !== undefined) {
    return rest('');
  }
  const copies = copiesOf(volume, shelf);
  const good = copies.filter(({ inSync }) => inSync);
  const sound = good.filter(({ trouble }) => trouble === '');
  const behind = copies.filter(({ inSync }) => !inSync);
  const lost = behind.filter((copy) => copy.lost);
  const coming = behind.filter((copy) => !copy.lost);
  if (behind.length > 0 && domainsOf(volume, sound, shelf) >= spec.copies) {
    return removal(behind, 'as many copies as wanted are in sync without it');
  }
  // It was added in place of another and never filled: nothing is lost with it.
  const empty = lost.filter(({ departedAt }) => departedAt === 0);
  if (empty.length > 0) return removal(empty, 'it was lost before it was filled');
  const complete = coming.length === 0 && sound.length === good.length;
  const [first] = lost;
  if (first !== undefined && complete && copies.length > spec.copies) {
    return removal([first], 'another copy took its place');
  }
  if (good.length + coming.length >= spec.copies) return rest(waiting(volume, copies, shelf));
  if (coming.length > 0) return rest(waiting(volume, copies, shelf));
  return addition(volume, copies, shelf);
}

/** What the status becomes by the step; undefined when nothing is to be done. */
export function repaired(
  volume: VolumeObject,
  repair: Repair,
  nodes: readonly StorageNodeObject[],
  token: string,
): VolumeStatus | undefined {
  const { status } = volume;
  const { record, places } = status;
  if (record === undefined || repair.kind === 'rest') return undefined;
  if (repair.kind === 'remove') {
    const gone = new Set(repair.members);
    return {
      ...status,
      record: { ...record, members: record.members.filter(({ id }) => !gone.has(id)) },
      places: places.filter(({ member }) => !gone.has(member)),
    };
  }
  // Never a name that was used before: a store that bears it may lie on a disk that comes back.
  const id = `m-${token.slice(0, 12)}`;
  const address = addressOf(repair.spot.node, nodes);
  const member: MemberRecord = { id, address, inSync: false, departedAt: 0 };
  return {
    ...status,
    record: { ...record, members: [...record.members, member] },
    places: [...places, { member: id, ...repair.spot, made: false, problem: '' }],
  };
}

function copiesOf(volume: VolumeObject, shelf: Shelf): readonly Copy[] {
  const { record, places } = volume.status;
  return (record?.members ?? []).map((member) => {
    const at = places.find((other) => other.member === member.id);
    const trouble = troubleOf(at, shelf.nodes);
    const troubledMs = shelf.troubledMs(volume.metadata.uid, member.id);
    const lost = !member.inSync && trouble !== '' && troubledMs >= shelf.graceMs;
    return { ...member, place: at, node: at?.node ?? member.id, trouble, lost };
  });
}

/** Failure domains in which these copies lie. */
function domainsOf(volume: VolumeObject, copies: readonly Copy[], { nodes }: Shelf): number {
  const domains = copies.map((copy) => {
    const node = nodes.find(({ metadata }) => metadata.name === copy.node);
    return node === undefined ? copy.node : domainOf(node, volume.spec.spread);
  });
  return new Set(domains).size;
}

function addition(volume: VolumeObject, copies: readonly Copy[], shelf: Shelf): Repair {
  const { spec, status } = volume;
  const lost = copies.filter((copy) => copy.lost);
  const what = lost.length === 0 ? 'A copy is missing' : `Lost: ${named(lost)}`;
  if (status.attachedTo === '') {
    return rest(`${what}; another is made as soon as a pod uses the volume`);
  }
  if (copies.length >= limits.membersMax) {
    const troubled = copies.filter(({ trouble }) => trouble !== '');
    return rest(`${what}; no more copies can be added: bring back ${nodesOf(troubled)}`);
  }
  const kept = copies.flatMap((copy) => (copy.lost ? [] : (copy.place ?? [])));
  // One at a time, as a place for all of them may be what is missing.
  const wish = { ...spec, copies: kept.length + 1, preferred: [status.attachedTo] };
  const isBusy = (name: string) => rebuildsOn(name, shelf) >= rebuildsPerNodeMax;
  const free = shelf.nodes.filter(({ metadata }) => !isBusy(metadata.name));
  const anywhere = place(wish, shelf.nodes, shelf.volumes, kept);
  if (anywhere.kind === 'impossible') {
    const back = lost.length === 0 ? '' : ` or bring back ${nodesOf(lost)}`;
    return rest(`${what}; no place for another: ${anywhere.why}. Add a disk${back}`);
  }
  const now = place(wish, keeping(free, kept, shelf.nodes), shelf.volumes, kept);
  const [spot] = now.kind === 'placed' ? now.spots : [];
  if (isBusy(status.attachedTo) || spot === undefined) {
    return rest(`${what}; another is made when other volumes are done`);
  }
  return { kind: 'add', spot, note: `${what}; another is made on ${spot.node}` };
}

/** Nodes that may be chosen, and those whose failure domain has to be known. */
function keeping(
  free: readonly StorageNodeObject[],
  kept: readonly Spot[],
  nodes: readonly StorageNodeObject[],
): readonly StorageNodeObject[] {
  const holders = new Set(kept.map(({ node }) => node));
  return nodes.filter((node) => free.includes(node) || holders.has(node.metadata.name));
}

/** Rebuilds under way that write to this node or read from it. */
function rebuildsOn(node: string, { nodes, volumes }: Shelf): number {
  return volumes
    .filter(({ status }) => status.attachedTo !== '')
    .flatMap(({ status }) =>
      (status.record?.members ?? [])
        .filter(({ inSync, departedAt }) => !inSync && departedAt === 0)
        .map(({ id }) => ({ status, at: status.places.find(({ member }) => member === id) })),
    )
    .filter(({ at }) => troubleOf(at, nodes) === '')
    .filter(({ status, at }) => at?.node === node || status.attachedTo === node).length;
}

function waiting(volume: VolumeObject, copies: readonly Copy[], { graceMs }: Shelf): string {
  const { attachedTo } = volume.status;
  const notes: string[] = [];
  const newcomers = copies.filter((copy) => !copy.inSync && copy.departedAt === 0 && !copy.lost);
  if (newcomers.length > 0) {
    const state =
      attachedTo === '' ? 'it is filled when a pod uses the volume' : 'it is being filled';
    notes.push(`A new copy is on ${nodesOf(newcomers)}: ${state}`);
  }
  const away = copies.filter((copy) => !copy.inSync && copy.trouble !== '' && !copy.lost);
  if (away.length > 0) {
    const after = `${Number((graceMs / 60_000).toFixed(1))} min`;
    notes.push(`${named(away)}: another copy is made elsewhere unless it is back within ${after}`);
  }
  const unsure = copies.filter((copy) => copy.inSync && copy.trouble !== '');
  if (unsure.length > 0 && attachedTo === '') {
    notes.push(`${named(unsure)}: it can be replaced only while a pod uses the volume`);
  }
  return notes.join('; ');
}

function removal(copies: readonly Copy[], why: string): Repair {
  const members = copies.map(({ id }) => id);
  return { kind: 'remove', members, note: `The copy on ${nodesOf(copies)} is let go: ${why}` };
}

function rest(note: string): Repair {
  return { kind: 'rest', note };
}

function nodesOf(copies: readonly Copy[]): string {
  return copies.map(({ node }) => node).join(', ');
}

function named(copies: readonly Copy[]): string {
  return copies.map(({ node, trouble }) => trouble || node).join(', ');
}
