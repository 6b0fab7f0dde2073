/** The taint by which a person says that a node is down for good, and its volumes may move. */
import type { CoreV1Api, V1Taint } from '@kubernetes/client-node';
import { waitFor } from '../../../lab/cluster/wait.ts';

const key = 'node.kubernetes.io/out-of-service';
const changeMs = 10_000;

export async function taintOutOfService(core: CoreV1Api, name: string): Promise<void> {
  const taint = { key, value: 'nodeshutdown', effect: 'NoExecute' };
  await changeTaints(core, name, (taints) => [...taints, taint]);
}

export async function untaint(core: CoreV1Api, name: string): Promise<void> {
  await changeTaints(core, name, (taints) => taints.filter((taint) => taint.key !== key));
}

/** Again when it is refused: kubelet and controllers write to the same object at any moment. */
async function changeTaints(
  core: CoreV1Api,
  name: string,
  change: (taints: V1Taint[]) => V1Taint[],
): Promise<void> {
  await waitFor(
    `the taints of ${name} to be written`,
    async () => {
      const node = await core.readNode({ name });
      node.spec ??= {};
      node.spec.taints = change(node.spec.taints ?? []);
      await core.replaceNode({ name, body: node });
      return true;
    },
    changeMs,
  );
}
