/**
 * `larder recover VOLUME`: what can be done for a volume that does not come back by itself, from
 * the choice that loses nothing to the last resort, and what each would cost.
 *
 * It does one thing itself, when asked to with `--node-is-off`: it tells Kubernetes that the node
 * that uses the volume is off. It never makes a copy count that the record does not count (I-09):
 * whoever wants the bytes of such a copy takes them out and decides about them.
 */
import { Fault } from '../dataplane/base/fault.ts';
import type { VolumeObject } from '../dataplane/control/objects.ts';
import { exitCode, type Outcome } from './outcome.ts';
import { type Copy, copiesOf, isHeard, type Shelf, volumeNamed } from './shelf.ts';
import { volumeFacts } from './status.ts';
import { titleOf, whereOf } from './volume.ts';
import { sentence } from './words.ts';

/** One way on. */
interface Choice {
  readonly title: string;
  /** What is lost by it; empty: nothing. */
  readonly costs: string;
  readonly steps: readonly string[];
}

interface Recovery {
  readonly found: string;
  readonly choices: readonly Choice[];
}

export function recoverOf(name: string, shelf: Shelf): Outcome {
  const volume = volumeNamed(name, shelf);
  const facts = volumeFacts(volume, shelf);
  const { found, choices } = recoveryOf(volume, shelf);
  return {
    facts: { cluster: shelf.cluster, ...facts, found, choices },
    lines: [
      titleOf(facts),
      `  ${found}`,
      ...choices.flatMap(({ title, costs, steps }, index) => [
        '',
        `  ${index + 1}. ${title}`,
        `     costs  ${costs === '' ? 'nothing' : costs}`,
        ...steps.map((step, at) => `     ${at === 0 ? 'to do ' : '      '} ${step}`),
      ]),
    ],
    code: choices.length === 0 ? exitCode.well : exitCode.attention,
  };
}

/** The choices in the order in which they are to be tried. */
function recoveryOf(volume: VolumeObject, shelf: Shelf): Recovery {
  const { metadata, status } = volume;
  if (metadata.deletionTimestamp !== undefined) {
    return { found: sentence(`It is being deleted: ${status.message}`), choices: [] };
  }
  if (status.record === undefined || status.record.epoch === 0) {
    const why = status.message === '' ? 'it waits for its copies to be made' : status.message;
    return { found: `Nothing was ever written to it: ${sentence(why)}`, choices: [] };
  }
  if (status.record.doubt !== '') {
    return {
      found: `A copy knows more than the record: ${sentence(status.record.doubt)} Nobody opens it until a person has looked.`,
      choices: [lookAtRecord],
    };
  }
  const copies = copiesOf(volume, shelf);
  const good = copies.filter(({ state }) => state === 'in sync');
  const reachable = good.filter((copy) => copy.heard && (copy.place?.problem ?? '') === '');
  const stuck = stuckOn(volume, shelf);
  if (reachable.length === 0) {
    return {
      found: `No copy that holds everything can be reached: ${good.map(why).join('; ')}.`,
      choices: [bringBack(good), ...rescue(good, volume, shelf), ...stale(copies, volume, shelf)],
    };
  }
  if (stuck !== '') {
    return {
      found: `Its data are there, but ${stuck}, where it is used, is not heard of.`,
      choices: [waitOrTell(stuck, metadata.name)],
    };
  }
  if (status.safety === 'Safe') return { found: 'There is nothing to recover.', choices: [] };
  const next = status.message === '' ? 'missing copies are made again' : status.message;
  return { found: sentence(`It works, and goes on by itself: ${next}`), choices: [] };
}

/** The node that uses it and is not heard of; else empty. */
function stuckOn({ status }: VolumeObject, shelf: Shelf): string {
  const at = status.attachedTo;
  if (at === '') return '';
  const node = shelf.clusterNodes.find(({ name }) => name === at);
  return isHeard(at, shelf) || node?.ready === true ? '' : at;
}

/** Who may be told to be off; throws `input.invalid` when there is nobody. */
export function nodeToTell(name: string, shelf: Shelf): string {
  const volume = volumeNamed(name, shelf);
  const node = stuckOn(volume, shelf);
  if (node !== '') return node;
  const at = volume.status.attachedTo;
  throw new Fault(
    'input.invalid',
    at === '' ? `${name} is used on no node.` : `${at}, where ${name} is used, is heard of.`,
    { hint: 'A node that runs is drained (kubectl drain), never called off.' },
  );
}

const lookAtRecord: Choice = {
  title: 'Find out what put the record back: a restored datastore, or an edit',
  costs: '',
  steps: ['docs/runbooks/rolled-back.md leads through it; a newer datastore loses nothing.'],
};

function why({ node, heard, place }: Copy): string {
  if (!heard) return `${node} is not heard of`;
  return `${node}: ${place?.problem ?? 'nobody knows where it lies'}`;
}

function bringBack(good: readonly Copy[]): Choice {
  const nodes = good.map(({ node }) => node);
  const any = nodes.length > 1 ? `any one of ${nodes.join(', ')}` : (nodes[0] ?? 'its node');
  return {
    title: `Bring back ${any}, with its disk`,
    costs: '',
    steps: ['Power, network, mount: the volume goes on by itself as soon as the copy is there.'],
  };
}

/** The machine is gone, its disk is not. */
function rescue(good: readonly Copy[], volume: VolumeObject, shelf: Shelf): Choice[] {
  return good.map((copy) => ({
    title: `Read the disk of ${copy.node} in another machine`,
    costs: '',
    steps: [
      'node dataplane/main/larder-nbd.ts verify|export <the folder below, where it is mounted now>',
      whereOf(copy, shelf, volume.metadata.name),
      'docs/runbooks/everything-else-is-gone.md leads through it, into a new volume.',
    ],
  }));
}

function stale(copies: readonly Copy[], volume: VolumeObject, shelf: Shelf): Choice[] {
  const restore: Choice = {
    title: 'Restore the newest backup into a new volume',
    costs: 'what was written since that backup',
    steps: ['docs/getting-started.md; npm run plan says which backups there are.'],
  };
  const behind = copies
    .filter(({ state, heard }) => state === 'behind' && heard)
    .toSorted((a, b) => b.departedAt - a.departedAt);
  const last = behind.map((copy) => ({
    title: `Last resort: take the older bytes of ${copy.node} out`,
    costs: `everything written since it left the volume (at departure ${copy.departedAt} of ${volume.status.record?.generation ?? 0}), as if it had never been, flushed or not`,
    steps: [
      `On ${copy.node}: node dataplane/main/larder-nbd.ts export <the folder below> <image on another disk>`,
      whereOf(copy, shelf, volume.metadata.name),
      'Into a new volume, never this one: no command makes an older copy count here (docs/invariants.md, I-09).',
    ],
  }));
  return [restore, ...last];
}

function waitOrTell(node: string, volume: string): Choice {
  return {
    title: `Let its pod move away from ${node}`,
    costs: `what pods on ${node} had in memory. If ${node} runs all the same, its engine is refused from the moment the next one opens`,
    steps: [
      `${node} comes back: nothing to do.`,
      `${node} is off for sure: npm run larder -- recover ${volume} --node-is-off`,
      'Otherwise the controller moves it once Kubernetes has given the pod up (after five minutes, by its tolerations), unless the pod uses storage of others as well.',
    ],
  };
}
