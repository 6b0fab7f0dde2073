/**
 * Loki as one binary on one volume, with a retention that is on.
 *
 * Promises: logs go when they are older than the retention and not before; a stop is a clean one
 * (what is in memory is written); a start after a crash is given the time to read its write-ahead
 * log. What it does not promise, and why: docs/components/loki.md.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { AppVolume, type AppVolumeArgs } from '../volumes/app-volume.ts';
import { parseSize } from '../config/quantity.ts';
import { digestOf } from '../digest.ts';
import { label, managed } from '../names.ts';
import { dailyRoom, lokiConfig } from './loki-config.ts';
import type { Resources } from './pod.ts';
import { workload } from './workload.ts';

/** User and group of the official image, which has no shell. */
const lokiUser = 10001;
const httpPort = 3100;

export interface LokiArgs {
  /** All its objects are called `loki-<name>`. */
  readonly name: string;
  readonly volume: Omit<AppVolumeArgs, 'name'>;
  readonly image: string;
  readonly toolsImage: string;
  readonly retentionDays: number;
  readonly resources: Resources;
  readonly after?: pulumi.Resource[];
}

export class Loki extends pulumi.ComponentResource {
  /** Host name inside the cluster, port 3100. */
  readonly host: pulumi.Output<string>;
  readonly claimName: pulumi.Output<string>;
  readonly server: k8s.apps.v1.Deployment;
  /** How much may come in a day without the volume filling up. */
  readonly dailyRoom: string;

  constructor(name: string, args: LokiArgs, opts: pulumi.ComponentResourceOptions) {
    super(
      'larder:index:Loki',
      name,
      { name: args.name, image: args.image, retentionDays: args.retentionDays },
      opts,
    );
    const objectName = `loki-${args.name}`;
    const limits = {
      retentionHours: args.retentionDays * 24,
      sizeBytes: args.volume.sizeBytes,
      memoryLimitBytes: parseSize(args.resources.memoryLimit) ?? 0,
    };
    const volume = new AppVolume(
      `${name}-volume`,
      { ...args.volume, name: objectName },
      { parent: this },
    );
    // JSON is YAML too.
    const text = JSON.stringify(lokiConfig(limits), undefined, 2);
    const config = this.#config(name, args, text);
    const built = workload(
      name,
      {
        kind: 'loki',
        exempt: {
          'postgres-over-sqlite': 'its embedded file holds requests for deletion alone',
        },
        objectName,
        namespace: args.volume.namespace,
        checksums: { 'larder.dev/config': digestOf(text) },
        name: 'loki',
        image: args.image,
        toolsImage: args.toolsImage,
        args: ['-config.file=/etc/loki/config.yaml', '-target=all'],
        mounts: [
          {
            claimName: volume.claimName,
            volume: objectName,
            path: '/loki',
            isMarked: args.volume.place !== undefined,
          },
        ],
        scratch: { tmp: '/tmp' },
        moreVolumes: [{ name: 'config', configMap: { name: config.metadata.name } }],
        moreMounts: [{ name: 'config', mountPath: '/etc/loki', readOnly: true }],
        ports: [{ name: 'http', port: httpPort }],
        resources: args.resources,
        user: lokiUser,
        probes: probes(),
        // It writes what it has in memory.
        graceSeconds: 300,
        after: [volume, ...(args.after ?? [])],
        startMinutes: 25,
      },
      { parent: this },
    );
    this.claimName = volume.claimName;
    this.server = built.deployment;
    this.host = built.host ?? pulumi.output('');
    this.dailyRoom = dailyRoom(limits);
    this.registerOutputs({ host: this.host });
  }

  #config(name: string, args: LokiArgs, text: string): k8s.core.v1.ConfigMap {
    const objectName = `loki-${args.name}`;
    return new k8s.core.v1.ConfigMap(
      `${name}-config`,
      {
        metadata: {
          name: objectName,
          namespace: args.volume.namespace,
          labels: { ...managed, [label.application]: objectName },
        },
        data: { 'config.yaml': text },
      },
      { parent: this },
    );
  }
}

function probes() {
  const ready = { httpGet: { path: '/ready', port: 'http' } };
  return {
    // Twenty minutes: it reads its write-ahead log before it is ready.
    startupProbe: { ...ready, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 240 },
    readinessProbe: { ...ready, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    livenessProbe: {
      tcpSocket: { port: 'http' },
      periodSeconds: 20,
      timeoutSeconds: 10,
      failureThreshold: 6,
    },
  };
}
