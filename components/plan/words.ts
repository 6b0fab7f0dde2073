/** The words of a plan: sizes, failures, effects. Nothing here decides anything. */
import type { Effect, Failure, FailureReport, VolumeEffect } from './failures.ts';
import type { Placement, PlanBackup, PlanDisk, PlanTier, PlanVolume } from './subject.ts';

const units = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
] as const;

/** `10 GiB`, `1.5 TiB`: rounded to a tenth, for people. `?` for what is not known. */
export function sizeWords(bytes: number | undefined): string {
  if (bytes === undefined) return '?';
  const [name, unitBytes] = units.find(([, unit]) => bytes >= unit) ?? ['GiB', 1024 ** 3];
  return `${Number((bytes / unitBytes).toFixed(1))} ${name}`;
}

export const diskWords = (disk: PlanDisk) => `${disk.node}/${disk.name}`;

/** `postgres-main, gitea and 3 more` */
export function namesWords(names: readonly string[]): string {
  const shownMax = 4;
  if (names.length <= shownMax) return andWords(names);
  return `${names.slice(0, shownMax - 1).join(', ')} and ${names.length - shownMax + 1} more`;
}

/** `a, b and c` */
function andWords(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? '';
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** What a tier's copies are good for: scratch survives nothing, and says so. */
export function survivesWords(tier: PlanTier): string {
  if (!tier.isKept) return 'nothing';
  if (tier.placement === 'server') return `what ${tier.server ?? 'its server'} survives`;
  if (tier.copies === 1) return 'no failure';
  return tier.copies === 2 ? 'one failure' : `${tier.copies - 1} failures`;
}

const verbs: Readonly<Record<Failure['kind'], string>> = {
  disk: 'dies',
  node: 'stops',
  server: 'stops',
  switch: 'fails',
  circuit: 'loses power',
  shelf: 'is destroyed',
  site: 'burns down',
};

/** Failures of one kind, each alone: `any one node of a, b stops`, `the switch fails`. */
export function failureTitle(...failures: readonly Failure[]): string {
  const [first] = failures;
  if (first === undefined) return '';
  const names = failures.flatMap((failure) => {
    if (failure.kind === 'disk') return [diskWords(failure.disk)];
    return failure.name === undefined ? [] : [failure.name];
  });
  const verb = verbs[first.kind];
  if (names.length === 0) return `the ${first.kind} ${verb}`;
  const shown = names.length > 3 ? `${names[0]}, … ${names.at(-1)}` : names.join(', ');
  return names.length === 1
    ? `${first.kind} ${shown} ${verb}`
    : `any one ${first.kind} of ${shown} ${verb}`;
}

/** One sentence for each way in which volumes are touched; the untouched are not named. */
export function describeEffects(report: FailureReport, volumeCount: number): string[] {
  const groups = new Map<string, PlanVolume[]>();
  for (const each of report.effects) {
    if (each.effect.kind === 'untouched') continue;
    const what = effectWords(each);
    groups.set(what, [...(groups.get(what) ?? []), each.volume]);
  }
  const sentences = [...groups].map(([what, volumes]) => {
    const everything = volumes.length === volumeCount && volumeCount > 1;
    const who = everything
      ? `all ${volumeCount} volumes`
      : namesWords(volumes.map(({ name }) => name));
    return `${who}: ${what}`;
  });
  // A volume that is away itself has worse news than its backups.
  const backups = report.backups.filter((volume) =>
    report.effects.some((each) => each.volume === volume && each.effect.kind === 'untouched'),
  );
  if (backups.length > 0)
    sentences.push(
      `${namesWords(backups.map(({ name }) => name))}: ${backupWords(report.failure)}`,
    );
  return sentences.length === 0 ? ['nothing'] : sentences;
}

function backupWords(failure: Failure): string {
  if (failure.kind === 'disk') return 'the backups there are lost, the data are not';
  if (failure.kind === 'site' || failure.kind === 'shelf') return 'the backups there are lost';
  return 'no backups meanwhile';
}

/** On what it depends where the stack file does not say where things are. */
const conditions: Readonly<Record<Placement, string>> = {
  placed: 'if it is there',
  'first-pod': 'if it is there',
  spread: 'with a copy there',
  server: 'for pods behind it',
};

function effectWords({ volume, effect, isCertain }: VolumeEffect): string {
  const what = words(volume, effect);
  if (isCertain) return what;
  return `${conditions[volume.tier.placement]}, ${what}`;
}

function words(volume: PlanVolume, effect: Effect): string {
  switch (effect.kind) {
    case 'untouched':
      return 'nothing';
    case 'runs-on':
      return `a pause of seconds, then on with ${effect.copiesLeft === 1 ? 'one copy' : `${effect.copiesLeft} copies`}`;
    case 'stops':
      return 'away until it is back, nothing lost';
    case 'cut-off':
      return 'works on its own node, out of reach of others';
    case 'lost':
      if (!volume.tier.isKept) return 'lost, as scratch may be';
      return effect.from === undefined
        ? 'LOST, and nothing to restore it from'
        : `lost; restore the ${sourceWords(effect.from)}, up to ${effect.from.recoveryPoint} old${effect.isSure ? '' : ', if that is in another house'}`;
  }
}

const sourceWords = ({ what, place }: PlanBackup) =>
  `${what} from ${'path' in place ? diskWords(place) : place.name}`;
