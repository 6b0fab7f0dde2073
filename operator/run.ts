/** One command from its arguments to its outcome, over a cluster that is given. */
import { Fault } from '../dataplane/base/fault.ts';
import type { Clock } from '../dataplane/ports/clock.ts';
import type { Wanted } from './arguments.ts';
import type { ClusterView } from './cluster-view.ts';
import { examine } from './doctor.ts';
import { explainDrain, follow, mark, movesOf } from './drain.ts';
import { nodeOf, nodesOf } from './node.ts';
import { exitCode, type Outcome } from './outcome.ts';
import { nodeToTell, recoverOf } from './recover.ts';
import { nodeNamed, readShelf } from './shelf.ts';
import { statusOf } from './status.ts';
import { volumeOf, volumesOf } from './volume.ts';

/** The person at the keyboard, or whoever stands in. */
export interface Person {
  /** Progress and explanations, as they come. */
  say(line: string): void;
  /** True: go on. Nobody there: `undefined`. */
  ask(question: string): Promise<boolean | undefined>;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

export async function run(
  wanted: Wanted,
  ports: { readonly view: ClusterView; readonly clock: Clock; readonly person: Person },
): Promise<Outcome> {
  const { view } = ports;
  const { command, name } = wanted;
  switch (command) {
    case 'status':
      return statusOf(await readShelf(view));
    case 'volume':
      return name === '' ? volumesOf(await readShelf(view)) : volumeOf(name, await readShelf(view));
    case 'node':
      return name === '' ? nodesOf(await readShelf(view)) : nodeOf(name, await readShelf(view));
    case 'doctor':
      return examine(view);
    case 'drain':
      return drain(wanted, ports);
    case 'recover':
      return recover(wanted, ports);
  }
}

async function drain(
  { name, undo, wait, yes }: Wanted,
  { view, clock, person }: Parameters<typeof run>[1],
): Promise<Outcome> {
  const shelf = await readShelf(view);
  const { evacuate } = nodeNamed(name, shelf).spec;
  const { cluster } = shelf;
  if (undo) {
    if (evacuate) await mark(view, name, false);
    const line = evacuate
      ? `${name} is emptied no more: copies that are still there stay, and new ones may come.`
      : `${name} is not being emptied.`;
    return {
      facts: { cluster, node: name, evacuating: false },
      lines: [line],
      code: exitCode.well,
    };
  }
  if (!evacuate) {
    for (const line of explainDrain(name, movesOf(name, shelf))) person.say(line);
    if (!(await agreed(`Empty ${name}?`, yes, person))) return declined(cluster);
    await mark(view, name, true);
  }
  if (wait) {
    const say = (line: string) => {
      person.say(line);
    };
    return follow(name, { view, clock, say, signal: person.signal });
  }
  const line = `${name} is marked; the controller empties it. To follow: npm run larder -- drain ${name}`;
  return { facts: { cluster, node: name, evacuating: true }, lines: [line], code: exitCode.well };
}

async function recover(
  { name, nodeIsOff, yes }: Wanted,
  { view, person }: Parameters<typeof run>[1],
): Promise<Outcome> {
  const shelf = await readShelf(view);
  if (!nodeIsOff) return recoverOf(name, shelf);
  const node = nodeToTell(name, shelf);
  const used = shelf.volumes.filter(({ status }) => status.attachedTo === node).length;
  person.say(
    `${node} gets the taint out-of-service: its pods are deleted, and the ${used === 1 ? 'volume' : `${used} volumes`} used there may be used elsewhere.`,
  );
  person.say(
    'Replicated volumes are safe even if it still runs; volumes of other drivers are not. Look at the machine first.',
  );
  if (!(await agreed(`Is ${node} off?`, yes, person))) return declined(shelf.cluster);
  const outcome = await view.markOutOfService(node);
  if (outcome.kind !== 'written') {
    const why = outcome.kind === 'refused' ? outcome.message : 'somebody changed the node just now';
    throw new Fault('cluster.unreachable', `${node} could not be marked: ${why}`, {
      hint: 'Run the same command again.',
    });
  }
  return {
    facts: { cluster: shelf.cluster, node, outOfService: true },
    lines: [
      `${node} counts as off. Its volumes move within seconds: npm run larder -- status`,
      `When it is back: kubectl taint nodes ${node} node.kubernetes.io/out-of-service-`,
    ],
    code: exitCode.well,
  };
}

async function agreed(question: string, yes: boolean, person: Person): Promise<boolean> {
  if (yes) return true;
  const answer = await person.ask(question);
  if (answer !== undefined) return answer;
  throw new Fault('input.invalid', 'Nobody is there to be asked: this is no terminal.', {
    hint: 'Add --yes once you know what it does.',
  });
}

function declined(cluster: string): Outcome {
  return {
    facts: { cluster, done: false },
    lines: ['Nothing was changed.'],
    code: exitCode.failed,
  };
}
