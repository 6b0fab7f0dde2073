/**
 * Which applications keep their data in a SQLite file, and whether the volume under it can bear it.
 * The truth behind the verdicts: locks are right wherever one node mounts the volume; a flush costs
 * what the volume costs; over a network file system neither holds.
 */
import type { Application } from '../applications/application.ts';
import {
  applicationOf,
  applicationOfName,
  databaseChoiceOf,
  type Place,
} from '../applications/database-choice.ts';
import { type FileUse, fileUse } from '../applications/file-use.ts';
import { suspectedFile } from '../applications/suspicion.ts';
import {
  applications,
  configuredApplications,
  configuredApplicationsSchema,
} from '../applications/table.ts';
import { chartOf, hidesItsObjects } from '../model/chart.ts';
import type { DeclaredObject } from '../model/declared.ts';
import { nameOfPlacement } from '../model/placement.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

const keepLocal = 'Move the volume to the local tier and give it a backup schedule';

export const postgresOverSqlite: StackRule = {
  id: 'postgres-over-sqlite',
  scope: 'stack',
  description:
    'An application keeps its data in a server database, or in a SQLite file only where the ' +
    'volume under it can bear it.',
  severity: 'high',
  level: 'mandatory',
  advises: true,
  why:
    'SQLite flushes up to four times a commit and needs locks that work; over a network file ' +
    'system it loses data, on replicated volumes it is slow and a failover is a power cut for it.',
  waysOut: [
    'Use a server database, where the application has one',
    keepLocal,
    'Keep it with a reason, when node failover matters more than latency',
  ],
  good: 'Gitea with GITEA__database__DB_TYPE=postgres, or Home Assistant on class local-ssd',
  bad: 'Gitea without DB_TYPE (its default is sqlite3) on a claim of class longhorn',
  configSchema: { properties: { classes, applications: configuredApplicationsSchema } },
  check(world, config) {
    const table = [...configuredApplications(config), ...applications];
    const visible = world.workloads.flatMap((workload) =>
      workload.containers.flatMap((container) => {
        if (container.isInit) return [];
        const place = { world, workload, container };
        const application = applicationOf(container, table);
        return application === undefined ? suspicion(place) : findingsOf(place, application);
      }),
    );
    return [...visible, ...world.objects.flatMap((object) => hidden(object, table))];
  },
};

/** A Release keeps the workload to itself; its chart's name still tells which application it is. */
function hidden(object: DeclaredObject, table: readonly Application[]): readonly Finding[] {
  const chart = hidesItsObjects(object) ? chartOf(object) : undefined;
  const application = chart && applicationOfName(chart, table);
  if (application === undefined || application === '') return [];
  const isServed = application.byDefault !== 'sqlite' && application.byDefault !== 'file';
  if (isServed) return [];
  const finding: Finding = {
    object,
    field: 'values',
    found: `chart ${chart} hides which database ${application.name} will use`,
    why: 'If it is SQLite, the volume under it decides whether the data is safe.',
    waysOut: [
      'Use helm.v4.Chart instead of helm.v3.Release: its objects are visible to every policy',
      serverWay(application),
      'Exempt the release with what you know as the reason',
    ],
    level: 'advice',
  };
  return [finding];
}

function findingsOf(place: Place, application: Application): readonly Finding[] {
  const choice = databaseChoiceOf(place, application);
  if (choice.kind === 'unknown') return [undecided(place, application, choice.wanted)];
  if (choice.kind !== 'sqlite' && choice.kind !== 'file') return [];
  const use = fileUse(place, application, choice);
  return [...writersFinding(use), ...placementFinding(use)];
}

function base(use: FileUse): Pick<Finding, 'object' | 'also' | 'field'> {
  const claim = use.placement?.claim?.object;
  return {
    object: use.place.workload.object,
    field: use.place.container.field,
    ...(claim === undefined ? {} : { also: [claim] }),
  };
}

function subject(use: FileUse): string {
  const store = use.choice.kind === 'sqlite' ? 'SQLite' : 'an embedded database file';
  return `${use.application.name} uses ${store} (${use.choice.evidence}) at ${use.file}`;
}

function serverWay(application: Application): string {
  const { serverHint, name } = application;
  return serverHint === undefined
    ? `${name} offers no server database; look for one that does if this must be replicated`
    : `Use a server database: ${serverHint}`;
}

function undecided(place: Place, application: Application, wanted: string): Finding {
  return {
    object: place.workload.object,
    field: place.container.field,
    found: `it cannot be told which database ${application.name} will use`,
    why: `If it is SQLite, the volume under it decides whether the data is safe.`,
    waysOut: [
      `Show it to this check: ${wanted}`,
      serverWay(application),
      'Silence this policy for the object when you know the answer',
    ],
    level: 'advice',
  };
}

/** An image that the table does not know, whose settings speak of SQLite. */
function suspicion(place: Place): readonly Finding[] {
  const found = suspectedFile(place);
  if (found === undefined) return [];
  const finding: Finding = {
    object: place.workload.object,
    field: `${place.container.field}.env`,
    found: `${found.variable} suggests that it keeps its data in a SQLite file`,
    waysOut: [
      'Name a server database there, if the application takes one',
      keepLocal,
      'Add the application to "applications" in this policy\'s configuration to settle it',
    ],
    level: 'advice',
  };
  return [finding];
}

