/** What a volume's status becomes by a step of its repair (repair.ts). */
import type { MemberRecord } from '../volume/record.ts';
import { addressOf } from './birth.ts';
import type { StorageNodeObject, VolumeObject, VolumeStatus } from './objects.ts';
import type { Repair } from './repair.ts';

/**
 * Undefined when nothing is to be done.
 *
 * @param token never used before
 */
export function repaired(
  volume: VolumeObject,
  repair: Repair,
  nodes: readonly StorageNodeObject[],
  token: string,
): VolumeStatus | undefined {
  const { status } = volume;
  const { record, places } = status;
  if (repair.kind === 'tend') return { ...status, tendedBy: repair.node };
  if (record === undefined || repair.kind === 'rest') return undefined;
  if (repair.kind === 'remove') {
    const gone = new Set(repair.members);
    const erased = new Set(repair.erase);
    return {
      ...status,
      record: { ...record, members: record.members.filter(({ id }) => !gone.has(id)) },
      places: places
        .filter(({ member }) => !gone.has(member) || erased.has(member))
        .map((at) => (erased.has(at.member) ? { ...at, erase: true, problem: '' } : at)),
    };
  }
  if (repair.kind === 'unplace') {
    const { record: _never, ...rest } = status;
    return { ...rest, places: places.map((at) => ({ ...at, erase: true, problem: '' })) };
  }
  if (repair.kind === 'move') {
    return {
      ...status,
      places: places.map((at) => ({ ...at, leave: at.member === repair.member })),
    };
  }
  if (repair.kind === 'retire') {
    const asked = new Set(repair.members);
    const members = record.members.map(({ retiring: _before, ...member }) =>
      asked.has(member.id) ? { ...member, retiring: true } : member,
    );
    return { ...status, record: { ...record, members } };
  }
  // Never a name that was used before: a store that bears it may lie on a disk that comes back.
  const id = `m-${token.slice(0, 12)}`;
  const address = addressOf(repair.spot.node, nodes);
  const member: MemberRecord = { id, address, inSync: false, departedAt: 0 };
  return {
    ...status,
    record: { ...record, members: [...record.members, member] },
    places: [
      ...places,
      { member: id, ...repair.spot, made: false, leave: false, erase: false, problem: '' },
    ],
  };
}
