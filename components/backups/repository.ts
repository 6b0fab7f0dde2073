/**
 * Where backups go, and what a pod needs to reach it with restic. Pure.
 *
 * One repository a source: a damaged one harms no other, and no job waits for another's lock. All
 * repositories of a target have one password, which is the owner's and not drawn by the program:
 * a key that exists in the cluster alone is lost with it.
 */
import type { types } from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';

interface Common {
  readonly name: string;
}

interface S3Place extends Common {
  readonly kind: 's3';
  /** `https://s3.example.org` */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
}

interface NfsPlace extends Common {
  readonly kind: 'nfs';
  readonly server: string;
  readonly path: string;
}

/** A disk of a node, behind a server of its own (backups/drive-server.ts). */
interface DrivePlace extends Common {
  readonly kind: 'drive';
  readonly host: pulumi.Input<string>;
}

export type TargetPlace = S3Place | NfsPlace | DrivePlace;

/** Name of the Secret of a target, in every Namespace that backs up to it. */
export const targetSecret = (target: string): string => `backup-${target}`;

/** Its keys. */
export const secretKeys = {
  password: 'password',
  accessKey: 'access-key',
  secretKey: 'secret-key',
  user: 'user',
  userPassword: 'user-password',
} as const;

export interface Access {
  readonly env: readonly types.input.core.v1.EnvVar[];
  readonly volumes: readonly types.input.core.v1.Volume[];
  readonly mounts: readonly types.input.core.v1.VolumeMount[];
}

/** @param source path of the repository in the target: `<stack>/<name>` */
export function accessTo(target: TargetPlace, source: string): Access {
  const fromSecret = (name: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: targetSecret(target.name), key } },
  });
  const common = {
    env: [
      { name: 'RESTIC_PASSWORD_FILE', value: '/secrets/password' },
      { name: 'RESTIC_CACHE_DIR', value: '/cache' },
      { name: 'RESTIC_PROGRESS_FPS', value: '0.0166' },
    ],
    volumes: [
      {
        name: 'secrets',
        secret: {
          secretName: targetSecret(target.name),
          items: [{ key: secretKeys.password, path: 'password' }],
        },
      },
      { name: 'cache', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ],
    mounts: [
      { name: 'secrets', mountPath: '/secrets', readOnly: true },
      { name: 'cache', mountPath: '/cache' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  const repository = (value: pulumi.Input<string>) => ({ name: 'RESTIC_REPOSITORY', value });
  switch (target.kind) {
    case 's3':
      return {
        ...common,
        env: [
          ...common.env,
          repository(`s3:${target.endpoint}/${target.bucket}/larder/${source}`),
          fromSecret('AWS_ACCESS_KEY_ID', secretKeys.accessKey),
          fromSecret('AWS_SECRET_ACCESS_KEY', secretKeys.secretKey),
          { name: 'AWS_DEFAULT_REGION', value: target.region },
        ],
      };
    case 'nfs':
      return {
        env: [...common.env, repository(`/target/larder/${source}`)],
        volumes: [
          ...common.volumes,
          { name: 'target', nfs: { server: target.server, path: target.path } },
        ],
        mounts: [...common.mounts, { name: 'target', mountPath: '/target' }],
      };
    case 'drive':
      return {
        ...common,
        env: [
          ...common.env,
          { name: 'TARGET', value: target.host },
          // Expanded by the kubelet; the host is known only when its Service is.
          repository(`rest:http://$(TARGET):8000/larder/${source}/`),
          fromSecret('RESTIC_REST_USERNAME', secretKeys.user),
          fromSecret('RESTIC_REST_PASSWORD', secretKeys.userPassword),
        ],
      };
  }
}
