/** Pods of the system tests. */
import { globSync, readFileSync } from 'node:fs';
import type { V1Pod } from '@kubernetes/client-node';

export interface PodParts {
  /** Folder of the node that the pod sees at `/data`. */
  readonly hostPath?: string;
}

const server =
  'require("http").createServer((q, r) => r.end("hello from web")).listen(80, () => console.log("listening"))';

/** A pod on one node that serves HTTP on port 80 and has a shell. */
export function podSpec(name: string, node: string, image: string, parts: PodParts): V1Pod {
  const { hostPath } = parts;
  return {
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 1,
      // A node that is gone for a while in a test keeps its pods.
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'main',
          image,
          imagePullPolicy: 'Never',
          command: ['node', '-e', server],
          ...(hostPath === undefined
            ? {}
            : { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
        },
      ],
      ...(hostPath === undefined
        ? {}
        : { volumes: [{ name: 'data', hostPath: { path: hostPath } }] }),
    },
  };
}

/** Processes in the control groups of a node. */
export async function nodeOf(lab: string, node: string): Promise<string[]> {
  return globSync(`/sys/fs/cgroup/{${lab},*/${lab}}/${node}/**/cgroup.procs`).flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((pid) => pid !== ''),
  );
}
