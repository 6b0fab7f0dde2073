/**
 * What the official PostgreSQL image asks of the pod around it. Each check names the fact behind
 * it; sources: docker-library/postgres (Dockerfile template, docker-entrypoint.sh),
 * docker-library/docs.
 */
import { databaseEngineOf } from '../model/database-engine.ts';
import { isKind } from '../model/declared.ts';
import { hidesVariables } from '../model/environment.ts';
import { isWithin } from '../model/inventory.ts';
import { matchesImage } from '../model/image.ts';
import {
  at,
  fieldsAt,
  holdsUnknown,
  listAt,
  numberAt,
  textAt,
  UNKNOWN,
  type Value,
} from '../model/value.ts';
import { type Container, mountOver, type Workload, workloadOf } from '../model/workload.ts';
import { type PostgresImage, postgresImageOf } from '../model/postgres-image.ts';
import type { Finding, ObjectRule } from '../rule.ts';

const graceSecondsMin = 60;
const graceSeconds = 120;
const recoverySecondsMin = 300;
const oldFolder = '/var/lib/postgresql/data';
const newFolder = '/var/lib/postgresql';

export const postgresContract: ObjectRule = {
  id: 'postgres-contract',
  scope: 'object',
  description: 'PostgreSQL runs as its image expects: folder, time to stop, probes, owner.',
  severity: 'critical',
  level: 'mandatory',
  advises: true,
  why:
    'The image keeps silent about most of this: it starts, and loses data or goes round in ' +
    'crash recovery on the day of a restart, an upgrade or a power cut.',
  waysOut: [
    'Follow the finding; docs/policies.md has a complete example',
    'Use the Larder component Postgres, which keeps this contract',
    'Use an operator with images of its own, such as CloudNativePG',
  ],
  good:
    'postgres:16.10-alpine, volume at /var/lib/postgresql/data, PGDATA /var/lib/postgresql/data/pgdata, ' +
    'terminationGracePeriodSeconds 120, startupProbe 300 x 2 s',
  bad: 'postgres:18 with its volume at /var/lib/postgresql/data',
  check(object) {
    const workload = workloadOf(object);
    if (workload === undefined || isKind(object, 'batch', 'Job', 'CronJob')) return [];
    return workload.containers.flatMap((container) => {
      if (databaseEngineOf(container)?.name !== 'PostgreSQL') return [];
      const image = postgresImageOf(container);
      return [
        ...imageFindings(workload, container, image),
        ...(image === undefined ? [] : folderFindings(workload, container, image)),
        ...(image === undefined ? [] : ownerFindings(workload, image)),
        ...podFindings(workload),
        ...probeFindings(workload, container),
        ...sharedMemoryFindings(workload, container),
      ];
    });
  },
  remedy: (object) => {
    const workload = workloadOf(object);
    if (workload === undefined || podFindings(workload).length === 0) return [];
    const path = [...workload.podField.split('.'), 'terminationGracePeriodSeconds'];
    return [{ path, value: graceSeconds }];
  },
};

function imageFindings(
  { object }: Workload,
  { image, field }: Container,
  official: PostgresImage | undefined,
): readonly Finding[] {
  if (image === undefined || image === UNKNOWN) return [];
  const where = `${field}.image`;
  if (image.repository.includes('bitnami')) {
    const finding: Finding = {
      object,
      field: where,
      found: `${image.reference} is an image of Bitnami`,
      why:
        'Its free images left the registry in 2025; a node that is set up again cannot pull them, ' +
        'and their folders and user differ from the official image.',
      waysOut: [
        'Dump the database and restore it into the official image',
        'Use CloudNativePG, which imports from a running server',
        'Mirror the image until you have moved',
      ],
      level: 'violation',
    };
    return [finding];
  }
  if (official !== undefined || !matchesImage(image, 'postgres') || image.tag === undefined)
    return [];
  const finding: Finding = {
    object,
    field: where,
    found: `tag ${image.tag} names no major version`,
    why: 'The next pull may bring a major version that refuses the data directory.',
    waysOut: ['Name it: postgres:16.10-alpine', 'Pin the digest as well', 'Use an operator'],
    level: image.tag === 'latest' ? 'advice' : 'violation',
  };
  return [finding];
}

