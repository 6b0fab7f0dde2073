/**
 * The pod of an application: its volumes behind a guard, no privileges that it does not ask for, no
 * token of the API, time to stop. Pure: arguments in, pod spec out.
 */
import type { types } from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';
import { environment } from '../environment.ts';
import { hostnameLabel } from '../names.ts';
import { script } from '../script.ts';

export interface Mount {
  /** The claim; pass the output, so that the dependency is recorded. */
  readonly claimName: pulumi.Input<string>;
  /** The volume's name; also the name inside the pod. */
  readonly volume: string;
  readonly path: string;
  readonly readOnly?: boolean;
  /** Whether its tier makes a mark (static tiers do): then the pod starts only where it is. */
  readonly isMarked: boolean;
}

export interface Resources {
  readonly cpu: string;
  readonly memory: string;
  readonly memoryLimit: string;
}

export interface Port {
  readonly name: string;
  readonly port: number;
}

export interface PodArgs {
  readonly name: string;
  readonly image: string;
  /** A shell, for the guard. */
  readonly toolsImage: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly types.input.core.v1.EnvVar[];
  readonly mounts: readonly Mount[];
  readonly ports: readonly Port[];
  readonly resources: Resources;
  /** User and group that the image runs as; `fsGroup` is the group. Default: the image's own. */
  readonly user?: number;
  /** Further groups, for datasets. */
  readonly groups?: readonly number[];
  /** Group of the volumes. Default: the user's. */
  readonly volumeGroup?: number;
  readonly probes: Pick<
    types.input.core.v1.Container,
    'startupProbe' | 'readinessProbe' | 'livenessProbe'
  >;
  /** Time to stop. */
  readonly graceSeconds: number;
  /** Folders that live and die with the pod, by name. */
  readonly scratch?: Readonly<Record<string, string>>;
  /** Further containers that run first, after the guard. */
  readonly init?: readonly types.input.core.v1.Container[];
  readonly moreVolumes?: readonly types.input.core.v1.Volume[];
  readonly moreMounts?: readonly types.input.core.v1.VolumeMount[];
  /** For images that insist on being root. Default: no privilege at all. */
  readonly isRoot?: boolean;
  readonly hostNetwork?: boolean;
  readonly shareProcesses?: boolean;
}

export const noPrivileges: types.input.core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};

export function applicationPod(args: PodArgs): types.input.core.v1.PodSpec {
  const scratch = Object.entries(args.scratch ?? {});
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: args.graceSeconds,
    ...(args.hostNetwork === true
      ? { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }
      : {}),
    ...(args.shareProcesses === true ? { shareProcessNamespace: true } : {}),
    securityContext: podSecurity(args),
    initContainers: [...guards(args), ...(args.init ?? [])],
    containers: [
      {
        name: args.name,
        image: args.image,
        imagePullPolicy: 'IfNotPresent',
        ...(args.command === undefined ? {} : { command: [...args.command] }),
        ...(args.args === undefined ? {} : { args: [...args.args] }),
        ...(args.env === undefined || args.env.length === 0 ? {} : { env: [...args.env] }),
        ports: args.ports.map(({ name, port }) => ({ name, containerPort: port })),
        ...args.probes,
        resources: {
          requests: { cpu: args.resources.cpu, memory: args.resources.memory },
          limits: { memory: args.resources.memoryLimit },
        },
        ...(args.isRoot === true ? {} : { securityContext: noPrivileges }),
        volumeMounts: [
          ...args.mounts.map((mount) => ({
            name: mount.volume,
            mountPath: mount.path,
            ...(mount.readOnly === true ? { readOnly: true } : {}),
          })),
          ...scratch.map(([name, mountPath]) => ({ name, mountPath })),
          ...(args.moreMounts ?? []),
        ],
      },
    ],
    volumes: [
      ...args.mounts.map((mount) => ({
        name: mount.volume,
        persistentVolumeClaim: {
          claimName: mount.claimName,
          ...(mount.readOnly === true ? { readOnly: true } : {}),
        },
      })),
      ...scratch.map(([name]) => ({ name, emptyDir: {} })),
      ...(args.moreVolumes ?? []),
    ],
  };
}

function podSecurity(args: PodArgs): types.input.core.v1.PodSecurityContext {
  const { user } = args;
  return {
    ...(user === undefined
      ? {}
      : {
          runAsUser: user,
          runAsGroup: user,
          ...(user === 0 ? {} : { runAsNonRoot: true }),
          // A volume with a million files is not walked through at every start.
          ...(args.mounts.some(({ readOnly }) => readOnly !== true)
            ? { fsGroup: args.volumeGroup ?? user, fsGroupChangePolicy: 'OnRootMismatch' }
            : {}),
        }),
    ...(args.groups === undefined || args.groups.length === 0
      ? {}
      : { supplementalGroups: [...args.groups] }),
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/** One a volume that the application writes to: it must be that volume, and wholly restored. */
function guards(args: PodArgs): types.input.core.v1.Container[] {
  return args.mounts
    .filter(({ readOnly }) => readOnly !== true)
    .map((mount) => ({
      name: `guard-${mount.volume}`.slice(0, 63).replace(/-$/, ''),
      image: args.toolsImage,
      imagePullPolicy: 'IfNotPresent',
      command: ['/bin/sh', '-c', script('guard-volume')],
      env: [
        { name: 'ROOT', value: '/volume' },
        ...environment({ VOLUME: mount.isMarked ? mount.volume : undefined }),
      ],
      volumeMounts: [{ name: mount.volume, mountPath: '/volume', readOnly: true }],
      securityContext: noPrivileges,
      terminationMessagePolicy: 'FallbackToLogsOnError',
      resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
    }));
}

/** Labels by which a Service and a Deployment know the pods of an application. */
export function podLabels(kind: string, name: string): Record<string, string> {
  return { 'app.kubernetes.io/name': kind, 'app.kubernetes.io/instance': name };
}

/** Copies of an application stand on different nodes, as far as there are nodes. */
export function spread(
  labels: Record<string, string>,
): types.input.core.v1.TopologySpreadConstraint[] {
  return [
    {
      maxSkew: 1,
      topologyKey: hostnameLabel,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: labels },
    },
  ];
}
