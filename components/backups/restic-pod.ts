/** The pod of a job that runs restic on some data, and the jobs made of it. Pure. */
import type { types } from '@pulumi/kubernetes';
import { environment } from '../environment.ts';
import { script, type ScriptName } from '../script.ts';
import type { Access } from './repository.ts';

export interface ResticPodArgs {
  readonly image: string;
  readonly script: 'backup' | 'restore' | 'drill' | 'probe';
  /** Name of what is backed up. */
  readonly source: string;
  readonly access: Access;
  readonly env?: Readonly<Record<string, string>>;
  readonly volumes?: readonly types.input.core.v1.Volume[];
  readonly mounts?: readonly types.input.core.v1.VolumeMount[];
  readonly init?: readonly types.input.core.v1.Container[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly affinity?: types.input.core.v1.Affinity;
  readonly tolerations?: readonly types.input.core.v1.Toleration[];
  readonly memoryLimit?: string;
}

/** Root, to read every file and to give restored ones their owners; no other power. */
const readAll: types.input.core.v1.SecurityContext = {
  runAsUser: 0,
  runAsGroup: 0,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE', 'FOWNER', 'CHOWN'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

export function resticPod(args: ResticPodArgs): types.input.core.v1.PodSpec {
  const names: readonly ScriptName[] = ['restic', args.script];
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(args.nodeSelector === undefined ? {} : { nodeSelector: { ...args.nodeSelector } }),
    ...(args.affinity === undefined ? {} : { affinity: args.affinity }),
    ...(args.tolerations === undefined ? {} : { tolerations: [...args.tolerations] }),
    ...(args.init === undefined ? {} : { initContainers: [...args.init] }),
    containers: [
      {
        name: args.script,
        image: args.image,
        imagePullPolicy: 'IfNotPresent',
        command: ['/bin/sh', '-c', script(...names)],
        env: [
          ...args.access.env,
          { name: 'SOURCE', value: args.source },
          ...environment(args.env ?? {}),
        ],
        volumeMounts: [...args.access.mounts, ...(args.mounts ?? [])],
        securityContext: readAll,
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: {
          requests: { cpu: '50m', memory: '128Mi' },
          // restic holds the index of its repository in memory.
          limits: { memory: args.memoryLimit ?? '1Gi' },
        },
      },
    ],
    volumes: [...args.access.volumes, ...(args.volumes ?? [])],
  };
}
