/**
 * What to do next about the copies of a volume: one step at a time, derived from the record and
 * from how long a copy has been in trouble. What was decided before is never remembered, so a
 * controller that dies at any point is continued by the next one.
 *
 * Promises: another copy is in sync before one is let go; a member that is in sync is never taken
 * out of the record here, but asked to leave, and its engine knows when it may; one that is not in
 * sync is removed only when what is left is as much as was asked for, or when it never held
 * anything. At most two rebuilds touch a node at a time.
 */
import { limits } from '../base/limits.ts';
import {
  copiesOf,
  type Copy,
  domainsOf,
  engineNodeOf,
  named,
  nodesOf,
  type Shelf,
  troubleOf,
} from './copies.ts';
import type { StorageNodeObject, VolumeObject } from './objects.ts';
import { fillsOf, place, type Spot } from './placement.ts';
import { hasWishes } from './snapshots.ts';
import { surplusAmong } from './surplus.ts';

/** A rebuild keeps the disks and the network of two nodes busy. */
const rebuildsPerNodeMax = 2;

/** Each is an engine in the memory of the node's storage container. */
const tendedPerNodeMax = 4;

/** `note` tells people what happens, and what they can do; empty when there is nothing to say. */
export type Repair =
  | { readonly kind: 'rest'; readonly note: string }
  | { readonly kind: 'add'; readonly spot: Spot; readonly note: string }
  /** `erase`: what lies there is needed by nobody and may be deleted. */
  | {
      readonly kind: 'remove';
      readonly members: readonly string[];
      readonly erase: readonly string[];
      readonly note: string;
    }
  /** The copy that is to go elsewhere because there is more room; empty for none. */
  | { readonly kind: 'move'; readonly member: string; readonly note: string }
  /** Exactly these members are asked to leave; nobody else is any more. */
  | { readonly kind: 'retire'; readonly members: readonly string[]; readonly note: string }
  /** Nothing was ever written, and a copy cannot be made: all are placed anew. */
  | { readonly kind: 'unplace'; readonly note: string }
  /** The node whose engine looks after a volume that is attached nowhere; empty for none. */
  | { readonly kind: 'tend'; readonly node: string; readonly note: string };

/** The next step for this volume. */
export function repairOf(volume: VolumeObject, shelf: Shelf): Repair {
  const { metadata, status } = volume;
  const { record } = status;
  if (record === undefined || metadata.deletionTimestamp !== undefined) {
    return status.tendedBy === '' ? rest('') : { kind: 'tend', node: '', note: '' };
  }
  const left = status.places
    .filter((at) => at.erase && troubleOf(at, shelf.nodes) !== '')
    .map(({ member }) => member)
    .filter((member) => shelf.troubledMs(metadata.uid, member) >= shelf.graceMs);
  if (left.length > 0) {
    const note = 'What was to be deleted on a lost node is left to it';
    return { kind: 'remove', members: left, erase: [], note };
  }
  const copies = copiesOf(volume, shelf);
  if (record.epoch === 0 && copies.some(({ place: at }) => at?.made !== true)) {
    const stuck = copies.filter(
      ({ place: at, overdue, leaving }) => at?.made !== true && (overdue || leaving),
    );
    if (stuck.length === 0) return rest('');
    return { kind: 'unplace', note: `${named(stuck)}: its copies are placed anew` };
  }
  const step = stepOf(volume, copies, shelf);
  if (step.kind === 'remove' || step.kind === 'retire' || step.kind === 'move') return step;
  return tending(volume, copies, shelf, step) ?? step;
}

function stepOf(volume: VolumeObject, copies: readonly Copy[], shelf: Shelf): Repair {
  const { spec } = volume;
  const good = copies.filter(({ inSync }) => inSync);
  const sound = good.filter(({ trouble }) => trouble === '');
  const staying = sound.filter(({ leaving }) => !leaving);
  const behind = copies.filter(({ inSync }) => !inSync);
  const lost = behind.filter((copy) => copy.lost);
  const coming = behind.filter((copy) => !copy.lost);
  if (behind.length > 0 && domainsOf(staying) >= spec.copies) {
    return removal(behind, 'as many copies as wanted are in sync without it');
  }
  // It was added in place of another and never filled: nothing is lost with it.
  const empty = lost.filter(({ departedAt }) => departedAt === 0);
  if (empty.length > 0) return removal(empty, 'it was lost before it was filled');
  const retirement = retiring(volume, copies, sound, shelf);
  if (retirement !== undefined) return retirement;
  const complete = coming.length === 0 && sound.length === good.length;
  const [first] = lost;
  if (first !== undefined && complete && copies.length > spec.copies) {
    return removal([first], 'another copy took its place');
  }
  // What its engine counts as in sync counts, also where its node is not heard of.
  const counted = copies.filter(({ leaving, lost: isLost }) => !leaving && !isLost);
  if (domainsOf(counted) >= spec.copies || coming.some(({ leaving }) => !leaving)) {
    return rest(waiting(volume, copies, shelf));
  }
  const step = addition(volume, copies, shelf);
  // It was to go where there was more room once; it may stay.
  const moving = copies.some(({ place: at }) => at?.leave === true);
  return step.kind === 'rest' && moving ? { kind: 'move', member: '', note: step.note } : step;
}

