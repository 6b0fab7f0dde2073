/**
 * A pod beside a database: the server's own client, on the disk that holds the dumps. Dumps and
 * restores are such pods, with a script each.
 */
import type { types } from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';
import {
  diskEnvironment,
  diskMounts,
  type DiskPlace,
  diskVolumes,
  onNode,
  rootOnDisk,
} from '../disk-pod.ts';
import { script } from '../script.ts';

/** A database, and the disk that its dumps are on. */
export interface DumpedDatabase {
  /** Name of the database; dumps are kept in a folder of this name. */
  readonly database: string;
  /** Host name of its Service. */
  readonly host: pulumi.Input<string>;
  /** A superuser: roles are dumped too. */
  readonly user: string;
  readonly password: pulumi.Input<string>;
  /** The server's own image: pg_dump of an older version refuses a newer server. */
  readonly image: string;
  readonly disk: DiskPlace;
  /** The system Namespace; it admits pods that work on disks. */
  readonly namespace: pulumi.Input<string>;
  /** What must be ready before the pod begins. */
  readonly server: pulumi.Resource;
}

interface DatabaseWork {
  readonly name: 'dump' | 'restore';
  readonly script: 'dump' | 'restore-postgres';
  /** What the script wants to know besides the database and its disk. */
  readonly env: Readonly<Record<string, string>>;
}

/** @param host given apart, because a name made from the recipe must not wait for the Service */
export function databasePod(
  { database, user, image, disk }: DumpedDatabase,
  work: DatabaseWork,
  host: pulumi.Input<string>,
  secretName: string,
): types.input.core.v1.PodSpec {
  return {
    restartPolicy: 'Never',
    nodeSelector: onNode(disk.node),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [
      {
        name: work.name,
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['/bin/sh', '-c', script('disk', work.script)],
        env: [
          ...diskEnvironment(disk),
          { name: 'DATABASE', value: database },
          ...Object.entries(work.env).map(([name, value]) => ({ name, value })),
          { name: 'PGHOST', value: host },
          { name: 'PGUSER', value: user },
          { name: 'PGCONNECT_TIMEOUT', value: '30' },
          {
            name: 'PGPASSWORD',
            valueFrom: { secretKeyRef: { name: secretName, key: 'password' } },
          },
        ],
        volumeMounts: diskMounts(disk),
        securityContext: rootOnDisk,
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
      },
    ],
    volumes: diskVolumes(disk),
  };
}
