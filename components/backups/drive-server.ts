/**
 * restic's own server in front of a disk of a node, so that every node can back up to it. It never
 * writes to a bare mount point: it starts only after the disk was found mounted, and the right one.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { noPrivileges } from '../applications/pod.ts';
import {
  diskEnvironment,
  diskMounts,
  type DiskPlace,
  diskVolumes,
  onNode,
  rootOnDisk,
} from '../disk-pod.ts';
import { label, managed } from '../names.ts';
import { script } from '../script.ts';
import { secretData } from '../secret-data.ts';

const drivePort = 8000;
/** Jobs sign in under this name; repositories lie in a folder of it. */
export const driveUser = 'larder';

/** Where repositories lie on the disk. */
const driveDirectory = (mountPath: string): string => `${mountPath}/larder/backups`;

export interface DriveServerArgs {
  readonly target: string;
  readonly disk: DiskPlace;
  readonly namespace: pulumi.Input<string>;
  /** bcrypt. */
  readonly passwordHash: pulumi.Output<string>;
  readonly image: string;
  readonly toolsImage: string;
}

export interface DriveServer {
  readonly deployment: k8s.apps.v1.Deployment;
  readonly host: pulumi.Output<string>;
}

export function driveServer(
  name: string,
  args: DriveServerArgs,
  opts: pulumi.CustomResourceOptions,
): DriveServer {
  const objectName = `backup-server-${args.target}`;
  const labels = { ...managed, [label.backup]: args.target };
  const selector = { 'app.kubernetes.io/name': 'backup-server', [label.backup]: args.target };
  const metadata = { name: objectName, namespace: args.namespace, labels };
  const secret = new k8s.core.v1.Secret(
    `${name}-server-secret`,
    {
      metadata,
      data: secretData({ htpasswd: pulumi.interpolate`${driveUser}:${args.passwordHash}\n` }),
    },
    opts,
  );
  const deployment = new k8s.apps.v1.Deployment(
    `${name}-server`,
    {
      metadata,
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: { ...labels, ...selector } },
          spec: serverPod(args, secret.metadata.name),
        },
      },
    },
    opts,
  );
  const service = new k8s.core.v1.Service(
    `${name}-server-service`,
    {
      metadata,
      spec: { selector, ports: [{ name: 'http', port: drivePort, targetPort: 'http' }] },
    },
    { ...opts, dependsOn: deployment },
  );
  const host = pulumi.interpolate`${service.metadata.name}.${service.metadata.namespace}.svc`;
  return { deployment, host };
}

function serverPod(
  { disk, image, toolsImage }: DriveServerArgs,
  secretName: pulumi.Input<string>,
): k8s.types.input.core.v1.PodSpec {
  return {
    nodeSelector: onNode(disk.node),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    initContainers: [
      {
        name: 'find-disk',
        image: toolsImage,
        imagePullPolicy: 'IfNotPresent',
        command: [
          '/bin/sh',
          '-c',
          `${script('disk')}\nenter_disk\nmkdir -p larder/backups\ndurable larder/backups larder`,
        ],
        env: diskEnvironment(disk),
        volumeMounts: diskMounts(disk),
        securityContext: rootOnDisk,
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
      },
    ],
    containers: [
      {
        name: 'server',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: [
          'rest-server',
          '--path=/data',
          `--listen=:${drivePort}`,
          '--htpasswd-file=/auth/htpasswd',
          '--private-repos',
        ],
        ports: [{ name: 'http', containerPort: drivePort }],
        readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 5 },
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'auth', mountPath: '/auth', readOnly: true },
        ],
        // The folder is root's; of root's powers it has none.
        securityContext: {
          ...noPrivileges,
          runAsUser: 0,
          runAsGroup: 0,
          readOnlyRootFilesystem: true,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
      },
    ],
    volumes: [
      { name: 'data', hostPath: { path: driveDirectory(disk.mountPath), type: 'Directory' } },
      { name: 'auth', secret: { secretName } },
      ...diskVolumes(disk),
    ],
  };
}
