import assert from 'node:assert/strict';
import { Fault } from '../../../../dataplane/base/fault.ts';
import { limits } from '../../../../dataplane/base/limits.ts';
import type { Happening } from '../../../../dataplane/control/happenings.ts';
import { KubeEvents } from '../../../../dataplane/host/events.ts';
import type { KubeAnswer, KubeClient } from '../../../../dataplane/host/kube-client.ts';

const degraded: Happening = {
  kind: 'Volume',
  name: 'v',
  uid: 'u1',
  type: 'Warning',
  reason: 'Degraded',
  message: 'The copy on kube2 is away',
};

type Asked = Parameters<KubeClient['send']>[0];

/** Keeps events as the API server does. */
class FewEvents implements Pick<KubeClient, 'send'> {
  readonly held = new Map<string, Record<string, unknown>>();
  readonly warnings: string[] = [];
  away = false;
  refuses = false;

  teller(): KubeEvents {
    const log = { info: () => {}, warn: (text: string) => void this.warnings.push(text) };
    return new KubeEvents(this, log, 'pod-1');
  }

  async send({ method, path, body }: Asked): Promise<KubeAnswer> {
    if (this.away) throw new Fault('cluster.unreachable', 'The API server is away.');
    if (this.refuses) return { code: 403, body: { message: 'forbidden' } };
    const given = (body ?? {}) as Record<string, unknown> & { metadata?: { name: string } };
    const name = method === 'POST' ? (given.metadata?.name ?? '') : (path.split('/').at(-1) ?? '');
    const found = this.held.get(name);
    if (method === 'POST' && found !== undefined) return { code: 409, body: {} };
    if (method === 'GET') return { code: found === undefined ? 404 : 200, body: found ?? {} };
    this.held.set(name, { ...found, ...given });
    return { code: method === 'POST' ? 201 : 200, body: given };
  }

  async settled(): Promise<void> {
    for (let look = 0; look < 50; look += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('events of the controller', () => {
  it('name the object, what happened and who says so', async () => {
    const cluster = new FewEvents();
    cluster.teller().tell({ ...degraded, message: 'x'.repeat(2_000) });
    await cluster.settled();
    const [event] = [...cluster.held.values()];
    assert.deepEqual(event?.['involvedObject'], {
      apiVersion: 'larder.dev/v1alpha1',
      kind: 'Volume',
      name: 'v',
      uid: 'u1',
    });
    assert.equal(event['reason'], 'Degraded');
    assert.equal(String(event['message']).length, 1024, 'no longer than Kubernetes takes');
  });

  it('say the same once, and count it when another controller says it', async () => {
    const cluster = new FewEvents();
    const first = cluster.teller();
    for (let time = 0; time < 5; time += 1) first.tell(degraded);
    await cluster.settled();
    assert.deepEqual(
      [...cluster.held.values()].map((event) => event['count']),
      [1],
    );
    cluster.teller().tell(degraded);
    cluster.teller().tell({ ...degraded, uid: 'u2' });
    await cluster.settled();
    assert.deepEqual(
      [...cluster.held.values()].map((event) => event['count']),
      [2, 1],
    );
  });

  it('are dropped when they cannot be told, and hold nobody up', async () => {
    const cluster = new FewEvents();
    cluster.away = true;
    const teller = cluster.teller();
    const many = limits.eventsWaitingMax + 10;
    for (let number = 0; number < many; number += 1) teller.tell({ ...degraded, uid: `${number}` });
    await cluster.settled();
    assert.ok(cluster.warnings.some((text) => /The API server is away/.test(text)));
    cluster.away = false;
    cluster.refuses = true;
    teller.tell({ ...degraded, uid: 'last' });
    await cluster.settled();
    assert.match(cluster.warnings.at(-1) ?? '', /an event was refused: 403 forbidden/);
    assert.equal(cluster.held.size, 0);
  });
});
