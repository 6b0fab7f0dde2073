/**
 * One PostgreSQL server on one volume, from the official image.
 *
 * The contract with the image, and why each value is what it is: docs/components/postgres.md.
 * Promises: a stop is a clean stop (two minutes of grace), crash recovery is never killed by a probe,
 * the server never makes a new cluster where one was (scripts/guard-postgres.sh), and the password in
 * the Secret stays the database's password also after the state was lost.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import { AppVolume, type VolumePlace } from './app-volume.ts';
import { annotation, label, managed } from './names.ts';
import { readPostgresImage } from './rules/databases.ts';
import { formatOf } from './rules/edits.ts';
import { script } from './script.ts';
import { secretData } from './secret-data.ts';

export interface PostgresArgs {
  /** Service, StatefulSet, Secret and claim are called `postgres-<name>`. */
  readonly name: string;
  /** Namespace of all of them; pass the Namespace's output. */
  readonly namespace: pulumi.Input<string>;
  /** Official image, or one with its contract; the major version must stand in the tag. */
  readonly image: string;
  /** First database and its owner; read by the image at its very first start. */
  readonly database: string;
  readonly user: string;
  readonly sizeBytes: number;
  /** StorageClass; pass the tier's output. */
  readonly className: pulumi.Input<string>;
  /** Where the data live, on a static tier. */
  readonly place?: VolumePlace;
  /** CPU and memory asked for, and the memory it may use. */
  readonly resources: {
    readonly cpu: string;
    readonly memory: string;
    readonly memoryLimit: string;
  };
  /** Takes the protection off, so that the database may leave the stack. Default: false. */
  readonly retire?: boolean;
  /** The password that the cluster holds, when the state does not know it any more. */
  readonly existingPassword?: pulumi.Input<string>;
  /** The provider that takes over existing objects. */
  readonly dataProvider: k8s.Provider;
}

export const postgresPort = 5432;

export class Postgres extends pulumi.ComponentResource {
  /** Host name inside the cluster. */
  readonly host: pulumi.Output<string>;
  /** The owner's password; secret. */
  readonly password: pulumi.Output<string>;
  /** Wait for this to know that the server answers. */
  readonly server: k8s.apps.v1.StatefulSet;

  constructor(name: string, args: PostgresArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:Postgres',
      name,
      { name: args.name, image: args.image, database: args.database, user: args.user },
      opts,
    );
    const format = readPostgresImage(args.image);
    if (format === undefined)
      throw new pulumi.ResourceError(`no PostgreSQL version in the tag of ${args.image}`, this);
    const objectName = `postgres-${args.name}`;
    const labels = { ...managed, [label.database]: args.name };
    // Part of the StatefulSet's selector, which cannot change: nothing else may carry them.
    const podLabels = { 'app.kubernetes.io/name': 'postgres', [label.database]: args.name };
    const metadata = { name: objectName, namespace: args.namespace, labels };
    const volume = new AppVolume(
      `${name}-volume`,
      {
        name: objectName,
        namespace: args.namespace,
        sizeBytes: args.sizeBytes,
        className: args.className,
        ...(args.place === undefined ? {} : { place: args.place }),
        retire: args.retire ?? false,
        annotations: { [annotation.postgres]: formatOf(args.image) ?? '' },
        dataProvider: args.dataProvider,
      },
      { parent: this },
    );
    this.password = this.#password(name, args);
    const secret = this.#secret(name, args, metadata);
    this.server = new k8s.apps.v1.StatefulSet(
      `${name}-server`,
      {
        metadata,
        spec: {
          serviceName: objectName,
          replicas: 1,
          selector: { matchLabels: podLabels },
          template: {
            metadata: { labels: { ...labels, ...podLabels } },
            spec: podSpec(args, format, {
              secretName: secret.metadata.name,
              claimName: volume.claimName,
            }),
          },
        },
      },
      { parent: this, dependsOn: volume },
    );
    const service = new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata,
        spec: {
          selector: podLabels,
          ports: [{ name: 'postgres', port: postgresPort, targetPort: 'postgres' }],
        },
      },
      // Pulumi waits for pods behind a Service: were the server to wait for it, neither would come.
      { parent: this, dependsOn: this.server },
    );
    this.host = pulumi.interpolate`${service.metadata.name}.${service.metadata.namespace}.svc`;
    this.registerOutputs({ host: this.host });
  }

  #password(name: string, args: PostgresArgs): pulumi.Output<string> {
    const made = new random.RandomPassword(
      `${name}-password`,
      { length: 32, special: false },
      { parent: this, protect: args.retire !== true, retainOnDelete: true },
    );
    return pulumi.secret(args.existingPassword ?? made.result);
  }

  /** Made once: whatever the program would write later, the database keeps the password it has. */
  #secret(
    name: string,
    args: PostgresArgs,
    metadata: { name: string; namespace: pulumi.Input<string>; labels: Record<string, string> },
  ): k8s.core.v1.Secret {
    return new k8s.core.v1.Secret(
      `${name}-secret`,
      {
        metadata,
        data: secretData({
          host: pulumi.interpolate`${metadata.name}.${metadata.namespace}.svc`,
          port: String(postgresPort),
          database: args.database,
          username: args.user,
          password: this.password,
        }),
      },
      {
        parent: this,
        provider: args.dataProvider,
        protect: args.retire !== true,
        retainOnDelete: true,
        ignoreChanges: ['data.password'],
      },
    );
  }
}

