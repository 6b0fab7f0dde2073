/**
 * The nodes and what Kubernetes shall know of them: labels of the owner (`storage: fast-ssd`) and
 * one label a disk, `larder.dev/disk.<name>: <kind>`, to place workloads by.
 *
 * Only labels named here are owned; others on the node are left alone. Removing one from the stack
 * file takes it off the node.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { ShelfNode } from '../config/shelf/inventory.ts';

export interface NodeInventoryArgs {
  readonly nodes: readonly ShelfNode[];
}

export class NodeInventory extends pulumi.ComponentResource {
  constructor(name: string, args: NodeInventoryArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:NodeInventory', name, { nodes: args.nodes.map((node) => node.name) }, opts);
    for (const node of args.nodes) {
      const labels = nodeLabels(node);
      if (Object.keys(labels).length === 0) continue;
      new k8s.core.v1.NodePatch(
        `${name}-${node.name}`,
        { metadata: { name: node.name, labels } },
        { parent: this },
      );
    }
    for (const warning of wearWarnings(args.nodes)) void pulumi.log.warn(warning, this);
    this.registerOutputs({});
  }
}

function nodeLabels(node: ShelfNode): Record<string, string> {
  const disks = node.disks.map((disk) => [`larder.dev/disk.${disk.name}`, disk.kind] as const);
  return { ...node.labels, ...Object.fromEntries(disks) };
}

/** One sentence for each disk that will not last under writes. */
function wearWarnings(nodes: readonly ShelfNode[]): string[] {
  return nodes
    .flatMap((node) => node.disks)
    .filter((disk) => disk.kind === 'sd')
    .map(
      (disk) =>
        `${disk.node}/${disk.name} is an SD card: it wears out under writes. No tier uses it unless it names it, and no database may live on it.`,
    );
}