function folderFindings(
  { object }: Workload,
  container: Container,
  image: PostgresImage,
): readonly Finding[] {
  const isNew = image.major >= 18;
  const unset = isNew ? `${newFolder}/${image.major}/docker` : oldFolder;
  const given = pgdataOf(container);
  if (given === UNKNOWN || !container.mountsKnown) {
    const where = `${container.field}.env[PGDATA]`;
    const found = 'it cannot be told here whether a volume covers the data';
    return [{ object, field: where, found, waysOut: folderWays(image), level: 'advice' }];
  }
  const folder = given ?? unset;
  const field = `${container.field}.volumeMounts`;
  const mount = mountOver(container, folder);
  if (mount === undefined) {
    const below = container.mounts.find((item) => item.path.startsWith(newFolder));
    const found =
      below === undefined
        ? `no volume covers ${folder}, where PostgreSQL ${image.major} keeps its data`
        : `the volume at ${below.path} does not cover ${folder}, where PostgreSQL ${image.major} keeps its data`;
    return [{ object, field, found, waysOut: folderWays(image), level: 'violation' }];
  }
  if (!isNew && isWithin(folder, oldFolder) && !isWithin(mount.path, oldFolder)) {
    const found = `the volume at ${mount.path} is hidden by the image's own volume at ${oldFolder}`;
    const why = 'The data then lies in the container and is gone with the pod.';
    return [{ object, field, found, why, waysOut: folderWays(image), level: 'violation' }];
  }
  if (folder !== mount.path || mount.subPath !== undefined) return [];
  const finding: Finding = {
    object,
    field: `${container.field}.env[PGDATA]`,
    found: `PGDATA is ${folder}, the root of the volume`,
    why:
      'The root of an ext4 volume holds lost+found: initdb refuses a folder that is not empty, ' +
      'and a volume that failed to mount looks like a fresh one.',
    waysOut: folderWays(image),
    level: 'violation',
  };
  return [finding];
}

/** The folder as the container is told; `UNKNOWN` when it stands elsewhere or is not known yet. */
function pgdataOf(container: Container): string | typeof UNKNOWN | undefined {
  const env = listAt(container.fields, 'env');
  const entry = env.findLast((item) => textAt(item, 'name') === 'PGDATA');
  if (entry === undefined) return hidesVariables(container) ? UNKNOWN : undefined;
  return textAt(entry, 'value') ?? UNKNOWN;
}

function folderWays(image: PostgresImage): readonly string[] {
  const root = image.major >= 18 ? newFolder : oldFolder;
  return [
    `Mount the volume at ${root} and set PGDATA=${root}/pgdata`,
    'Mount it with a subPath',
    'Use the Larder component Postgres',
  ];
}

function ownerFindings(workload: Workload, image: PostgresImage): readonly Finding[] {
  const { object, pod, podField } = workload;
  const security = fieldsAt(pod, 'securityContext');
  const user = numberAt(security, 'runAsUser');
  const own = image.base === 'alpine' ? 70 : 999;
  const field = `${podField}.securityContext`;
  const ways = [
    `Set runAsUser, runAsGroup and fsGroup to ${own}`,
    'Leave all three out: the image starts as root and corrects the owner itself',
    'Keep it with a reason, when the volume was made for that user',
  ];
  if (user === undefined || user === 0) return [];
  if (user !== own) {
    const found = `runAsUser ${user}, and the ${image.base} image knows postgres as ${own}`;
    const why = 'The server refuses to start when another user owns its data directory.';
    return [{ object, field: `${field}.runAsUser`, found, why, waysOut: ways, level: 'violation' }];
  }
  const group = numberAt(security, 'fsGroup');
  if (group === undefined) {
    const found = `runAsUser ${user} without fsGroup`;
    const why = 'A fresh volume belongs to root, and initdb may not write to it.';
    return [{ object, field: `${field}.fsGroup`, found, why, waysOut: ways, level: 'advice' }];
  }
  if (textAt(security, 'fsGroupChangePolicy') === 'OnRootMismatch') return [];
  const finding: Finding = {
    object,
    field: `${field}.fsGroupChangePolicy`,
    found: 'it is not OnRootMismatch',
    why:
      'Kubernetes then makes every file of the volume group-writable at each mount; PostgreSQL ' +
      'refuses a data directory that is not 0700 or 0750, and big volumes take minutes.',
    waysOut: ['Set fsGroupChangePolicy: OnRootMismatch', ...ways.slice(1)],
    level: 'advice',
  };
  return [finding];
}

