/**
 * A place that backups go to: its keys where jobs need them, a server in front of it when it is a
 * disk of a node, and a proof, before anything relies on it, that it gives back what it took.
 *
 * Never: draws the password of the repositories. It is the owner's, and lives outside too.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import { digestOf } from '../digest.ts';
import type { DiskPlace } from '../disk-pod.ts';
import { label, managed } from '../names.ts';
import { secretData } from '../secret-data.ts';
import { driveServer, driveUser } from './drive-server.ts';
import { accessTo, secretKeys, type TargetPlace, targetSecret } from './repository.ts';
import { resticPod } from './restic-pod.ts';

interface TargetCommon {
  readonly name: string;
  /** Of all repositories in it. */
  readonly password: pulumi.Input<string>;
}

interface S3TargetArgs extends TargetCommon {
  readonly kind: 's3';
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKey: pulumi.Input<string>;
  readonly secretKey: pulumi.Input<string>;
}

interface NfsTargetArgs extends TargetCommon {
  readonly kind: 'nfs';
  readonly server: string;
  readonly path: string;
}

interface DriveTargetArgs extends TargetCommon {
  readonly kind: 'drive';
  readonly disk: DiskPlace;
}

export interface BackupTargetArgs {
  readonly target: S3TargetArgs | NfsTargetArgs | DriveTargetArgs;
  readonly stack: string;
  /** Namespaces whose jobs back up to it; pass the Namespaces' outputs. */
  readonly namespaces: Readonly<Record<string, pulumi.Input<string>>>;
  readonly systemNamespace: pulumi.Input<string>;
  readonly resticImage: string;
  readonly serverImage: string;
  readonly toolsImage: string;
}

export class BackupTarget extends pulumi.ComponentResource {
  readonly place: TargetPlace;
  /** Wait for this to know that the target works. */
  readonly probe: k8s.batch.v1.Job;
  /** What jobs in the Namespaces need: their Secrets. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: BackupTargetArgs, opts: pulumi.ComponentResourceOptions) {
    const { target } = args;
    super('larder:index:BackupTarget', name, { name: target.name, kind: target.kind }, opts);
    const user =
      target.kind === 'drive'
        ? new random.RandomPassword(
            `${name}-user`,
            { length: 32, special: false },
            { parent: this },
          )
        : undefined;
    const server =
      target.kind === 'drive' && user !== undefined
        ? driveServer(
            name,
            {
              target: target.name,
              disk: target.disk,
              namespace: args.systemNamespace,
              passwordHash: pulumi.secret(user.bcryptHash),
              image: args.serverImage,
              toolsImage: args.toolsImage,
            },
            { parent: this },
          )
        : undefined;
    this.place = placeOf(target, server?.host);
    const secrets = Object.entries(args.namespaces).map(
      ([key, namespace]) =>
        new k8s.core.v1.Secret(
          `${name}-secret-${key}`,
          {
            metadata: {
              name: targetSecret(target.name),
              namespace,
              labels: { ...managed, [label.backup]: target.name },
            },
            data: secretData(credentials(target, user && pulumi.secret(user.result))),
          },
          { parent: this },
        ),
    );
    this.ready = server === undefined ? secrets : [...secrets, server.deployment];
    this.probe = this.#probe(name, args);
    this.registerOutputs({});
  }

  /** Another address or another recipe is another job: it proves itself again. */
  #probe(name: string, args: BackupTargetArgs): k8s.batch.v1.Job {
    const { target } = args;
    const labels = { ...managed, [label.backup]: target.name };
    const access = accessTo(this.place, `${args.stack}/probe`);
    const spec = resticPod({
      image: args.resticImage,
      script: 'probe',
      source: target.name,
      access,
    });
    const fixed = placeOf(target, 'server');
    const recipe = resticPod({
      image: args.resticImage,
      script: 'probe',
      source: target.name,
      access: accessTo(fixed, `${args.stack}/probe`),
    });
    return new k8s.batch.v1.Job(
      `${name}-probe`,
      {
        metadata: {
          name: `probe-${target.name}-${digestOf(recipe)}`,
          namespace: args.systemNamespace,
          labels,
          annotations: { 'pulumi.com/replaceUnready': 'true' },
        },
        spec: {
          backoffLimit: 1,
          activeDeadlineSeconds: 600,
          template: { metadata: { labels }, spec },
        },
      },
      { parent: this, dependsOn: [...this.ready], customTimeouts: { create: '15m' } },
    );
  }
}

function placeOf(
  target: BackupTargetArgs['target'],
  host: pulumi.Input<string> | undefined,
): TargetPlace {
  const { name } = target;
  switch (target.kind) {
    case 's3': {
      const { endpoint, bucket, region } = target;
      return { kind: 's3', name, endpoint, bucket, region };
    }
    case 'nfs':
      return { kind: 'nfs', name, server: target.server, path: target.path };
    case 'drive':
      return { kind: 'drive', name, host: host ?? '' };
  }
}

function credentials(
  target: BackupTargetArgs['target'],
  userPassword: pulumi.Output<string> | undefined,
): Record<string, pulumi.Input<string>> {
  const password = { [secretKeys.password]: pulumi.secret(target.password) };
  switch (target.kind) {
    case 's3':
      return {
        ...password,
        [secretKeys.accessKey]: pulumi.secret(target.accessKey),
        [secretKeys.secretKey]: pulumi.secret(target.secretKey),
      };
    case 'nfs':
      return password;
    case 'drive':
      return {
        ...password,
        [secretKeys.user]: driveUser,
        ...(userPassword === undefined ? {} : { [secretKeys.userPassword]: userPassword }),
      };
  }
}
