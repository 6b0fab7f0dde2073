/**
 * The verdicts on a database file, by who writes it and where it lives. The truth behind them:
 * locks are right wherever one node mounts the volume; a flush costs what the volume costs; over a
 * network file system neither holds.
 */
import { nameOf } from '../model/declared.ts';
import { nameOfPlacement } from '../model/placement.ts';
import type { Finding } from '../rule.ts';
import type { Application } from './application.ts';
import { type FileUse, rivalOf } from './file-use.ts';

export const keepLocal = 'Move the volume to the local tier and give it a backup schedule';

/** What is wrong with each use, and what could be better. */
export function fileFindings(uses: readonly FileUse[]): readonly Finding[] {
  return uses.flatMap((use) => [
    ...writersFinding(use),
    ...rivalFinding(use, uses),
    ...placementFinding(use),
  ]);
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

/** How to get to a server database, or that there is none. */
export function serverWay(application: Application): string {
  const { serverHint, name } = application;
  return serverHint === undefined
    ? `${name} offers no server database; look for one that does if this must be replicated`
    : `Use a server database: ${serverHint}`;
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

/** Two applications on one file; a reader that opens it for writing counts too. */
function rivalFinding(use: FileUse, uses: readonly FileUse[]): readonly Finding[] {
  const rival = rivalOf(use, uses);
  if (rival === undefined) return [];
  const finding: Finding = {
    ...base(use),
    found: `${subject(use)}, and ${nameOf(rival.place.workload.object)} opens the same file`,
    why: 'Two writers that do not share one kernel destroy the file; on one node they lock up.',
    waysOut: [
      'Give each its own claim, or its own subPath of the claim',
      serverWay(use.application),
      'Run one of the two only',
    ],
    level: 'violation',
  };
  return [finding];
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