function podFindings(workload: Workload): readonly Finding[] {
  const { object, pod, podField } = workload;
  if (at(pod, 'terminationGracePeriodSeconds') === UNKNOWN) return [];
  const seconds = numberAt(pod, 'terminationGracePeriodSeconds');
  const findings: Finding[] = [];
  if ((seconds ?? 30) < graceSecondsMin) {
    findings.push({
      object,
      field: `${podField}.terminationGracePeriodSeconds`,
      found: seconds === undefined ? 'it is not set, which means 30 seconds' : `${seconds} seconds`,
      why:
        'A fast shutdown writes a checkpoint first; killed before, the server starts with crash ' +
        'recovery. The image itself says that 90 seconds may not be enough.',
      waysOut: [
        `Set terminationGracePeriodSeconds to ${graceSeconds}`,
        'Lower max_wal_size, so that a checkpoint is short',
        'Keep it with a reason, when the data may be lost',
      ],
      level: 'violation',
    });
  }
  if (isKind(object, 'apps', 'StatefulSet', 'Deployment') && (workload.replicas ?? 1) > 1) {
    findings.push({
      object,
      field: 'spec.replicas',
      found: `${workload.replicas} pods of the plain image`,
      why: 'They are separate servers that know nothing of each other, behind one Service.',
      waysOut: [
        'Set spec.replicas to 1',
        'Use CloudNativePG or Patroni for a real standby',
        'Give each server a name and Service of its own',
      ],
      level: 'violation',
    });
  }
  return findings;
}

function probeFindings({ object }: Workload, { fields, field }: Container): readonly Finding[] {
  const liveness = at(fields, 'livenessProbe');
  if (liveness === undefined || liveness === UNKNOWN) return [];
  const findings: Finding[] = [];
  const startup = at(fields, 'startupProbe');
  const allowed = startup === undefined ? secondsOf(liveness) : secondsOf(startup);
  if (startup !== UNKNOWN && allowed < recoverySecondsMin) {
    findings.push({
      object,
      field: `${field}.${startup === undefined ? 'livenessProbe' : 'startupProbe'}`,
      found: `the server is killed when it does not answer ${allowed} seconds after its start`,
      why:
        'After a power cut it replays its log before it answers. Killed in the middle it begins ' +
        'again, for ever.',
      waysOut: [
        `Add a startupProbe with failureThreshold x periodSeconds >= ${recoverySecondsMin}`,
        'Drop the livenessProbe: PostgreSQL ends by itself when it is broken',
        'Lower max_wal_size and checkpoint_timeout, so that there is less to replay',
      ],
      level: 'violation',
    });
  }
  if (at(liveness, 'tcpSocket') !== undefined) {
    findings.push({
      object,
      field: `${field}.livenessProbe.tcpSocket`,
      found: 'it opens a connection and says nothing',
      why: 'Each try leaves a line in the log and a process; the port answers before the server does.',
      waysOut: [
        'Use exec with pg_isready',
        'Drop the livenessProbe',
        'Use a readinessProbe instead',
      ],
      level: 'advice',
    });
  }
  return findings;
}

/** How long a probe lets the container be, with the defaults of Kubernetes; unknown is patient. */
function secondsOf(probe: Value): number {
  if (holdsUnknown(probe, 2)) return Number.POSITIVE_INFINITY;
  const initial = numberAt(probe, 'initialDelaySeconds') ?? 0;
  const period = numberAt(probe, 'periodSeconds') ?? 10;
  return initial + period * (numberAt(probe, 'failureThreshold') ?? 3);
}

function sharedMemoryFindings(workload: Workload, container: Container): readonly Finding[] {
  if (!container.mountsKnown || mountOver(container, '/dev/shm') !== undefined) return [];
  const finding: Finding = {
    object: workload.object,
    field: `${container.field}.volumeMounts`,
    found: 'nothing is mounted at /dev/shm, which is then 64 MB',
    why: 'Parallel queries share memory there and fail with "could not resize shared memory segment".',
    waysOut: [
      'Mount emptyDir { medium: Memory, sizeLimit: 256Mi } at /dev/shm',
      'Set max_parallel_workers_per_gather to 0',
      'Set dynamic_shared_memory_type to mmap, on a fast disk',
    ],
    level: 'advice',
  };
  return [finding];
}
