/**
 * `larder doctor`: whether the parts of replicated storage are all there, run one version, and hear
 * of each other. Looks only; every finding says what to do.
 */
import type { ClusterView, OwnPod } from './cluster-view.ts';
import { exitCode, type Outcome } from './outcome.ts';
import { readShelf, type Shelf } from './shelf.ts';
import { counted, sentence } from './words.ts';

interface Finding {
  readonly about: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** Empty when all is well. */
  readonly toDo: string;
}

/** Longer than a leader is ever silent (host/lease.ts lets others in after 15 s). */
const leaderSilentMs = 30_000;

export async function examine(view: ClusterView): Promise<Outcome> {
  const shelf = await readShelf(view);
  const [pods, leader] = await Promise.all([view.pods(), view.leader()]);
  const findings = [
    ...bentObjects(view.bent),
    ...controllers(pods, leader),
    ...nodePods(pods, shelf),
    ...versions(pods),
    ...storageNodes(shelf),
    ...drivers(shelf),
    ...volumes(shelf),
  ];
  const bad = findings.filter(({ ok }) => !ok);
  return {
    facts: { cluster: shelf.cluster, findings },
    lines: [
      ...findings.flatMap(({ ok, about, found, toDo }) => [
        `  ${ok ? 'ok ' : 'BAD'}  ${about}: ${sentence(found)}`,
        ...(toDo === '' ? [] : [`       to do: ${sentence(toDo)}`]),
      ]),
      '',
      bad.length === 0
        ? `Cluster ${shelf.cluster}: every part is there and well.`
        : `Cluster ${shelf.cluster}: ${counted(bad.length, 'finding')}.`,
    ],
    code: bad.length === 0 ? exitCode.well : exitCode.attention,
  };
}

function good(about: string, found: string): Finding {
  return { about, ok: true, found, toDo: '' };
}

function bad(about: string, found: string, toDo: string): Finding {
  return { about, ok: false, found, toDo };
}

function bentObjects(bent: readonly string[]): Finding[] {
  return bent.map((found) =>
    bad('objects', found, 'put the named fields right (kubectl edit); it is left alone until then'),
  );
}

function controllers(
  pods: readonly OwnPod[],
  leader: Awaited<ReturnType<ClusterView['leader']>>,
): Finding[] {
  const own = pods.filter(({ part }) => part === 'controller');
  const ready = own.filter((pod) => pod.ready);
  const about = 'controller';
  const logs = 'kubectl -n larder-system logs deploy/larder-controller -c controller says why';
  if (ready.length === 0) {
    const found =
      own.length === 0 ? 'no pod larder-controller exists' : `none is ready: ${why(own)}`;
    const effect = 'Volumes in use go on; none can be made, moved or repaired';
    return [bad(about, `${found}. ${effect}`, own.length === 0 ? 'npm run up declares it' : logs)];
  }
  if (leader === undefined) return [bad(about, 'none has ever led', logs)];
  if (leader.saidMs > leaderSilentMs) {
    const seconds = Math.round(leader.saidMs / 1000);
    return [bad(about, `${leader.holder} has led, and is silent for ${seconds} s`, logs)];
  }
  const spare = ready.length === 1 ? '; no second one is ready to take over' : '';
  return [good(about, `${leader.holder} leads${spare}`)];
}

function nodePods(pods: readonly OwnPod[], shelf: Shelf): Finding[] {
  const own = pods.filter(({ part }) => part === 'node');
  const unready = own.filter(({ ready }) => !ready);
  const missing = shelf.clusterNodes
    .filter(({ ready, name }) => ready && !own.some((pod) => pod.node === name))
    .map(({ name }) => name);
  const findings = unready.map((pod) =>
    bad(
      `pod on ${pod.node}`,
      `${pod.name} is not ready: ${pod.why}`,
      `kubectl -n larder-system logs ${pod.name} --all-containers --previous`,
    ),
  );
  if (missing.length > 0) {
    findings.push(
      bad(
        'pods',
        `no pod larder-node on ${missing.join(', ')}`,
        'kubectl -n larder-system describe daemonset larder-node says why',
      ),
    );
  }
  return findings.length > 0 ? findings : [good('pods', `${own.length} of ${own.length} ready`)];
}

function versions(pods: readonly OwnPod[]): Finding[] {
  const images = [...new Set(pods.map(({ image }) => image))];
  if (images.length < 2) return images.map((image) => good('version', `all run ${image}`));
  const counts = images.map(
    (image) => `${counted(pods.filter((pod) => pod.image === image).length, 'pod')} ${image}`,
  );
  return [
    bad(
      'version',
      `two versions run side by side: ${counts.join(', ')}`,
      'nothing during an update; if it lasts, kubectl -n larder-system rollout status daemonset larder-node',
    ),
  ];
}

function storageNodes(shelf: Shelf): Finding[] {
  const { nodes, clusterNodes } = shelf;
  if (nodes.length === 0) {
    return [
      bad(
        'storage nodes',
        'none is declared',
        'give nodes disks and a tier engine: larder, then npm run up',
      ),
    ];
  }
  return nodes.map(({ metadata: { name }, spec, status }) => {
    const about = `storage node ${name}`;
    if (!clusterNodes.some((each) => each.name === name)) {
      return bad(
        about,
        'Kubernetes has no node of this name',
        'correct the inventory, or let the node join',
      );
    }
    if (status.health === 'Unknown') {
      const message = status.message === '' ? 'it has not reported itself yet' : status.message;
      return bad(about, message, 'look after the node and its pod larder-node');
    }
    if (status.health === 'Attention') {
      return bad(about, status.message, 'docs/runbooks/disk-missing.md');
    }
    return good(about, `${counted(spec.disks.length, 'disk')}, attaches by ${status.attach}`);
  });
}

function drivers({ clusterNodes }: Shelf): Finding[] {
  const without = clusterNodes.filter(({ ready, hasDriver }) => ready && !hasDriver);
  if (without.length === 0) return [good('driver', 'every kubelet knows csi.larder.dev')];
  return [
    bad(
      'driver',
      `the kubelet of ${without.map(({ name }) => name).join(', ')} does not know csi.larder.dev: pods there cannot use volumes`,
      'look at the log of the container csi of the pod larder-node there',
    ),
  ];
}

function volumes(shelf: Shelf): Finding[] {
  const worried = shelf.volumes.filter(({ status }) => status.safety !== 'Safe');
  const all = counted(shelf.volumes.length, 'volume');
  if (worried.length === 0) return [good('volumes', `${all}, none in danger`)];
  const found = `${worried.length} of ${all} ${worried.length === 1 ? 'is' : 'are'} not safe`;
  return [bad('volumes', found, 'npm run larder -- status')];
}

function why(pods: readonly OwnPod[]): string {
  return pods.map((pod) => `${pod.name} (${pod.why})`).join(', ');
}