interface Bound {
  readonly secretName: pulumi.Input<string>;
  readonly claimName: pulumi.Input<string>;
}

function podSpec(
  args: PostgresArgs,
  format: { readonly major: number; readonly base: 'alpine' | 'debian' },
  bound: Bound,
): k8s.types.input.core.v1.PodSpec {
  // The official images: `postgres` is 70 on alpine and 999 on Debian.
  const userId = format.base === 'alpine' ? 70 : 999;
  // From 18 on the image declares its volume one folder higher and refuses the old place.
  const root = format.major >= 18 ? '/var/lib/postgresql' : '/var/lib/postgresql/data';
  // Never the root of the volume: initdb wants an empty folder, and there is `lost+found` or our mark.
  const dataFolder = `${root}/pgdata`;
  const data = { name: 'data', mountPath: root };
  const unprivileged = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
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
    initContainers: [
      {
        name: 'guard',
        image: args.image,
        imagePullPolicy: 'IfNotPresent',
        command: ['/bin/sh', '-c', script('guard-postgres')],
        env: [
          // Only static volumes bear the mark.
          { name: 'VOLUME', value: args.place === undefined ? '' : `postgres-${args.name}` },
          { name: 'ROOT', value: root },
          { name: 'PGDATA', value: dataFolder },
        ],
        volumeMounts: [data],
        securityContext: unprivileged,
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
      },
    ],
    containers: [
      {
        name: 'postgres',
        image: args.image,
        imagePullPolicy: 'IfNotPresent',
        ports: [{ name: 'postgres', containerPort: postgresPort }],
        env: [
          { name: 'PGDATA', value: dataFolder },
          { name: 'POSTGRES_INITDB_ARGS', value: '--data-checksums' },
          ...fromSecret(bound.secretName),
        ],
        ...probes,
        resources: {
          requests: { cpu: args.resources.cpu, memory: args.resources.memory },
          limits: { memory: args.resources.memoryLimit },
        },
        securityContext: unprivileged,
        volumeMounts: [data, { name: 'shm', mountPath: '/dev/shm' }],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: bound.claimName } },
      // Parallel queries share memory there; the runtime's default of 64 MB is too small.
      { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '256Mi' } },
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
  // 1 is "refuses connections": it starts, recovers or stops, and is alive. Only silence (2) is death.
  livenessProbe: {
    exec: { command: ['/bin/sh', '-c', `${isReady}; test $? -lt 2`] },
    periodSeconds: 15,
    timeoutSeconds: 10,
    failureThreshold: 6,
  },
} satisfies Partial<k8s.types.input.core.v1.Container>;
