/**
 * The nodes as the cluster knows them, and what the watch says of their disks. Reads, never writes.
 */
import type {
  ConfigurationOptions,
  CoreV1Api,
  V1ManagedFieldsEntry,
  V1Node,
  V1Pod,
} from '@kubernetes/client-node';
import { diskWatchName, systemNamespace } from '../names.ts';
import type { LiveNode } from '../rules/live-nodes.ts';

/** Our own hand in a node's labels (field-manager.ts). */
const ownManager = /^larder\b/;

export async function liveNodes(
  core: CoreV1Api,
  options: ConfigurationOptions,
): Promise<LiveNode[] | undefined> {
  const labelSelector = `app.kubernetes.io/name=${diskWatchName}`;
  const wanted = { namespace: systemNamespace, labelSelector };
  try {
    const [nodes, watches] = await Promise.all([
      core.listNode({}, options),
      core.listNamespacedPod(wanted, options),
    ]);
    return nodes.items.map((node) => liveNode(node, watches.items));
  } catch (error) {
    // A user that may not look learns less, and can work all the same.
    if ((error as { code?: unknown }).code === 403) return undefined;
    throw error;
  }
}

function liveNode(node: V1Node, watches: readonly V1Pod[]): LiveNode {
  const { name = '', labels = {}, managedFields = [] } = node.metadata ?? {};
  const watch = watches.find((pod) => pod.spec?.nodeName === name);
  return {
    name,
    architecture: node.status?.nodeInfo?.architecture,
    foreignLabels: new Map(
      managedFields.flatMap((entry) =>
        labelsOf(entry).map((key) => [
          key,
          { value: labels[key] ?? '', manager: entry.manager ?? 'somebody' },
        ]),
      ),
    ),
    diskComplaints: complaintsOf(watch),
  };
}

/** Labels that another hand than ours owns. */
function labelsOf({ manager = '', fieldsV1 }: V1ManagedFieldsEntry): string[] {
  if (ownManager.test(manager)) return [];
  const fields = fieldsV1 as
    | { readonly 'f:metadata'?: { readonly 'f:labels'?: Readonly<Record<string, unknown>> } }
    | undefined;
  const owned = Object.keys(fields?.['f:metadata']?.['f:labels'] ?? {});
  return owned.filter((key) => key.startsWith('f:')).map((key) => key.slice('f:'.length));
}

/** What the watch left when it last ended, while it waits to look again. */
function complaintsOf(pod: V1Pod | undefined): string[] {
  const [status] = pod?.status?.containerStatuses ?? [];
  if (status?.state?.running !== undefined) return [];
  const ended = status?.state?.terminated ?? status?.lastState?.terminated;
  if (ended === undefined || ended.exitCode === 0) return [];
  const lines = (ended.message ?? '').split('\n').filter((line) => line.startsWith('REFUSED: '));
  return lines.map((line) => line.replace('REFUSED: ', ''));
}
