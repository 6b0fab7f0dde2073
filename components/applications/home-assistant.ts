/**
 * Home Assistant: one pod, its folder on one volume. Upstream recommends its SQLite file, so the
 * volume belongs on a node's own disk (rules/applications.ts sees to it), and its backup takes a
 * consistent copy of that file (docs/components/home-assistant.md).
 */
import type * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { AppVolume, type AppVolumeArgs } from '../volumes/app-volume.ts';
import type { Resources } from './pod.ts';
import { workload } from './workload.ts';

const httpPort = 8123;

export interface HomeAssistantArgs {
  /** All its objects are called `home-assistant-<name>`. */
  readonly name: string;
  readonly volume: Omit<AppVolumeArgs, 'name'>;
  readonly image: string;
  readonly toolsImage: string;
  readonly timeZone: string;
  /** The node's own network, in which devices are found by broadcasts. */
  readonly hostNetwork: boolean;
  readonly resources: Resources;
  readonly after?: pulumi.Resource[];
}

export class HomeAssistant extends pulumi.ComponentResource {
  /** Host name inside the cluster, port 8123. */
  readonly host: pulumi.Output<string>;
  readonly claimName: pulumi.Output<string>;
  readonly server: k8s.apps.v1.Deployment;

  constructor(name: string, args: HomeAssistantArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:HomeAssistant', name, { name: args.name, image: args.image }, opts);
    const objectName = `home-assistant-${args.name}`;
    const volume = new AppVolume(
      `${name}-volume`,
      { ...args.volume, name: objectName },
      { parent: this },
    );
    const web = { httpGet: { path: '/manifest.json', port: 'http' } };
    const built = workload(
      name,
      {
        kind: 'home-assistant',
        exempt: {
          'postgres-over-sqlite':
            'upstream recommends its SQLite file; each backup takes a consistent copy of it',
        },
        objectName,
        namespace: args.volume.namespace,
        name: 'home-assistant',
        image: args.image,
        toolsImage: args.toolsImage,
        env: [{ name: 'TZ', value: args.timeZone }],
        mounts: [
          {
            claimName: volume.claimName,
            volume: objectName,
            path: '/config',
            isMarked: args.volume.place !== undefined,
          },
        ],
        ports: [{ name: 'http', port: httpPort }],
        resources: args.resources,
        // Its init system must be root.
        isRoot: true,
        hostNetwork: args.hostNetwork,
        probes: {
          // Twenty minutes: a new version changes its database first.
          startupProbe: { ...web, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 240 },
          readinessProbe: { ...web, periodSeconds: 15, timeoutSeconds: 5, failureThreshold: 4 },
          livenessProbe: {
            tcpSocket: { port: 'http' },
            periodSeconds: 30,
            timeoutSeconds: 10,
            failureThreshold: 6,
          },
        },
        // It writes its states and closes its database.
        graceSeconds: 120,
        after: [volume, ...(args.after ?? [])],
        startMinutes: 25,
      },
      { parent: this },
    );
    this.claimName = volume.claimName;
    this.server = built.deployment;
    this.host = built.host ?? pulumi.output('');
    this.registerOutputs({ host: this.host });
  }
}
