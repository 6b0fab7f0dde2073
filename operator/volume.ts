/** `larder volume [NAME]`: one volume explained, or all of them in a table. */
import { sizeWords } from '../components/plan/words.ts';
import type { VolumeObject } from '../dataplane/control/objects.ts';
import { exitCode, type Outcome } from './outcome.ts';
import { type Copy, copiesOf, nodeOfName, type Shelf, volumeNamed } from './shelf.ts';
import { type VolumeFacts, volumeFacts, volumeTable } from './status.ts';
import { counted, sentence, table } from './words.ts';

export function volumesOf(shelf: Shelf): Outcome {
  const volumes = shelf.volumes.map((volume) => volumeFacts(volume, shelf));
  const lines = volumes.length === 0 ? ['There is no volume yet.'] : volumeTable(volumes);
  return { facts: { cluster: shelf.cluster, volumes }, lines, code: exitCode.well };
}

export function volumeOf(name: string, shelf: Shelf): Outcome {
  const volume = volumeNamed(name, shelf);
  const facts = volumeFacts(volume, shelf);
  const copies = copiesOf(volume, shelf);
  const shown = copies.map((copy) => ({ ...copy, where: whereOf(copy, shelf) }));
  return {
    facts: {
      cluster: shelf.cluster,
      ...facts,
      members: shown,
      conditions: volume.status.conditions,
    },
    lines: [
      titleOf(facts),
      sentence(`  ${facts.safety}${facts.message === '' ? '' : `: ${facts.message}`}`),
      `  ${contentOf(volume)}; ${usedBy(facts)}.`,
      ...(copies.length === 0 ? [] : ['', ...copyTable(copies, shelf)]),
      ...problems(copies),
      ...conditions(volume),
      ...(facts.safety === 'Unreachable'
        ? ['', `Next: npm run larder -- recover ${facts.claim === '' ? facts.name : facts.claim}`]
        : []),
    ],
    code: facts.safety === 'Safe' ? exitCode.well : exitCode.attention,
  };
}

export function titleOf({ name, claim, copies, sizeBytes }: VolumeFacts): string {
  const who = claim === '' ? name : `${claim} (${name})`;
  return `Volume ${who}: ${sizeWords(sizeBytes)}, ${copies === '' ? 'no' : copies} copies in sync`;
}

/** Folder of the copy on its node, where a person can find it. */
export function whereOf({ place, member }: Copy, shelf: Shelf, volume = ''): string {
  if (place === undefined) return '';
  const disk = nodeOfName(place.node, shelf)?.spec.disks.find(({ name }) => name === place.disk);
  const path = disk?.path ?? `the disk ${place.disk}`;
  return volume === '' ? path : `${path}/larder/replicas/${volume}/${member}`;
}

function contentOf({ spec }: VolumeObject): string {
  const what = spec.content === 'block' ? 'a raw block device' : `an ${spec.content} file system`;
  const tags = spec.diskTags.length === 0 ? '' : ` on disks with ${spec.diskTags.join(', ')}`;
  return `${what}, ${counted(spec.copies, 'copy').replace('copys', 'copies')} wanted on different ${spec.spread}s${tags}`;
}

function usedBy({ attachedTo }: VolumeFacts): string {
  return attachedTo === '' ? 'used by no pod' : `used on ${attachedTo}`;
}

function copyTable(copies: readonly Copy[], shelf: Shelf): string[] {
  const rows = copies.map((copy) => [
    copy.node,
    copy.place?.disk ?? '?',
    copy.state,
    copy.heard ? 'yes' : 'no',
    copy.member,
    whereOf(copy, shelf),
  ]);
  return table(['copy on', 'disk', 'state', 'node heard of', 'member', 'mounted at'], rows);
}

function problems(copies: readonly Copy[]): string[] {
  const found = copies.flatMap(({ place }) =>
    place === undefined || place.problem === ''
      ? []
      : [sentence(`  ${place.node} disk ${place.disk}: ${place.problem}`)],
  );
  return found.length === 0 ? [] : ['', ...found];
}

function conditions({ status }: VolumeObject): string[] {
  const said = status.conditions.map(
    ({ type, status: is, message }) => `  ${type} ${is}: ${sentence(message)}`,
  );
  return said.length === 0 ? [] : ['', ...said];
}
