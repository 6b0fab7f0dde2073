/**
 * One PostgreSQL server on one volume, from the official image.
 *
 * The contract with the image, and why each value is what it is: docs/components/postgres.md.
 * Promises: a stop is a clean stop (two minutes of grace), crash recovery is never killed by a
 * probe, the server never makes a new cluster where one was (scripts/guard-postgres.sh), and the
 * password in the Secret stays the database's password also after the state was lost.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import { AppVolume } from '../volumes/app-volume.ts';
import type { VolumePlace } from '../volumes/disk.ts';
import { annotation, label, managed } from '../names.ts';
import { postgresPod, postgresPort } from './postgres-pod.ts';
import { readPostgresImage } from '../rules/databases.ts';
import { formatOf } from '../rules/edits.ts';
import { secretData } from '../secret-data.ts';

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
  /** Further annotations of the claim. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Labels of the claim, for its owner. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Takes the protection off, so that the database may leave the stack. Default: false. */
  readonly retire?: boolean;
  /** The password that the cluster holds, when the state does not know it any more. */
  readonly existingPassword?: pulumi.Input<string>;
  /** The provider that takes over existing objects. */
  readonly dataProvider: k8s.Provider;
}

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
    const volume = this.#volume(name, args);
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
            spec: postgresPod(
              {
                image: args.image,
                format,
                resources: args.resources,
                markedVolume: args.place === undefined ? '' : objectName,
              },
              { secretName: secret.metadata.name, claimName: volume.claimName },
            ),
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

  #volume(name: string, args: PostgresArgs): AppVolume {
    return new AppVolume(
      `${name}-volume`,
      {
        name: `postgres-${args.name}`,
        namespace: args.namespace,
        sizeBytes: args.sizeBytes,
        className: args.className,
        ...(args.place === undefined ? {} : { place: args.place }),
        retire: args.retire ?? false,
        labels: args.labels ?? {},
        annotations: { ...args.annotations, [annotation.postgres]: formatOf(args.image) ?? '' },
        dataProvider: args.dataProvider,
      },
      { parent: this },
    );
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
