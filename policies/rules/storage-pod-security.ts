/** Which namespaces may run privileged pods: those of the storage, and no others. */
import { type DeclaredObject, unknownNamespace } from '../model/declared.ts';
import { isStorageImage } from '../model/storage-project.ts';
import { at, isTrueAt, listAt, textsAt, type Fields, UNKNOWN } from '../model/value.ts';
import type { Workload } from '../model/workload.ts';
import type { World } from '../model/world.ts';
import type { Finding, StackRule } from '../rule.ts';

const enforce = 'pod-security.kubernetes.io/enforce';

/** Where storage and node software runs by the usual charts. */
const usual = [
  'kube-system',
  'larder-system',
  'longhorn-system',
  'rook-ceph',
  'openebs',
  'piraeus-datastore',
  'local-path-storage',
  'democratic-csi',
  'csi-nfs',
  'metallb-system',
  'monitoring',
];

export const storagePodSecurity: StackRule = {
  id: 'storage-pod-security',
  scope: 'stack',
  description: 'Only the listed storage namespaces run privileged pods, and they say so.',
  severity: 'high',
  level: 'mandatory',
  advises: true,
  why:
    'A privileged pod can read and overwrite every disk of its node, every volume on it ' +
    'included. Storage daemons need that; an application in the same namespace gets it for free.',
  waysOut: [
    'Drop privileged, hostPID and hostNetwork from the pod',
    'Give the storage a namespace of its own, labelled pod-security.kubernetes.io/enforce',
    "List the namespace under privilegedNamespaces in this policy's configuration",
  ],
  good: 'longhorn-system with enforce: privileged, apps with enforce: baseline',
  bad: 'an application with privileged: true in namespace apps',
  configSchema: {
    properties: {
      privilegedNamespaces: {
        type: 'array',
        items: { type: 'string' },
        default: usual,
        description: 'Namespaces in which privileged pods are accepted.',
      },
    },
  },
  check(world, config) {
    const configured = textsAt(config, 'privilegedNamespaces');
    const listed = new Set(configured.length > 0 ? configured : usual);
    return [
      ...world.all('', 'Namespace').flatMap((item) => namespaceFindings(world, item, listed)),
      ...world.workloads
        .filter(({ object }) => object.namespace !== unknownNamespace)
        .filter(({ object }) => !listed.has(object.namespace))
        .flatMap(workloadFindings),
    ];
  },
};

function namespaceFindings(
  world: World,
  namespace: DeclaredObject,
  listed: ReadonlySet<string>,
): readonly Finding[] {
  const object = namespace;
  const level = namespace.labels.get(enforce);
  const field = `metadata.labels[${enforce}]`;
  if (level === 'privileged' && !listed.has(namespace.name)) {
    const found = 'it admits privileged pods and is not a listed storage namespace';
    return [{ object, field, found, level: 'violation' }];
  }
  const runsStorage = world.workloads.some(
    (workload) => workload.object.namespace === namespace.name && isStorage(workload),
  );
  if (!runsStorage || level !== undefined) return [];
  const found = 'it runs storage daemons and names no pod security level';
  const why = 'Whatever level the cluster has by default then decides whether they may start.';
  return [{ object, field, found, why, level: 'advice' }];
}

function isStorage(workload: Workload): boolean {
  return workload.containers.some(
    ({ image }) => image !== undefined && image !== UNKNOWN && isStorageImage(image),
  );
}

function workloadFindings(workload: Workload): readonly Finding[] {
  const { object, pod, podField } = workload;
  const host = ['hostPID', 'hostIPC'].filter((name) => isTrueAt(pod, name));
  const fromPod = host.map((name) => finding(object, `${podField}.${name}`, `${name} is true`));
  const fromContainers = workload.containers.flatMap(({ fields, field, name }) => {
    if (isTrueAt(fields, 'securityContext', 'privileged')) {
      const where = `${field}.securityContext.privileged`;
      return [finding(object, where, `container ${name} is privileged`)];
    }
    const added = capabilities(fields).filter((item) => ['SYS_ADMIN', 'ALL'].includes(item));
    const where = `${field}.securityContext.capabilities.add`;
    return added.map((item) => finding(object, where, `container ${name} adds ${item}`));
  });
  return [...fromPod, ...fromContainers];
}

function capabilities(container: Fields): readonly string[] {
  const added = at(container, 'securityContext', 'capabilities', 'add');
  return listAt(added).flatMap((item) => (typeof item === 'string' ? [item.toUpperCase()] : []));
}

function finding(object: DeclaredObject, field: string, found: string): Finding {
  const outside = `${found} in namespace ${object.namespace}, which is not listed`;
  return { object, field, found: outside, level: 'violation' };
}
