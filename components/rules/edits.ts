/**
 * What may become of a volume that exists: the new shelf held against the volumes that the stack's
 * state knows. Whatever the engine would answer with a replacement (a new, empty volume) or a
 * deletion is refused here, before it sees it, with what would be lost and how to do it on purpose.
 *
 * The table of edits and the engine's own answers: docs/data-safety.md.
 */
import { formatSize } from '../config/quantity.ts';
import type { Shelf } from '../config/shelf.ts';
import type { Database, GiteaPlan } from '../config/shelf/applications.ts';
import { directoryOf, remoteFolderOf, type Volume } from '../config/shelf/volumes.ts';
import { readPostgresImage } from './databases.ts';
import type { Problem } from './problem.ts';

/** A volume as the last update left it. */
export interface KnownVolume {
  readonly name: string;
  /** Where the stack file declared it: `larder:volumes`, or the list of its application. */
  readonly section: string;
  readonly namespace: string;
  readonly sizeBytes: number;
  /** The StorageClass, which is the tier's name. */
  readonly tier: string;
  readonly accessMode: string;
  /** `kube01:/mnt/nvme/larder/volumes/gitea`; undefined where a provisioner chose the place. */
  readonly place: string | undefined;
  /** Let go in words: its entry may be removed. */
  readonly retired: boolean;
  /** `16 alpine` for the volume of a database. */
  readonly postgres: string | undefined;
  /** For the volume of a Gitea: the database that holds its records. */
  readonly records: string | undefined;
}

export function editProblems(known: readonly KnownVolume[], shelf: Shelf): Problem[] {
  return [
    ...known.flatMap((before) => {
      const after = shelf.volumes.find((volume) => volume.name === before.name);
      if (after !== undefined) return changeProblems(before, after);
      return before.retired ? [] : [removalProblem(before, newcomers(known, shelf))];
    }),
    ...shelf.databases.flatMap((database) =>
      imageProblems(
        known.find((volume) => volume.name === database.volume.name),
        database,
      ),
    ),
    ...shelf.gitea.flatMap((gitea) =>
      recordsProblems(
        known.find((volume) => volume.name === gitea.volume.name),
        gitea,
      ),
    ),
  ];
}

/** `kube01:/mnt/nvme/larder/volumes/gitea`, or undefined on a dynamic tier. */
export function placeOf(volume: Volume): string | undefined {
  const { disk } = volume;
  const remote = remoteFolderOf(volume);
  if (remote !== undefined) return `${remote.server}:${remote.folder}`;
  return disk === undefined ? undefined : `${disk.node}:${directoryOf(disk, volume)}`;
}

/** `16 alpine`: what decides whether an image can open the data directory. */
export function formatOf(image: string): string | undefined {
  const read = readPostgresImage(image);
  return read === undefined ? undefined : `${read.major} ${read.base}`;
}

const newcomers = (known: readonly KnownVolume[], shelf: Shelf) =>
  shelf.volumes.filter((volume) => !known.some((before) => before.name === volume.name));

const copyFirst =
  'to change it on purpose, declare a second volume, copy the data (a database: restore its dump), then retire this one';

function changeProblems(before: KnownVolume, after: Volume): Problem[] {
  const problems: Problem[] = [];
  const refuse = (key: string, from: string, to: string, lost: string) =>
    problems.push({
      path: `${after.path}.${key}`,
      found: `${to}, and the volume ${before.name} has ${from}`,
      allowed: `${from}: ${lost}`,
      todo: `write ${from} again; ${copyFirst}`,
    });
  const emptied = `that would be another volume, an empty one; its ${formatSize(before.sizeBytes)} of data would stay behind${before.place === undefined ? '' : ` at ${before.place}`}`;
  if (after.sizeBytes < before.sizeBytes)
    refuse(
      'size',
      formatSize(before.sizeBytes),
      formatSize(after.sizeBytes),
      'or more. A volume cannot shrink; a smaller one would be a new one without its data',
    );
  if (after.tier.name !== before.tier) refuse('tier', before.tier, after.tier.name, emptied);
  if (after.accessMode !== before.accessMode)
    refuse('accessMode', before.accessMode, after.accessMode, emptied);
  if (after.namespace !== before.namespace)
    refuse('namespace', before.namespace, after.namespace, emptied);
  const place = placeOf(after);
  if (after.tier.name === before.tier && place !== before.place)
    refuse('node', before.place ?? 'no fixed place', place ?? 'no fixed place', emptied);
  if (after.sizeBytes > before.sizeBytes && !after.tier.canGrow)
    refuse(
      'size',
      formatSize(before.sizeBytes),
      formatSize(after.sizeBytes),
      `the tier ${after.tier.name} cannot grow a volume`,
    );
  return problems;
}

/** Removal, or the half of a rename that removes. */
function removalProblem(before: KnownVolume, arrivals: readonly Volume[]): Problem {
  const twin = arrivals.find(
    (volume) => volume.tier.name === before.tier && volume.sizeBytes === before.sizeBytes,
  );
  const size = formatSize(before.sizeBytes);
  const where = before.place === undefined ? `tier ${before.tier}` : before.place;
  const found =
    twin === undefined
      ? `no volume ${before.name} any more, which holds up to ${size} of data (${where})`
      : `the volume ${before.name} (${size}, ${where}) gone and ${twin.name} in its place, as in a rename`;
  const lost =
    twin === undefined
      ? 'what exists stays declared until it is let go in words'
      : `the name it has: ${twin.name} would be a new, empty volume, the data would stay behind in ${before.name}`;
  return {
    path: before.section,
    found,
    allowed: lost,
    todo: `put the entry back. To let go of it on purpose, write \`retire: true\` in it, run \`pulumi up\`, then remove it: the data stay on the disk until you delete them there`,
  };
}

/** A data directory opens only with its own major version, and sorts as its base image sorts. */
function imageProblems(before: KnownVolume | undefined, database: Database): Problem[] {
  const now = formatOf(database.image);
  if (before?.postgres === undefined || now === undefined || now === before.postgres) return [];
  return [
    {
      path: `${database.volume.path}.image`,
      found: `PostgreSQL ${now}, and the data of ${database.name} were written by ${before.postgres}`,
      allowed: `an image of ${before.postgres}: another major version does not start on them, another base sorts text differently and breaks indexes`,
      todo: 'go back; to move on purpose, declare a second database with the new image, restore the newest dump into it, then retire this one',
    },
  ];
}

/** Repositories are on the volume, everything that is known of them in the database. */
function recordsProblems(before: KnownVolume | undefined, gitea: GiteaPlan): Problem[] {
  const from = before?.records;
  const to = gitea.database.name;
  if (from === undefined || from === to || gitea.config.movedFrom === from) return [];
  return [
    {
      path: `${gitea.volume.path}.database`,
      found: `${to}, and the records of ${gitea.name} are in ${from}`,
      allowed: `${from}: users, issues, keys and the list of repositories would stay behind there, and the repositories on the volume would belong to nobody`,
      todo: `write ${from} again. To move them on purpose, restore the newest dump of ${from} into ${to}, then write \`movedFrom: ${from}\` in this entry`,
    },
  ];
}
