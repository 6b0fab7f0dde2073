/**
 * What one failure does to each volume.
 *
 * Judged by the worst place that a volume may have: where the stack file does not place it, the
 * answer says that it depends. A node, a switch or a circuit that fails comes back with its disks;
 * a disk that dies, and what stands on a shelf or at a site that is destroyed, does not. Two
 * failures at once are not looked at: how many a tier survives stands in the table of copies.
 */
import type {
  PlanBackup,
  PlanDisk,
  PlanNode,
  PlanSubject,
  PlanVolume,
  Shared,
  SharedKind,
} from './subject.ts';

export type Failure =
  | { readonly kind: 'node' | 'server'; readonly name: string }
  | { readonly kind: 'disk'; readonly disk: PlanDisk }
  | {
      readonly kind: SharedKind;
      /** Undefined for the one that all share because the stack file names none. */
      readonly name: string | undefined;
    };

export type Effect =
  | { readonly kind: 'untouched' }
  /** A pause of seconds, then fewer copies until they are made again. */
  | { readonly kind: 'runs-on'; readonly copiesLeft: number }
  /** Away until what failed is back; nothing is lost. */
  | { readonly kind: 'stops' }
  /** Runs on its own node, where nobody else reaches it. */
  | { readonly kind: 'cut-off' }
  /** Gone; `from` is the newest that is left of it, unless nobody knows whether that is left. */
  | { readonly kind: 'lost'; readonly from: PlanBackup | undefined; readonly isSure: boolean };

export interface VolumeEffect {
  readonly volume: PlanVolume;
  readonly effect: Effect;
  /** False when it depends on where the volume happens to be. */
  readonly isCertain: boolean;
}

export interface FailureReport {
  readonly failure: Failure;
  readonly effects: readonly VolumeEffect[];
  /** Volumes that lose a backup, or cannot make one meanwhile. */
  readonly backups: readonly PlanVolume[];
}

/** Everything that can fail alone, the smallest first. */
export function failuresOf(subject: PlanSubject): Failure[] {
  const computers: readonly { shared: Shared }[] = [...subject.nodes, ...subject.servers];
  // Nobody stands on a shelf that nobody named; a lone server without a circuit is itself a row.
  const isShared = (kind: SharedKind) =>
    kind === 'site' ||
    (kind !== 'shelf' && subject.nodes.some(({ shared }) => shared[kind] === undefined));
  const named = (kind: SharedKind) =>
    [...new Set(computers.map(({ shared }) => shared[kind]))].filter(
      (name) => name !== undefined || isShared(kind),
    );
  const kinds: readonly SharedKind[] = ['switch', 'circuit', 'shelf', 'site'];
  return [
    ...subject.nodes.flatMap((node) => node.disks).map((disk) => ({ kind: 'disk', disk }) as const),
    ...subject.nodes.map(({ name }) => ({ kind: 'node', name }) as const),
    ...subject.servers.map(({ name }) => ({ kind: 'server', name }) as const),
    ...kinds.flatMap((kind) => named(kind).map((name) => ({ kind, name }))),
  ];
}

export function reportOf(subject: PlanSubject, failure: Failure): FailureReport {
  const hit = reach(subject, failure);
  return {
    failure,
    effects: subject.volumes.map((volume) => ({
      volume,
      ...effectOn(volume, failure, hit, subject.nodes),
    })),
    backups: subject.volumes.filter((volume) =>
      volume.backups.some((backup) => isTaken(backup, failure, hit)),
    ),
  };
}

/** What a failure takes away, for a while or for ever. */
interface Reach {
  readonly disks: ReadonlySet<PlanDisk>;
  readonly servers: ReadonlySet<string>;
}

function reach(subject: PlanSubject, failure: Failure): Reach {
  const disksOf = (nodes: readonly PlanNode[]) => new Set(nodes.flatMap(({ disks }) => disks));
  switch (failure.kind) {
    case 'disk':
      return { disks: new Set([failure.disk]), servers: new Set() };
    case 'node':
      return {
        disks: disksOf(subject.nodes.filter(({ name }) => name === failure.name)),
        servers: new Set(),
      };
    case 'server':
      return { disks: new Set(), servers: new Set([failure.name]) };
    case 'switch':
    case 'circuit':
    case 'shelf':
    case 'site': {
      const isIn = ({ shared }: { readonly shared: Shared }) =>
        shared[failure.kind] === failure.name;
      const servers = subject.servers.filter(isIn).map(({ name }) => name);
      return { disks: disksOf(subject.nodes.filter(isIn)), servers: new Set(servers) };
    }
  }
}

