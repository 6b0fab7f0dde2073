/** The node of a pod is lost: what may be done, and that it is done whatever goes wrong. */
import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import { failOverOf, type PodOnNode } from '../../../../dataplane/control/fail-over.ts';
import type { VolumeObject } from '../../../../dataplane/control/objects.ts';
import { FailOver } from '../../../../dataplane/drive/fail-over.ts';
import type { Workloads } from '../../../../dataplane/ports/workloads.ts';
import { node, used } from './shelf.ts';

const good = { inSync: true };

const nodes = [node('kube1', { health: 'Unknown' }), node('kube2')];
const both = used('v', { kube1: good, kube2: good }, { attachedTo: 'kube1' });
const shelfOf = (volume: VolumeObject) => ({
  nodes,
  volumes: [volume],
  graceMs: 60_000,
  troubledMs: () => 1,
});

function pod(parts: Partial<PodOnNode> = {}): PodOnNode {
  return {
    namespace: 'default',
    name: 'db-0',
    uid: 'p1',
    isEnding: true,
    mayFailOver: true,
    volumes: ['v'],
    otherStorage: [],
    ...parts,
  };
}

describe('fail-over from a lost node', () => {
  const decide = (pods: readonly PodOnNode[], volume = both) =>
    failOverOf(volume, { pods, inUse: ['v'] }, shelfOf(volume));

  it('takes a pod for ended that Kubernetes has given up', () => {
    const [step, ...others] = decide([pod(), pod({ name: 'other', volumes: ['w'] })]);
    assert.equal(step?.kind === 'end-pod' && step.pod.name, 'db-0');
    assert.equal(others.length, 0);
  });

  it('gives the volume free when no pod there uses it any more, and once', () => {
    const [step] = decide([pod({ volumes: ['w'] })]);
    assert.equal(step?.kind === 'release' && step.volume, 'v');
    assert.deepEqual(failOverOf(both, { pods: [], inUse: ['w'] }, shelfOf(both)), []);
  });

  for (const [what, changed, says] of [
    ['Kubernetes has not given up', { isEnding: false }, /not given up by Kubernetes yet/],
    ['does not want it', { mayFailOver: false }, /as it asks/],
    ['uses storage of others too', { otherStorage: ['media'] }, /also uses media.*out-of-service/],
  ] as const) {
    it(`waits, and says why, for a pod that ${what}`, () => {
      const steps = decide([pod(changed)]);
      assert.deepEqual(
        steps.map(({ kind }) => kind),
        ['wait'],
      );
      assert.match(steps[0]?.note ?? '', says);
    });
  }

  it('waits when no good copy is elsewhere: nobody could open the volume', () => {
    const alone = used('v', { kube1: good, kube2: { inSync: false } }, { attachedTo: 'kube1' });
    const [step] = decide([pod()], alone);
    assert.equal(step?.kind, 'wait');
    assert.match(step.note, /No good copy is elsewhere than on kube1: bring it back/);
  });
});

describe('fail-over through the API', () => {
  it('ends the pod, then gives the volume free, whichever call fails', async () => {
    for (let at = 0; at <= 12; at += 1) {
      const cluster = new FewWorkloads(at);
      const told: string[] = [];
      const failOver = new FailOver({
        workloads: cluster,
        events: { tell: ({ reason }) => void told.push(reason) },
        log: { info: () => {}, warn: () => {} },
      });
      for (let look = 0; look < 4; look += 1) {
        await failOver.look(shelfOf(both));
      }
      assert.deepEqual([cluster.pods, cluster.inUse], [[], []], `call ${at}`);
      assert.deepEqual(told, ['FailOver', 'FailOver'], 'each step is told once');
    }
  });

  it('does nothing while Kubernetes hears of the node', async () => {
    const cluster = new FewWorkloads(0);
    cluster.unknown = false;
    const events = { tell: () => assert.fail('nothing happens') };
    const log = { info: () => {}, warn: () => {} };
    await new FailOver({ workloads: cluster, events, log }).look(shelfOf(both));
    assert.equal(cluster.pods.length, 1);
  });
});

/** One call is not answered; removals may have had their effect. */
class FewWorkloads implements Workloads {
  pods: PodOnNode[] = [pod()];
  inUse = ['v'];
  unknown = true;
  readonly #failsAt: number;
  #calls = 0;

  constructor(failsAt: number) {
    this.#failsAt = failsAt;
  }

  async isUnknown(): Promise<boolean> {
    this.#call();
    return this.unknown;
  }

  async podsOn(): Promise<readonly PodOnNode[]> {
    this.#call();
    return this.pods;
  }

  async inUseOn(): Promise<readonly string[]> {
    this.#call();
    return this.inUse;
  }

  async endPod({ uid }: PodOnNode): Promise<void> {
    this.pods = this.pods.filter((each) => each.uid !== uid);
    this.#call();
  }

  async release(_node: string, volume: string): Promise<void> {
    assert.deepEqual(this.pods, [], 'nothing is given free under a pod');
    this.inUse = this.inUse.filter((each) => each !== volume);
    this.#call();
  }

  #call(): void {
    this.#calls += 1;
    if (this.#calls !== this.#failsAt) return;
    throw new Fault('cluster.unreachable', 'The API server is away.', { retriable: true });
  }
}
