/**
 * The pod of a PostgreSQL server: user, folders, probes, privileges. Pure: arguments in, pod spec
 * out. Each value and its reason: docs/components/postgres.md.
 */
import type * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';
import { environment } from '../environment.ts';
import type { PostgresImage } from '../rules/databases.ts';
import { script } from '../script.ts';

export const postgresPort = 5432;

export interface PostgresPodArgs {
  readonly image: string;
  readonly format: PostgresImage;
  readonly resources: {
    readonly cpu: string;
    readonly memory: string;
    readonly memoryLimit: string;
  };
  /** Name of the volume whose mark must be there; empty on tiers that make no mark. */
  readonly markedVolume: string;
}

export interface Bound {
  readonly secretName: pulumi.Input<string>;
  readonly claimName: pulumi.Input<string>;
}

/** The pod of a server: what the image expects, and nothing that it does not need. */
export function postgresPod(args: PostgresPodArgs, bound: Bound): k8s.types.input.core.v1.PodSpec {
  const { format } = args;
  // The official images: `postgres` is 70 on alpine and 999 on Debian.
  const userId = format.base === 'alpine' ? 70 : 999;
  // From 18 on the image declares its volume one folder higher and refuses the old place.
  const root = format.major >= 18 ? '/var/lib/postgresql' : '/var/lib/postgresql/data';
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // The image's own comment: even 90 s may not be enough for a fast shutdown.
    terminationGracePeriodSeconds: 120,
    securityContext: {
      runAsUser: userId,
      runAsGroup: userId,
      runAsNonRoot: true,
      fsGroup: userId,
      // `Always` would make the data folder group-writable at each start, which the server refuses.
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    initContainers: [guardContainer(args, root)],
    containers: [serverContainer(args, root, bound)],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: bound.claimName } },
      // Parallel queries share memory there; the runtime's default of 64 MB is too small.
      { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '256Mi' } },
    ],
  };
}

/** Never the volume's root: initdb wants an empty folder, and `lost+found` or our mark is there. */
const dataFolderIn = (root: string) => `${root}/pgdata`;

const unprivileged = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

function guardContainer(args: PostgresPodArgs, root: string): k8s.types.input.core.v1.Container {
  return {
    name: 'guard',
    image: args.image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', '-c', script('guard-postgres')],
    env: [
      ...environment({ VOLUME: args.markedVolume }),
      { name: 'ROOT', value: root },
      { name: 'PGDATA', value: dataFolderIn(root) },
    ],
    volumeMounts: [{ name: 'data', mountPath: root }],
    securityContext: unprivileged,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
  };
}

function serverContainer(
  args: PostgresPodArgs,
  root: string,
  bound: Bound,
): k8s.types.input.core.v1.Container {
  return {
    name: 'postgres',
    image: args.image,
    imagePullPolicy: 'IfNotPresent',
    ports: [{ name: 'postgres', containerPort: postgresPort }],
    env: [
      { name: 'PGDATA', value: dataFolderIn(root) },
      { name: 'POSTGRES_INITDB_ARGS', value: '--data-checksums' },
      ...fromSecret(bound.secretName),
    ],
    ...probes,
    resources: {
      requests: { cpu: args.resources.cpu, memory: args.resources.memory },
      limits: { memory: args.resources.memoryLimit },
    },
    securityContext: unprivileged,
    volumeMounts: [
      { name: 'data', mountPath: root },
      { name: 'shm', mountPath: '/dev/shm' },
    ],
  };
}

const fromSecret = (name: pulumi.Input<string>): k8s.types.input.core.v1.EnvVar[] =>
  [
    ['POSTGRES_USER', 'username'] as const,
    ['POSTGRES_PASSWORD', 'password'] as const,
    ['POSTGRES_DB', 'database'] as const,
  ].map(([variable, key]) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name, key } },
  }));

/** Over TCP: while the image initialises, a server of its own listens on the socket alone. */
const isReady = 'pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"';

const probes = {
  // Ten minutes: recovery replays the write-ahead log before it accepts anybody.
  startupProbe: {
    exec: { command: ['/bin/sh', '-c', isReady] },
    periodSeconds: 2,
    timeoutSeconds: 5,
    failureThreshold: 300,
  },
  readinessProbe: {
    exec: { command: ['/bin/sh', '-c', isReady] },
    periodSeconds: 5,
    timeoutSeconds: 5,
    failureThreshold: 3,
  },
  // 1 is "refuses connections": it starts, recovers or stops, and is alive. Only silence (2) is
  // death.
  livenessProbe: {
    exec: { command: ['/bin/sh', '-c', `${isReady}; test $? -lt 2`] },
    periodSeconds: 15,
    timeoutSeconds: 10,
    failureThreshold: 6,
  },
} satisfies Partial<k8s.types.input.core.v1.Container>;
