/**
 * Gitea: one pod from the official rootless image, its repositories on one volume, everything else
 * in a PostgreSQL database.
 *
 * Promises: the keys that its data are encrypted with are drawn once, protected and kept; its
 * configuration is this program's alone and made anew at each start; old pod before new pod, one
 * writer. The contract with the image: docs/components/gitea.md.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import * as random from '@pulumi/random';
import { AppVolume, type AppVolumeArgs } from '../volumes/app-volume.ts';
import { annotation, label, managed } from '../names.ts';
import { secretData } from '../secret-data.ts';
import { noPrivileges, type Resources } from './pod.ts';
import { type Workload, workload } from './workload.ts';

/** User and group of the rootless image. */
const giteaUser = 1000;
const httpPort = 3000;
const sshPort = 2222;
const work = '/var/lib/gitea';

export interface GiteaArgs {
  /** All its objects are called `gitea-<name>`. */
  readonly name: string;
  /** The volume of its repositories, LFS objects, attachments and packages. */
  readonly volume: Omit<AppVolumeArgs, 'name'>;
  readonly image: string;
  readonly toolsImage: string;
  /** Name under which people reach it, for links and clone addresses. */
  readonly domain: string;
  /** Where people reach it by HTTP. Default: `http://<domain>/`. */
  readonly rootUrl?: string;
  /** Port in the clone addresses of SSH; what leads there is yours to set up. Default: 2222. */
  readonly sshPort?: number;
  readonly database: {
    /** Its name in the stack file: kept on the claim, so that a change of it is noticed. */
    readonly entry: string;
    readonly host: pulumi.Input<string>;
    readonly name: string;
    readonly user: string;
    /** Secret with a key `password`, in the same Namespace. */
    readonly secretName: string;
    readonly server: pulumi.Resource;
  };
  /** Name of the first administrator. */
  readonly admin: string;
  /** Whether its mirrors may go to private addresses, such as another shelf. Default: false. */
  readonly mirrorsLocally?: boolean;
  readonly resources: Resources;
  /** Values of its Secret that the cluster holds, when the state does not know them any more. */
  readonly existing?: Readonly<Record<string, pulumi.Input<string>>>;
  /** What must be ready before it starts, besides its database. */
  readonly after?: pulumi.Resource[];
}

/** What Gitea cannot do without: length of each, in letters and digits. */
const keyLengths = {
  /** Encrypts two-factor secrets and mirror passwords in the database. */
  'secret-key': 64,
  'internal-token': 64,
  /** 43 letters and digits are the base64 of the 32 bytes that it asks for. */
  'lfs-jwt-secret': 43,
  'oauth-jwt-secret': 43,
  'admin-password': 32,
} as const;

export class Gitea extends pulumi.ComponentResource {
  /** Host name inside the cluster; HTTP on port 3000, SSH on 2222. */
  readonly host: pulumi.Output<string>;
  readonly claimName: pulumi.Output<string>;
  /** Wait for this to know that it answers. */
  readonly server: k8s.apps.v1.Deployment;
  /** The administrator's password; secret. */
  readonly adminPassword: pulumi.Output<string>;

  constructor(name: string, args: GiteaArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:Gitea',
      name,
      { name: args.name, image: args.image, domain: args.domain, admin: args.admin },
      opts,
    );
    const objectName = `gitea-${args.name}`;
    const volume = new AppVolume(
      `${name}-volume`,
      {
        ...args.volume,
        name: objectName,
        annotations: { ...args.volume.annotations, [annotation.records]: args.database.entry },
      },
      { parent: this },
    );
    const keys = this.#keys(name, args);
    const secret = this.#secret(name, args, objectName, keys);
    const built: Workload = workload(
      name,
      {
        kind: 'gitea',
        objectName,
        namespace: args.volume.namespace,
        name: 'gitea',
        image: args.image,
        toolsImage: args.toolsImage,
        env: environment(args, secret.metadata.name),
        mounts: [
          {
            claimName: volume.claimName,
            volume: objectName,
            path: work,
            isMarked: args.volume.place !== undefined,
          },
        ],
        // Its configuration and its temporary files: made anew at each start.
        scratch: { config: '/etc/gitea', tmp: '/tmp' },
        init: [administrator(args, objectName, secret.metadata.name)],
        ports: [
          { name: 'http', port: httpPort },
          { name: 'ssh', port: sshPort },
        ],
        resources: args.resources,
        user: giteaUser,
        probes: probes(),
        // Gitea's own GRACEFUL_HAMMER_TIME is 60 s.
        graceSeconds: 75,
        after: [volume, args.database.server, ...(args.after ?? [])],
      },
      { parent: this },
    );
    this.server = built.deployment;
    this.host = built.host ?? pulumi.output('');
    this.claimName = volume.claimName;
    this.adminPassword = keys['admin-password'];
    this.registerOutputs({ host: this.host });
  }

  #keys(name: string, args: GiteaArgs): Record<keyof typeof keyLengths, pulumi.Output<string>> {
    const draw = (key: keyof typeof keyLengths): pulumi.Output<string> => {
      const made = new random.RandomPassword(
        `${name}-${key}`,
        { length: keyLengths[key], special: false },
        { parent: this, protect: args.volume.retire !== true, retainOnDelete: true },
      );
      return pulumi.secret(args.existing?.[key] ?? made.result);
    };
    return {
      'secret-key': draw('secret-key'),
      'internal-token': draw('internal-token'),
      'lfs-jwt-secret': draw('lfs-jwt-secret'),
      'oauth-jwt-secret': draw('oauth-jwt-secret'),
      'admin-password': draw('admin-password'),
    };
  }

  /** Made once: whatever the program would write later, Gitea keeps the keys it began with. */
  #secret(
    name: string,
    args: GiteaArgs,
    objectName: string,
    keys: Readonly<Record<string, pulumi.Output<string>>>,
  ): k8s.core.v1.Secret {
    return new k8s.core.v1.Secret(
      `${name}-secret`,
      {
        metadata: {
          name: objectName,
          namespace: args.volume.namespace,
          labels: { ...managed, [label.application]: objectName },
        },
        data: secretData(keys),
      },
      {
        parent: this,
        provider: args.volume.dataProvider,
        protect: args.volume.retire !== true,
        retainOnDelete: true,
        ignoreChanges: ['data'],
      },
    );
  }
}