/** Two pods on one file: right locks do not help when two kernels hold them. */
function writersFinding(use: FileUse): readonly Finding[] {
  const { workload } = use.place;
  const { placement } = use;
  if (placement === undefined || placement.home === 'ephemeral') return [];
  const sharesOneVolume = placement.claim?.field === 'spec' || placement.hostPath !== undefined;
  if (!sharesOneVolume || workload.object.kind === 'DaemonSet') return [];
  const many = (workload.replicas ?? 1) > 1;
  if (!many && !workload.surges) return [];
  const how = many
    ? `${workload.replicas} replicas write the same file`
    : 'its RollingUpdate starts the new pod before the old one has closed the file';
  return [
    {
      ...base(use),
      field: many ? 'spec.replicas' : 'spec.strategy',
      found: `${subject(use)}, and ${how}`,
      why: 'Two writers that do not share one kernel destroy the file; on one node they lock up.',
      waysOut: [
        many ? 'Set spec.replicas to 1' : 'Set spec.strategy.type to Recreate',
        serverWay(use.application),
        'Use a StatefulSet with one replica, which stops the old pod first',
      ],
      level: 'violation',
    },
  ];
}

/** What rests on a default that nobody has read at the source must not stop an update. */
function levelOf(use: FileUse): Finding['level'] {
  return use.choice.isAssumed === true ? 'advice' : 'violation';
}

function placementFinding(use: FileUse): readonly Finding[] {
  const { application, placement } = use;
  const home = placement?.home ?? 'ephemeral';
  const where = placement === undefined ? 'no volume' : nameOfPlacement(placement);
  const makers = application.makersAdvice;
  const onlyFile = application.serverHint === undefined || makers !== undefined;
  switch (home) {
    case 'network-file':
      return [networkFinding(use, where)];
    case 'replicated':
      return [onlyFile ? replicatedAdvice(use, where) : replicatedFinding(use, where)];
    case 'local':
    case 'network-block':
      return [localAdvice(use, where)];
    case 'ephemeral':
      return [ephemeralAdvice(use, where)];
    case 'unknown':
      return [unknownPlacement(use, where)];
  }
}

function networkFinding(use: FileUse, where: string): Finding {
  return {
    ...base(use),
    found: `${subject(use)} on ${where}`,
    why:
      "SQLite's WAL needs shared memory on one host and its locks depend on the file server; " +
      'this loses data.',
    waysOut: [
      keepLocal,
      serverWay(use.application),
      'Use a block volume (ReadWriteOnce) instead of the network file system',
    ],
    level: levelOf(use),
  };
}

function replicatedFinding(use: FileUse, where: string): Finding {
  return {
    ...base(use),
    found: `${subject(use)} on ${where}`,
    why:
      'Locking is safe there (one node mounts it), but a commit in the default mode costs about ' +
      'four replicated flushes, a failover is a power cut for the file, and a dump of one ' +
      'database is not to be had from a block copy.',
    waysOut: [
      serverWay(use.application),
      keepLocal,
      'Keep it with a reason, when node failover matters more than latency',
    ],
    level: levelOf(use),
  };
}

function replicatedAdvice(use: FileUse, where: string): Finding {
  const { application } = use;
  const because =
    application.makersAdvice === undefined
      ? `${application.name} supports only a file database`
      : `The makers of ${application.name} say: ${application.makersAdvice}`;
  return {
    ...base(use),
    found: `${subject(use)} on ${where}`,
    why: `${because}. Locking is safe there, but a commit costs about four replicated flushes.`,
    waysOut: [
      'Prefer the local SSD tier with a daily backup (VACUUM INTO, .backup or Litestream)',
      'Lower the cost where the application allows it: journal_mode WAL, synchronous NORMAL',
      'Keep it with a reason, when node failover matters more than latency',
    ],
    level: 'advice',
  };
}

function localAdvice(use: FileUse, where: string): Finding {
  return {
    ...base(use),
    found: `${subject(use)} on ${where}`,
    why:
      'That is the right place for it. A snapshot of the whole volume is a consistent backup; a ' +
      'file copy of the live database is not.',
    waysOut: [
      'Back it up by snapshot, or with VACUUM INTO, .backup or Litestream',
      'Stop the application while its files are copied',
      serverWay(use.application),
    ],
    level: 'advice',
  };
}

function ephemeralAdvice(use: FileUse, where: string): Finding {
  return {
    ...base(use),
    found: `${subject(use)} on ${where}`,
    why: 'Its data is gone when the pod is replaced.',
    waysOut: [
      `Mount a claim of the local tier over ${use.file}`,
      serverWay(use.application),
      'Keep it with a reason, when the data may be lost',
    ],
    level: 'advice',
  };
}

function unknownPlacement(use: FileUse, where: string): Finding {
  return {
    ...base(use),
    found: `${subject(use)}, and it cannot be told where that lives: ${where}`,
    why: 'On a network file system this loses data, on replicated storage it is slow.',
    waysOut: [
      `Show it to this check: ${use.placement?.wanted ?? 'the class of the claim'}`,
      'Name the class under "classes" in this policy\'s configuration',
      serverWay(use.application),
    ],
    level: 'advice',
  };
}
