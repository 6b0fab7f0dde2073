/** What people are told when a status changes: one Event for each change that matters. */
import type { StorageNodeObject, VolumeObject, VolumeStatus } from './objects.ts';
import type { Repair } from './repair.ts';

export interface Happening {
  readonly kind: 'Volume' | 'StorageNode';
  readonly name: string;
  readonly uid: string;
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase; people filter by it. */
  readonly reason: string;
  /** What is so, and what to do next. */
  readonly message: string;
}

const reasonOf: Readonly<Record<Repair['kind'], string>> = {
  rest: '',
  add: 'CopyAdded',
  remove: 'CopyRemoved',
  retire: 'CopyLeaves',
  move: 'CopyMoves',
  tend: '',
  unplace: 'PlacedAnew',
};

/** Of a step that was carried out; undefined for one that nobody has to know of. */
export function happeningOfRepair(volume: VolumeObject, repair: Repair): Happening | undefined {
  const reason = reasonOf[repair.kind];
  if (reason === '' || repair.note === '') return undefined;
  return about(volume, { type: 'Normal', reason, message: repair.note });
}

/** Of a change from one status to the next. */
export function happeningsOf(
  volume: VolumeObject,
  before: VolumeStatus,
  after: VolumeStatus,
): readonly Happening[] {
  const told: Happening[] = [];
  const { safety, message, copies } = after;
  if (safety !== before.safety) {
    if (safety === 'Degraded' || safety === 'Unreachable') {
      told.push(about(volume, { type: 'Warning', reason: safety, message }));
    }
    if (safety === 'Safe') {
      const words = `Every copy is in sync and can be reached (${copies}).`;
      told.push(about(volume, { type: 'Normal', reason: 'Safe', message: words }));
    }
  } else if (safety === 'Creating' && message !== before.message && after.record === undefined) {
    told.push(about(volume, { type: 'Warning', reason: 'CannotBePlaced', message }));
  }
  return told;
}

/**
 * Of what engines wrote into the conditions since somebody looked last.
 *
 * @param known times of conditions that were told of already, by type
 */
export function happeningsOfEngine(
  volume: VolumeObject,
  known: ReadonlyMap<string, string>,
): readonly Happening[] {
  return volume.status.conditions
    .filter(
      ({ type, status }) => (type === 'DataLost' && status === 'True') || isDamage(type, status),
    )
    .filter(({ type, lastTransitionTime }) => known.get(type) !== lastTransitionTime)
    .map(({ reason, message }) => about(volume, { type: 'Warning', reason, message }));
}

export function happeningOfNode(
  node: StorageNodeObject,
  before: StorageNodeObject['status']['health'],
  after: StorageNodeObject['status'],
): Happening | undefined {
  const { health, message } = after;
  if (health === before) return undefined;
  const { name, uid } = node.metadata;
  const whom = { kind: 'StorageNode', name, uid } as const;
  if (health === 'Ready') {
    return { ...whom, type: 'Normal', reason: 'Ready', message: 'It serves its copies.' };
  }
  const reason = health === 'Unknown' ? 'NotHeardOf' : 'Attention';
  return { ...whom, type: 'Warning', reason, message };
}

function isDamage(type: string, status: string): boolean {
  return type === 'Intact' && status === 'False';
}

function about(
  { metadata: { name, uid } }: VolumeObject,
  what: Pick<Happening, 'type' | 'reason' | 'message'>,
): Happening {
  return { kind: 'Volume', name, uid, ...what };
}