type EnvVar = k8s.types.input.core.v1.EnvVar;

/** Gitea reads `GITEA__<section>__<KEY>` into its configuration. */
function environment(args: GiteaArgs, secretName: pulumi.Input<string>): EnvVar[] {
  const { database } = args;
  const plain: Record<string, pulumi.Input<string>> = {
    database__DB_TYPE: 'postgres',
    database__HOST: pulumi.interpolate`${database.host}:5432`,
    database__NAME: database.name,
    database__USER: database.user,
    security__INSTALL_LOCK: 'true',
    service__DISABLE_REGISTRATION: 'true',
    server__DOMAIN: args.domain,
    server__ROOT_URL: args.rootUrl ?? `http://${args.domain}/`,
    server__HTTP_PORT: String(httpPort),
    server__START_SSH_SERVER: 'true',
    server__SSH_DOMAIN: args.domain,
    server__SSH_PORT: String(args.sshPort ?? sshPort),
    server__SSH_LISTEN_PORT: String(sshPort),
    server__APP_DATA_PATH: `${work}/data`,
    server__LFS_START_SERVER: 'true',
    repository__ROOT: `${work}/git/repositories`,
    lfs__PATH: `${work}/git/lfs`,
    // Repositories are worth a flush: with this, git syncs objects and references.
    git_0x2E_config__core_0x2E_fsync: 'committed,reference',
    log__LEVEL: 'Warn',
    // Without it Gitea answers "Permission denied" to a mirror on another shelf.
    ...(args.mirrorsLocally === true ? { migrations__ALLOW_LOCALNETWORKS: 'true' } : {}),
  };
  const fromSecret = (key: string, secret: pulumi.Input<string>, secretKey: string): EnvVar => ({
    name: `GITEA__${key}`,
    valueFrom: { secretKeyRef: { name: secret, key: secretKey } },
  });
  return [
    ...Object.entries(plain).map(([key, value]) => ({ name: `GITEA__${key}`, value })),
    fromSecret('database__PASSWD', database.secretName, 'password'),
    fromSecret('security__SECRET_KEY', secretName, 'secret-key'),
    fromSecret('security__INTERNAL_TOKEN', secretName, 'internal-token'),
    fromSecret('server__LFS_JWT_SECRET', secretName, 'lfs-jwt-secret'),
    fromSecret('oauth2__JWT_SECRET', secretName, 'oauth-jwt-secret'),
  ];
}

/**
 * Makes the tables and the administrator when there are none. An administrator that is there keeps
 * the password that he gave himself.
 */
const firstStart = `
set -eu
# The database may be reached a moment after it is ready.
tries=30
until gitea migrate; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || exit 1
  sleep 2
done
if [ "$(gitea admin user list --admin | wc -l)" -lt 2 ]; then
  gitea admin user create --admin --username "$ADMIN" --password "$ADMIN_PASSWORD" \\
    --email "$ADMIN@localhost" --must-change-password=false >/dev/null
  echo "made the administrator $ADMIN"
fi
`;

function administrator(
  args: GiteaArgs,
  volume: string,
  secretName: pulumi.Input<string>,
): k8s.types.input.core.v1.Container {
  return {
    name: 'first-start',
    image: args.image,
    imagePullPolicy: 'IfNotPresent',
    // Behind the image's own entry point, which writes the configuration first.
    args: ['/bin/bash', '-c', firstStart],
    env: [
      ...environment(args, secretName),
      { name: 'ADMIN', value: args.admin },
      {
        name: 'ADMIN_PASSWORD',
        valueFrom: { secretKeyRef: { name: secretName, key: 'admin-password' } },
      },
    ],
    volumeMounts: [
      { name: volume, mountPath: work },
      { name: 'config', mountPath: '/etc/gitea' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
    securityContext: noPrivileges,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    resources: {
      requests: { cpu: args.resources.cpu, memory: '128Mi' },
      limits: { memory: args.resources.memoryLimit },
    },
  };
}

function probes() {
  const healthz = { httpGet: { path: '/api/healthz', port: 'http' } };
  return {
    // Ten minutes: a new version migrates its tables first.
    startupProbe: { ...healthz, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 300 },
    readinessProbe: { ...healthz, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    // Its health includes the database; a database that restarts is no reason to kill Gitea.
    livenessProbe: {
      tcpSocket: { port: 'http' },
      periodSeconds: 20,
      timeoutSeconds: 10,
      failureThreshold: 6,
    },
  };
}
