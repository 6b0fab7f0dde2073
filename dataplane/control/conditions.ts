/** Conditions of volumes and storage nodes: what is so, in words, with the next step. */
import { copiesOf, type Shelf } from './copies.ts';
import type { Condition, StorageNodeObject, StorageNodeStatus, VolumeStatus } from './objects.ts';

type Said = Omit<Condition, 'lastTransitionTime'>;

/**
 * Lays what is said now over what was said before; conditions that others write stay.
 *
 * @param gone types that do not apply any more
 * @param now the wall clock as text, for people
 */
export function laidOver(
  before: readonly Condition[],
  said: readonly Said[],
  now: string,
  gone: readonly string[] = [],
): Condition[] {
  const others = before.filter(
    ({ type }) => !gone.includes(type) && !said.some((each) => each.type === type),
  );
  const ours = said.map((each) => {
    const same = before.find(({ type, status }) => type === each.type && status === each.status);
    return { ...each, lastTransitionTime: same?.lastTransitionTime ?? now };
  });
  return [...ours, ...others];
}

const safe: Readonly<Record<VolumeStatus['safety'], Condition['status']>> = {
  Safe: 'True',
  Degraded: 'False',
  Unreachable: 'False',
  Creating: 'Unknown',
  Deleting: 'Unknown',
};

/** @param note what is being done about the copies; empty when nothing is */
export function volumeConditions(
  status: Pick<VolumeStatus, 'safety' | 'message'>,
  note: string,
): readonly Said[] {
  const { safety, message } = status;
  return [
    {
      type: 'Safe',
      status: safe[safety],
      reason: safety,
      message: message === '' ? 'Every copy is in sync and can be reached.' : message,
    },
    {
      type: 'Settled',
      status: note === '' ? 'True' : 'False',
      reason: note === '' ? 'NothingToDo' : 'CopiesChange',
      message: note === '' ? 'No copy is made, moved or waited for.' : note,
    },
  ];
}

const volumesShown = 3;

/** The status with what people ask of a node: may I switch it off, is it empty? */
export function toldOfNode(
  node: StorageNodeObject,
  status: StorageNodeStatus,
  shelf: Shelf,
  now: string,
): StorageNodeStatus {
  const here = shelf.volumes.filter((volume) =>
    volume.status.places.some((at) => at.node === node.metadata.name),
  );
  const shared = sharedDisks(node, status, shelf);
  const said = [safeToStop(node, status, shelf), ...emptied(node, here.length), ...shared];
  const gone = [
    ...(node.spec.evacuate ? [] : ['Emptied']),
    ...(shared.length > 0 ? [] : ['DiskShared']),
  ];
  return {
    ...status,
    copies: here.length,
    conditions: laidOver(status.conditions, said, now, gone),
  };
}

function safeToStop(
  { metadata: { name } }: StorageNodeObject,
  { health }: StorageNodeStatus,
  shelf: Shelf,
): Said {
  const type = 'SafeToStop';
  if (health === 'Unknown') {
    const message = 'It is not heard of; whatever it holds is not counted on.';
    return { type, status: 'Unknown', reason: 'NotHeardOf', message };
  }
  const alone = shelf.volumes.filter((volume) => {
    const good = copiesOf(volume, shelf).filter(({ inSync, trouble }) => inSync && trouble === '');
    return good.length > 0 && good.every((copy) => copy.node === name);
  });
  if (alone.length === 0) {
    const message = 'Every volume with a copy here has a good one on another node too.';
    return { type, status: 'True', reason: 'OthersHoldEverything', message };
  }
  const which = named(alone.map(({ metadata }) => metadata.name));
  const message = `The only good copy is here of ${which}. Wait until others are in sync, or empty the node first: npm run larder -- drain ${name}`;
  return { type, status: 'False', reason: 'OnlyCopy', message };
}

function emptied({ spec }: StorageNodeObject, copies: number): readonly Said[] {
  if (!spec.evacuate) return [];
  const type = 'Emptied';
  if (copies === 0) {
    const message = 'It holds no copy and takes none: it may be switched off or leave for good.';
    return [{ type, status: 'True', reason: 'NoCopies', message }];
  }
  const what = copies === 1 ? 'A copy is' : `${copies} copies are`;
  const message = `${what} still here; each leaves when it is in sync elsewhere, and its volume says what it waits for.`;
  return [{ type, status: 'False', reason: 'CopiesLeft', message }];
}

/** One disk that two nodes see at once: whatever writes it from both sides destroys it. */
function sharedDisks(
  { metadata }: StorageNodeObject,
  status: StorageNodeStatus,
  { nodes }: Shelf,
): readonly Said[] {
  const found = status.disks.flatMap(({ name, id, problem }) =>
    nodes
      .filter((other) => other.metadata.name !== metadata.name && id !== '' && problem === '')
      .filter((other) => other.status.health !== 'Unknown')
      .filter((other) => other.status.disks.some((one) => one.id === id && one.problem === ''))
      .map((other) => `disk ${name} is the one that ${other.metadata.name} has too`),
  );
  if (found.length === 0) return [];
  const message = `${found.join('; ')}: take it away from one of them before both write to it.`;
  return [{ type: 'DiskShared', status: 'True', reason: 'SeenTwice', message }];
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, volumesShown).join(', ');
  return names.length > volumesShown ? `${shown} and ${names.length - volumesShown} more` : shown;
}