/** Who is asked to leave, when that is another than who was asked before. */
function retiring(
  volume: VolumeObject,
  copies: readonly Copy[],
  sound: readonly Copy[],
  { nodes, volumes }: Shelf,
): Repair | undefined {
  const asked = copies.filter((copy) => copy.retiring === true);
  const enough = sound.length > volume.spec.copies;
  const surplus = enough ? surplusAmong(volume, sound, fillsOf(nodes, volumes)) : [];
  const members = surplus.map(({ id }) => id);
  if (members.length === asked.length && asked.every(({ id }) => members.includes(id))) {
    return undefined;
  }
  const why = surplus.some(({ leaving }) => leaving)
    ? 'it was to go, and others hold everything'
    : 'one copy more than wanted is in sync';
  const note =
    surplus.length > 0
      ? `The copy on ${nodesOf(surplus)} leaves: ${why}`
      : `The copy on ${nodesOf(asked)} stays after all: it is needed`;
  return { kind: 'retire', members, note };
}

/**
 * A volume that is attached nowhere has no engine, and without one no copy is filled or let go: one
 * is started for as long as there is something to do.
 */
function tending(
  volume: VolumeObject,
  copies: readonly Copy[],
  shelf: Shelf,
  step: Repair,
): Repair | undefined {
  const { attachedTo, tendedBy } = volume.status;
  if (attachedTo !== '') {
    return tendedBy === '' ? undefined : { kind: 'tend', node: '', note: step.note };
  }
  const sound = copies.filter(({ inSync, trouble }) => inSync && trouble === '');
  const fillable = copies.some(({ inSync, trouble }) => !inSync && trouble === '');
  const leaving = copies.some(({ inSync, retiring: asked }) => inSync && asked === true);
  const doubtful = copies.some(({ inSync, overdue }) => inSync && overdue);
  const needed =
    step.kind === 'add' ||
    fillable ||
    leaving ||
    (doubtful && sound.length > 0) ||
    hasWishes(volume);
  if (!needed) return tendedBy === '' ? undefined : { kind: 'tend', node: '', note: step.note };
  const hasTime = (node: string) =>
    tendedOn(node, shelf) < tendedPerNodeMax && rebuildsOn(node, shelf) < rebuildsPerNodeMax;
  const [best] = sound
    .filter(({ node }) => node === tendedBy || hasTime(node))
    .toSorted((a, b) => preferable(a, b, tendedBy));
  if (best === undefined) {
    if (step.kind === 'rest' && step.note !== '') return undefined;
    // Who has to come back is said with the volume's safety.
    return rest(
      sound.length === 0 ? '' : 'Its copies are looked after when other volumes are done',
    );
  }
  return best.node === tendedBy ? undefined : { kind: 'tend', node: best.node, note: step.note };
}

function tendedOn(node: string, { volumes }: Shelf): number {
  return volumes.filter(({ status }) => status.attachedTo === '' && status.tendedBy === node)
    .length;
}

/** Who tends a volume goes on; a node that is being emptied is the last choice. */
function preferable(a: Copy, b: Copy, tendedBy: string): number {
  const rank = ({ node, leaving }: Copy) => (node === tendedBy ? 0 : leaving ? 2 : 1);
  return rank(a) - rank(b) || (a.node < b.node ? -1 : 1);
}

