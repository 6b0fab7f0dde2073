/**
 * `larder drain NODE`: empties a storage node. The node is marked, the controller makes its copies
 * elsewhere and lets them go one after the other; this only follows, and may be stopped and run
 * again at any time. A copy never leaves before another holds everything.
 */
import { sizeWords } from '../components/plan/words.ts';
import { Fault } from '../dataplane/base/fault.ts';
import type { VolumeObject } from '../dataplane/control/objects.ts';
import { place } from '../dataplane/control/placement.ts';
import type { Clock } from '../dataplane/ports/clock.ts';
import type { ClusterView } from './cluster-view.ts';
import { exitCode, type Outcome } from './outcome.ts';
import { claimOf, copiesOf, nodeNamed, readShelf, type Shelf } from './shelf.ts';
import { counted, sentence } from './words.ts';

const lookMs = 2_000;

/** A volume with a copy on the node. */
export interface Move {
  readonly volume: string;
  readonly sizeBytes: number;
  /** Where the copy is expected to go; empty where it cannot go anywhere, or need not. */
  readonly to: string;
  /** Why it stays, and what to do; empty when nothing is in the way. */
  readonly obstacle: string;
}

/** What draining this node would do, judged by what is known now. */
export function movesOf(node: string, shelf: Shelf): readonly Move[] {
  const nodes = shelf.nodes.map((each) =>
    each.metadata.name === node ? { ...each, spec: { ...each.spec, evacuate: true } } : each,
  );
  return shelf.volumes
    .filter(({ status }) => status.places.some((at) => at.node === node))
    .map((volume) => {
      const claim = claimOf(volume, shelf);
      const { sizeBytes } = volume.spec;
      const name = claim === '' ? volume.metadata.name : claim;
      // What waits to be deleted is nobody's copy any more.
      const kept = volume.status.places.filter((at) => at.node !== node && !at.erase);
      if (kept.length >= volume.spec.copies) {
        return { volume: name, sizeBytes, to: '', obstacle: '' };
      }
      const wish = { ...volume.spec, copies: kept.length + 1 };
      const found = place(wish, nodes, shelf.volumes, kept);
      if (found.kind === 'impossible') {
        const obstacle = `no place for its copy: ${found.why}. Add a disk or a node`;
        return { volume: name, sizeBytes, to: '', obstacle };
      }
      return { volume: name, sizeBytes, to: found.spots[0]?.node ?? '', obstacle: '' };
    });
}

/** What a person is told before it begins. */
export function explainDrain(node: string, moves: readonly Move[]): string[] {
  if (moves.length === 0) {
    return [`${node} holds no copy. It is marked, so that none comes.`];
  }
  const bytes = moves.reduce((sum, { to, sizeBytes }) => sum + (to === '' ? 0 : sizeBytes), 0);
  const blocked = moves.filter(({ obstacle }) => obstacle !== '');
  return [
    `${node} holds ${moves.length === 1 ? 'a copy' : 'copies'} of ${counted(moves.length, 'volume')}. Each is made elsewhere before it leaves; up to ${sizeWords(bytes)} are copied.`,
    ...moves.map(({ volume, sizeBytes, to, obstacle }) => {
      const where = to === '' ? 'enough copies are elsewhere already' : `to ${to}`;
      return `  ${volume}  ${sizeWords(sizeBytes)}  ${obstacle === '' ? where : sentence(obstacle)}`;
    }),
    ...(blocked.length === 0
      ? []
      : [`${counted(blocked.length, 'volume')} cannot leave ${node} as things are.`]),
    'Pods stay where they are: kubectl drain moves those.',
  ];
}

export interface DrainPorts {
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Marks the node, or takes the mark away. */
export async function mark(view: ClusterView, node: string, evacuate: boolean): Promise<void> {
  const outcome = await view.markEvacuated(node, evacuate);
  if (outcome.kind === 'written') return;
  const why = outcome.kind === 'refused' ? outcome.message : 'the API server did not say';
  throw new Fault('cluster.unreachable', `The mark on ${node} could not be changed: ${why}`, {
    hint: 'Run the same command again; refused means that this user may not change StorageNodes.',
  });
}

/** Says what happens until the node is empty; ends early, and gladly, when interrupted. */
export async function follow(node: string, ports: DrainPorts): Promise<Outcome> {
  const { view, say, clock, signal } = ports;
  const said = new Map<string, string>();
  const begunMs = clock.nowMs();
  for (;;) {
    const shelf = await readShelf(view);
    if (!nodeNamed(node, shelf).spec.evacuate) {
      return ended(node, shelf, [`Somebody took the mark off ${node}: it is not being emptied.`]);
    }
    const here = shelf.volumes.filter(({ status }) => status.places.some((at) => at.node === node));
    for (const [name, words] of here.map((volume) => stageOf(volume, node, shelf))) {
      if (said.get(name) !== words) say(`${name}: ${words}`);
      said.set(name, words);
    }
    for (const name of said.keys()) {
      if (here.some((volume) => nameOf(volume, shelf) === name)) continue;
      said.delete(name);
      say(`${name}: has left ${node}`);
    }
    if (here.length === 0) {
      const seconds = ((clock.nowMs() - begunMs) / 1000).toFixed(0);
      return ended(node, shelf, [
        `${node} is empty after ${seconds} s. It may be switched off, or leave the inventory.`,
        `It takes no new copies until: npm run larder -- drain ${node} --undo`,
      ]);
    }
    await pause(clock, lookMs, signal);
    if (signal.aborted) {
      const left = counted(here.length, 'volume');
      return {
        ...ended(node, shelf, [
          `${left} still on ${node}. The controller goes on without this command.`,
          `  to follow again  npm run larder -- drain ${node}`,
          `  to stop it       npm run larder -- drain ${node} --undo`,
        ]),
        code: exitCode.interrupted,
      };
    }
  }
}

function ended(node: string, shelf: Shelf, lines: readonly string[]): Outcome {
  const moves = movesOf(node, shelf);
  return {
    facts: { cluster: shelf.cluster, node, empty: moves.length === 0, left: moves },
    lines,
    code: moves.length === 0 ? exitCode.well : exitCode.attention,
  };
}

function nameOf(volume: VolumeObject, shelf: Shelf): string {
  const claim = claimOf(volume, shelf);
  return claim === '' ? volume.metadata.name : claim;
}

/** The volume's name, and what happens to its copy here. */
function stageOf(volume: VolumeObject, node: string, shelf: Shelf): readonly [string, string] {
  const { status } = volume;
  const elsewhere = copiesOf(volume, shelf).filter((copy) => copy.node !== node);
  const filling = elsewhere.filter(({ state }) => state === 'being filled');
  const message = status.message === '' ? '' : `; ${sentence(status.message)}`;
  const words =
    filling.length > 0
      ? `is being copied to ${filling.map((copy) => copy.node).join(', ')}`
      : `waits${message}`;
  return [nameOf(volume, shelf), words];
}

async function pause(clock: Clock, forMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = clock.after(forMs, resolve);
    signal.addEventListener(
      'abort',
      () => {
        timer[Symbol.dispose]();
        resolve();
      },
      { once: true },
    );
  });
}
