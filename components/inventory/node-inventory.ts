/**
 * The nodes and what Kubernetes shall know of them: labels of the owner (`storage: fast-ssd`), one
 * label a disk (`larder.dev/disk.<name>: <kind>`), a role and a failure domain, to place workloads
 * by; taints; and what engines want to see on a node.
 *
 * Only what is named here is owned; other labels and annotations on the node are left alone.
 * Removing one from the stack file takes it off the node. Taints are one list for Kubernetes: they
 * are in a patch of their own, so that a conflict about them leaves the labels alone.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import type { ShelfNode } from '../config/shelf/inventory.ts';
import { label } from '../names.ts';
import type { NodeMarks } from '../tiers/node-marks.ts';

export interface NodeInventoryArgs {
  readonly nodes: readonly InventoryNode[];
}

interface InventoryNode extends ShelfNode {
  /** What engines want to see on it. */
  readonly marks: NodeMarks;
}

export class NodeInventory extends pulumi.ComponentResource {
  constructor(name: string, args: NodeInventoryArgs, opts: pulumi.ComponentResourceOptions) {
    super('larder:index:NodeInventory', name, { nodes: args.nodes.map((node) => node.name) }, opts);
    for (const node of args.nodes) {
      const labels = nodeLabels(node);
      const { annotations } = node.marks;
      new k8s.core.v1.NodePatch(
        `${name}-${node.name}`,
        {
          metadata: {
            name: node.name,
            labels,
            ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
          },
        },
        { parent: this },
      );
      if (node.taints.length > 0) this.#taint(name, node);
    }
    for (const warning of wearWarnings(args.nodes)) void pulumi.log.warn(warning, this);
    this.registerOutputs({});
  }

  #taint(name: string, node: ShelfNode): void {
    const taints = node.taints.map(({ key, value, effect }) => ({
      key,
      effect,
      ...(value === undefined ? {} : { value }),
    }));
    new k8s.core.v1.NodePatch(
      `${name}-${node.name}-taints`,
      {
        metadata: {
          name: node.name,
          annotations: { 'pulumi.com/patchFieldManager': 'larder-taints' },
        },
        spec: { taints },
      },
      { parent: this },
    );
  }
}

function nodeLabels(node: InventoryNode): Record<string, string> {
  const disks = [...node.disks, ...node.devices].map((disk) => [
    `${label.disk}.${disk.name}`,
    disk.kind,
  ]);
  const roles = node.roles.map((role) => [`${label.role}.${role}`, 'true']);
  const domains = Object.entries(node.domains).flatMap(([kind, domain]) =>
    domain === undefined ? [] : [[`${label.domain}.${kind}`, domain]],
  );
  return {
    ...node.labels,
    ...(Object.fromEntries([...disks, ...roles, ...domains]) as Record<string, string>),
    ...node.marks.labels,
  };
}

/** One sentence for each disk that will not last under writes. */
function wearWarnings(nodes: readonly ShelfNode[]): string[] {
  return nodes
    .flatMap((node) => node.disks)
    .filter((disk) => disk.kind === 'sd')
    .map((disk) => {
      const known = disk.endurance === undefined ? '' : ` (${disk.endurance})`;
      return `${disk.node}/${disk.name} is an SD card${known}: it wears out under writes. No tier uses it unless it names it, and no database may live on it.`;
    });
}
