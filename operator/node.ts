/** `larder node [NAME]`: one storage node explained, or all of them in a table. */
import { sizeWords } from '../components/plan/words.ts';
import { leftOn } from '../dataplane/control/placement.ts';
import { exitCode, type Outcome } from './outcome.ts';
import { claimOf, copiesOf, nodeNamed, type Shelf } from './shelf.ts';
import { nodeFacts, nodeTable } from './status.ts';
import { sentence, table } from './words.ts';

export function nodesOf(shelf: Shelf): Outcome {
  const nodes = shelf.nodes.map((node) => nodeFacts(node, shelf));
  const lines = nodes.length === 0 ? ['There is no storage node yet.'] : nodeTable(nodes);
  return { facts: { cluster: shelf.cluster, nodes }, lines, code: exitCode.well };
}

export function nodeOf(name: string, shelf: Shelf): Outcome {
  const node = nodeNamed(name, shelf);
  const { spec, status } = node;
  const facts = nodeFacts(node, shelf);
  const disks = spec.disks.map((disk) => {
    const state = status.disks.find((each) => each.name === disk.name);
    return {
      ...disk,
      capacityBytes: state?.capacityBytes ?? 0,
      freeBytes: state?.freeBytes ?? 0,
      leftBytes: leftOn(node, disk.name, shelf.volumes),
      problem: state?.problem ?? 'the node has not reported it yet',
    };
  });
  const copies = shelf.volumes.flatMap((volume) =>
    copiesOf(volume, shelf)
      .filter((copy) => copy.node === name)
      .map((copy) => ({
        volume: volume.metadata.name,
        claim: claimOf(volume, shelf),
        disk: copy.place?.disk ?? '',
        state: copy.state,
        safety: volume.status.safety,
      })),
  );
  return {
    facts: {
      cluster: shelf.cluster,
      ...facts,
      address: status.address,
      disks,
      members: copies,
      conditions: status.conditions,
    },
    lines: [
      sentence(
        `Node ${name}: ${status.health}${status.message === '' ? '' : `, ${status.message}`}`,
      ),
      sentence(`  ${takes(facts)}`),
      sentence(`  Volumes are attached here by ${status.attach}: ${status.attachReason}`),
      ...status.conditions.map(({ type, message }) => sentence(`  ${type}: ${message}`)),
      '',
      ...table(
        ['disk', 'mounted at', 'tiers', 'size', 'free', 'may be promised', 'problem'],
        disks.map((disk) => [
          disk.name,
          disk.path,
          disk.tags.join(', '),
          ...[disk.capacityBytes, disk.freeBytes, Math.max(0, disk.leftBytes)].map(sizeWords),
          disk.problem,
        ]),
      ),
      '',
      ...(copies.length === 0
        ? ['  No copy lies here.']
        : table(
            ['copy of', 'disk', 'state', 'the volume is'],
            copies.map(({ volume, claim, disk, state, safety }) => [
              claim === '' ? volume : claim,
              disk,
              state,
              safety,
            ]),
          )),
    ],
    code: status.health === 'Ready' ? exitCode.well : exitCode.attention,
  };
}

function takes({ evacuating, takesNew, copies, name }: ReturnType<typeof nodeFacts>): string {
  if (evacuating) {
    return copies === 0
      ? `It is empty and takes no new copies; npm run larder -- drain ${name} --undo ends that`
      : 'It is being emptied: its copies are made elsewhere before they leave';
  }
  return takesNew ? 'It takes new copies' : 'It keeps its copies and takes no new ones';
}
