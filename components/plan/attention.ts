/**
 * What deserves attention in a plan: each sentence names what is at stake and the key that changes
 * it. The gravest first: what is lost for good, what does not fit, what is lost together, what is
 * not known.
 */
import { type Capacity, sharedOver } from './capacity.ts';
import type { FailureReport } from './failures.ts';
import type { PlanSubject, PlanVolume } from './subject.ts';
import { diskWords, namesWords, sizeWords } from './words.ts';

export function attentionTo(
  subject: PlanSubject,
  capacity: Capacity,
  failures: readonly FailureReport[],
): string[] {
  return [
    ...lostForGood(failures),
    ...overCommitted(subject, capacity),
    ...noRoomToHeal(capacity),
    ...tooFewNodes(subject),
    ...unknownSizes(subject),
  ];
}

const kept = ({ tier }: PlanVolume) => tier.isKept;
const names = (volumes: readonly PlanVolume[]) => namesWords(volumes.map(({ name }) => name));

function lostForGood(failures: readonly FailureReport[]): string[] {
  const lostIn = (kinds: readonly string[]) => {
    const lost = failures
      .filter(({ failure }) => kinds.includes(failure.kind))
      .flatMap(({ effects }) => effects)
      .filter(({ effect }) => effect.kind === 'lost' && effect.from === undefined)
      .map(({ volume }) => volume)
      .filter(kept);
    return [...new Set(lost)];
  };
  const byDisk = lostIn(['disk']);
  const bySite = lostIn(['shelf', 'site']).filter((volume) => !byDisk.includes(volume));
  return [
    ...(byDisk.length === 0
      ? []
      : [`${names(byDisk)}: one dead disk loses it for good. Give it more copies or a backup.`]),
    ...(bySite.length === 0
      ? []
      : [
          `${names(bySite)}: nothing outlives this site. Fire, theft or lightning takes data and backups together; keep one backup elsewhere.`,
        ]),
  ];
}

function overCommitted(subject: PlanSubject, capacity: Capacity): string[] {
  const disks = capacity.disks
    .filter(({ disk, placedBytes }) => placedBytes > (disk.capacityBytes ?? Infinity))
    .map(
      ({ disk, placedBytes }) =>
        `${diskWords(disk)} promises ${sizeWords(placedBytes)} and has ${sizeWords(disk.capacityBytes)}.`,
    );
  const tiers = capacity.tiers
    .filter(({ tier }) => tier.placement !== 'placed')
    .filter(({ promisedBytes, usableBytes }) => promisedBytes > (usableBytes ?? Infinity))
    .map(
      ({ tier, promisedBytes, usableBytes }) =>
        `The tier ${tier.name} promises ${sizeWords(promisedBytes)} and has room for ${sizeWords(usableBytes)} in ${tier.copies === 1 ? 'one copy' : `${tier.copies} copies`}.`,
    );
  const over = disks.length + tiers.length === 0 ? sharedOver(subject) : undefined;
  if (over === undefined) return [...disks, ...tiers];
  return [
    `All tiers together take ${sizeWords(over.takesBytes)}, and their disks have ${sizeWords(over.hasBytes)}.`,
  ];
}

function noRoomToHeal(capacity: Capacity): string[] {
  return capacity.tiers
    .filter(({ promisedBytes, usableBytes }) => promisedBytes <= (usableBytes ?? Infinity))
    .filter(
      ({ promisedBytes, usableAfterNodeLossBytes }) =>
        promisedBytes > (usableAfterNodeLossBytes ?? Infinity),
    )
    .map(
      ({ tier, promisedBytes, usableAfterNodeLossBytes }) =>
        `The tier ${tier.name} cannot heal by itself when its worst node is gone: ${sizeWords(promisedBytes)} promised, room for ${sizeWords(usableAfterNodeLossBytes)} in ${tier.copies} copies on the others. Until the node is back, a second failure may lose data.`,
    );
}

function tooFewNodes(subject: PlanSubject): string[] {
  return subject.tiers.flatMap((tier) => {
    if (tier.placement !== 'spread') return [];
    const nodes = new Set(tier.disks.map(({ node }) => node)).size;
    if (nodes >= tier.copies) return [];
    return [
      `The tier ${tier.name} wants ${tier.copies === 1 ? 'a node for its copy' : `${tier.copies} copies on different nodes`}, and ${nodes === 1 ? 'one node serves' : nodes === 0 ? 'no node serves' : `${nodes} nodes serve`} it.`,
    ];
  });
}

function unknownSizes(subject: PlanSubject): string[] {
  const serving = new Set(subject.tiers.flatMap(({ disks }) => disks));
  const unknown = [...serving].filter(({ capacityBytes }) => capacityBytes === undefined);
  if (unknown.length === 0) return [];
  return [
    `The capacity of ${namesWords(unknown.map(diskWords))} is not given (\`capacity:\` under larder:nodes), so whether everything fits was not checked there.`,
  ];
}