function addition(volume: VolumeObject, copies: readonly Copy[], shelf: Shelf): Repair {
  const { spec } = volume;
  const what = missing(volume, copies);
  if (Math.max(copies.length, volume.status.places.length / 2) >= limits.membersMax) {
    const troubled = copies.filter(({ trouble }) => trouble !== '');
    return rest(`${what}; no more copies can be added: bring back ${nodesOf(troubled)}`);
  }
  const kept = copies.flatMap((copy) => (copy.lost || copy.leaving ? [] : (copy.place ?? [])));
  const engineNode = engineNodeOf(volume);
  // One at a time, as a place for all of them may be what is missing.
  const wish = { ...spec, copies: kept.length + 1, preferred: [volume.status.attachedTo] };
  const isBusy = (name: string) => rebuildsOn(name, shelf) >= rebuildsPerNodeMax;
  const left = new Set(copies.filter(({ leaving }) => leaving).map(({ node }) => node));
  const nodes = shelf.nodes.filter(({ metadata }) => !left.has(metadata.name));
  const anywhere = place(wish, nodes, shelf.volumes, kept);
  if (anywhere.kind === 'impossible') {
    const back = copies.filter((copy) => copy.lost);
    const or = back.length === 0 ? '' : ` or bring back ${nodesOf(back)}`;
    return rest(`${what}; no place for another: ${anywhere.why}. Add a disk${or}`);
  }
  const idle = nodes.filter(({ metadata }) => !isBusy(metadata.name));
  const now = place(wish, keeping(idle, kept, nodes), shelf.volumes, kept);
  const [spot] = now.kind === 'placed' ? now.spots : [];
  if ((engineNode !== '' && isBusy(engineNode)) || spot === undefined) {
    return rest(`${what}; another is made when other volumes are done`);
  }
  return { kind: 'add', spot, note: `${what}; another is made on ${spot.node}` };
}

function missing({ spec }: VolumeObject, copies: readonly Copy[]): string {
  const lost = copies.filter((copy) => copy.lost);
  const leaving = copies.filter((copy) => copy.leaving && !copy.lost);
  const others = copies.filter((copy) => !copy.lost && !copy.leaving);
  const together = others.length >= spec.copies && lost.length === 0 && leaving.length === 0;
  if (together) return `The copies on ${nodesOf(others)} are not in different ${spec.spread}s`;
  const parts = [
    ...(lost.length === 0 ? [] : [`Lost: ${named(lost)}`]),
    ...(leaving.length === 0 ? [] : [`The copy on ${nodesOf(leaving)} has to leave`]),
  ];
  return parts.length === 0 ? 'A copy is missing' : parts.join('; ');
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
    .filter((volume) => engineNodeOf(volume) !== '')
    .flatMap((volume) =>
      (volume.status.record?.members ?? [])
        .filter(({ inSync, departedAt }) => !inSync && departedAt === 0)
        .map(({ id }) => ({
          engineNode: engineNodeOf(volume),
          at: volume.status.places.find(({ member }) => member === id),
        })),
    )
    .filter(({ at }) => troubleOf(at, nodes) === '')
    .filter(({ engineNode, at }) => at?.node === node || engineNode === node).length;
}

function waiting(volume: VolumeObject, copies: readonly Copy[], { graceMs }: Shelf): string {
  const notes: string[] = [];
  const newcomers = copies.filter((copy) => !copy.inSync && copy.departedAt === 0 && !copy.lost);
  if (newcomers.length > 0) {
    notes.push(`A new copy is on ${nodesOf(newcomers)}: it is being filled`);
  }
  const away = copies.filter((copy) => !copy.inSync && copy.trouble !== '' && !copy.lost);
  const unsure = copies.filter((copy) => copy.inSync && copy.trouble !== '');
  const all = engineNodeOf(volume) === '' ? [...away, ...unsure] : away;
  if (all.length > 0) {
    const after = `${Number((graceMs / 60_000).toFixed(1))} min`;
    notes.push(`${named(all)}: another copy is made elsewhere unless it is back within ${after}`);
  }
  return notes.join('; ');
}

/**
 * What was asked to leave, and what was never filled, holds nothing that anybody needs. A copy that
 * fell behind is kept where it lies: it is the last resort when all others are lost.
 */
function removal(copies: readonly Copy[], why: string): Repair {
  const erase = copies.filter(
    ({ retiring: asked, departedAt }) => asked === true || departedAt === 0,
  );
  return {
    kind: 'remove',
    members: copies.map(({ id }) => id),
    erase: erase.map(({ id }) => id),
    note: `The copy on ${nodesOf(copies)} is let go: ${why}`,
  };
}

function rest(note: string): Repair {
  return { kind: 'rest', note };
}