type Judged = Pick<VolumeEffect, 'effect' | 'isCertain'>;

function effectOn(
  volume: PlanVolume,
  failure: Failure,
  hit: Reach,
  nodes: readonly PlanNode[],
): Judged {
  const { placement, disks, server = '' } = volume.tier;
  const untouched: Judged = { effect: { kind: 'untouched' }, isCertain: true };
  switch (placement) {
    case 'placed':
      if (volume.disk === undefined || !hit.disks.has(volume.disk)) return untouched;
      return { effect: lastCopy(volume, failure, hit), isCertain: true };
    case 'first-pod': {
      const there = disks.filter((disk) => hit.disks.has(disk));
      if (there.length === 0) return untouched;
      const isCertain = there.length === disks.length;
      return { effect: lastCopy(volume, failure, hit), isCertain };
    }
    case 'server': {
      if (hit.servers.has(server))
        return { effect: serverGone(volume, failure, hit), isCertain: true };
      // Pods behind the dead switch wait for a server that others still reach.
      const isBehind = failure.kind === 'switch' && hit.disks.size > 0;
      return isBehind ? { effect: { kind: 'stops' }, isCertain: false } : untouched;
    }
    case 'spread':
      return spreadEffect(volume, failure, hit, nodes);
  }
}

/** The one copy, or all copies, are out of reach. */
function lastCopy(volume: PlanVolume, failure: Failure, hit: Reach): Effect {
  switch (failure.kind) {
    case 'disk':
    case 'shelf':
    case 'site':
      return lost(volume, failure, hit);
    case 'switch':
      return { kind: 'cut-off' };
    case 'node':
    case 'circuit':
    case 'server':
      return { kind: 'stops' };
  }
}

function serverGone(volume: PlanVolume, failure: Failure, hit: Reach): Effect {
  if (failure.kind === 'site' || failure.kind === 'shelf') return lost(volume, failure, hit);
  return { kind: 'stops' };
}

/** Each copy is in another domain: on another circuit, where the tier spreads over circuits. */
function spreadEffect(
  volume: PlanVolume,
  failure: Failure,
  hit: Reach,
  nodes: readonly PlanNode[],
): Judged {
  const { copies, disks, spread } = volume.tier;
  const domainOf = (node: string) =>
    spread === 'node' ? node : nodes.find(({ name }) => name === node)?.shared[spread];
  const hitNodes = new Set(disks.filter((disk) => hit.disks.has(disk)).map(({ node }) => node));
  const domains = (of: readonly PlanDisk[]) => new Set(of.map(({ node }) => domainOf(node))).size;
  const most = Math.min(copies, domains(disks.filter(({ node }) => hitNodes.has(node))));
  const least = Math.max(0, copies - domains(disks.filter(({ node }) => !hitNodes.has(node))));
  if (most === 0) return { effect: { kind: 'untouched' }, isCertain: true };
  const isCertain = least === most;
  const copiesLeft = copies - most;
  if (copiesLeft > 0) return { effect: { kind: 'runs-on', copiesLeft }, isCertain };
  // Copies that cannot reach each other may not be written, also where a pod is beside one.
  if (failure.kind === 'switch') return { effect: { kind: 'stops' }, isCertain };
  return { effect: lastCopy(volume, failure, hit), isCertain };
}

/** Lost, and the first backup that the same failure does not take: a sure one, if there is one. */
function lost(volume: PlanVolume, failure: Failure, hit: Reach): Effect {
  const left = volume.backups.filter((backup) => !isTaken(backup, failure, hit));
  const isSure = ({ place }: PlanBackup) =>
    failure.kind !== 'site' || 'path' in place || place.isOffSite === true;
  const from = left.find(isSure) ?? left[0];
  return { kind: 'lost', from, isSure: from === undefined || isSure(from) };
}

/** Whether the failure takes a backup along, for a while or for ever. */
function isTaken({ place }: PlanBackup, failure: Failure, hit: Reach): boolean {
  if ('path' in place) return hit.disks.has(place);
  if (place.server !== undefined && hit.servers.has(place.server)) return true;
  return failure.kind === 'site' && place.isOffSite === false;
}
