/**
 * Which applications keep their data in a SQLite file, and whether the volume under it can bear it.
 * The table is in `applications/table.ts`, the verdicts in `applications/file-findings.ts`.
 */
import type { Application } from '../applications/application.ts';
import {
  applicationOf,
  applicationOfName,
  databaseChoiceOf,
  type Place,
} from '../applications/database-choice.ts';
import { fileFindings, keepLocal, serverWay } from '../applications/file-findings.ts';
import { fileUsesOf } from '../applications/file-use.ts';
import { suspectedFile } from '../applications/suspicion.ts';
import {
  applications,
  configuredApplications,
  configuredApplicationsSchema,
} from '../applications/table.ts';
import { chartOf, hidesItsObjects } from '../model/chart.ts';
import type { DeclaredObject } from '../model/declared.ts';
import type { Finding, StackRule } from '../rule.ts';
import { classes } from '../settings.ts';

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
        return application === undefined ? suspicion(place) : undecided(place, application);
      }),
    );
    return [
      ...fileFindings(fileUsesOf(world, table)),
      ...visible,
      ...world.objects.flatMap((object) => hidden(object, table)),
    ];
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

/** A known application whose settings stand where the program does not show them. */
function undecided(place: Place, application: Application): readonly Finding[] {
  const choice = databaseChoiceOf(place, application);
  if (choice.kind !== 'unknown') return [];
  const finding: Finding = {
    object: place.workload.object,
    field: place.container.field,
    found: `it cannot be told which database ${application.name} will use`,
    why: `If it is SQLite, the volume under it decides whether the data is safe.`,
    waysOut: [
      `Show it to this check: ${choice.wanted}`,
      serverWay(application),
      'Silence this policy for the object when you know the answer',
    ],
    level: 'advice',
  };
  return [finding];
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
