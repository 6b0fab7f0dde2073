/**
 * A PostgreSQL on a replicated volume, from `pulumi up` on, while things go wrong one after the
 * other in one cluster that is never set up anew. What else the tier does: replicated.spec.ts.
 *
 * Each fault ends with the same questions: did the database see an error, is every row there that
 * it had committed, are its tables and indexes whole, are both copies in sync again?
 */
import assert from 'node:assert/strict';
import { compareCopies } from '../support/copies.ts';
import { skip } from '../support/reporter.ts';
import { CountingPod } from './support/counting-pod.ts';
import { DatabaseLab, diskPath, isReady, nodeNames } from './support/database-lab.ts';
import { attachmentsOn, copiesOn } from './support/leftovers.ts';
import { Ledger, ledgerClaim } from './support/ledger.ts';

const hookMs = 290_000;
/** From the taint that says that the dead node's pods may be replaced. */
const elsewhereMs = 30_000;
/** A bound against hanging: what it was is told, and should be seconds. */
const pauseMs = 15_000;
/** 40 s of silence, a minute of grace, and the copying. */
const repairedMs = 180_000;
const system = 'larder-system';
/** Long enough to see that nothing is acknowledged. */
const silentMs = 3_000;
const longSilenceMs = 300_000;

describe('PostgreSQL on a replicated volume', function () {
  this.timeout(hookMs);
  let started: DatabaseLab;
  let ledger: Ledger;
  /** Where the database runs. */
  let home: string;

  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
    if (process.env['LARDER_LONG'] !== '1') skip(this, 'on demand: LARDER_LONG=1 takes 20 min');
    started = await DatabaseLab.start();
    ledger = new Ledger(started);
    home = await ledger.untilReady();
    await ledger.create();
    await ledger.open();
  });

  after(async () => {
    await (started as DatabaseLab | undefined)?.stop();
  });

  it('goes on without an error while every node gets another version', async () => {
    const before = await nodePods();
    ledger.forgetPauses();
    const version = await started.renamedImage('next');
    await started.declare(version);
    const after = await nodePods();
    assert.equal(after.size, nodeNames.length);
    for (const [uid, image] of after) {
      assert.ok(!before.has(uid), 'another pod on every node');
      assert.equal(image, version);
    }
    await goesOn();
    tell(`a pause of ${seconds(ledger.longestPauseMs)}`);
    assert.ok(ledger.longestPauseMs < pauseMs, `a pause of ${ledger.longestPauseMs} ms`);
  });

  it('goes on without an error when its engines are killed', async () => {
    assert.equal(await killOn(home, 'main/engine'), 0, 'there was an engine');
    await goesOn();
  });

  it('goes on without an error when the kubelet is killed', async () => {
    assert.equal(await killOn(home, '^kubelet'), 0, 'there was a kubelet');
    await ledger.untilGoesOn();
    await started.until('the kubelet to be back', () => ledger.answers());
    await goesOn();
  });

  it('makes and removes a volume while its controllers are killed each second', async () => {
    const extra = new CountingPod(started, 'extra');
    let killings = 0;
    const timer = setInterval(() => {
      for (const node of nodeNames) {
        void killOn(node, 'main/controller').then((code) => {
          if (code === 0) killings += 1;
        });
      }
    }, 1_000);
    try {
      await extra.makeClaim();
      const creating = extra.run(home);
      await started.until('six kills', async () => killings >= 6);
      clearInterval(timer);
      await creating;
    } finally {
      clearInterval(timer);
    }
    await extra.untilGoesOn();
    const { metadata, status } = await started.volumeOf('default/extra');
    assert.equal(status.copies, '2/2');
    await extra.end();
    await extra.deleteClaim();
    await untilNothingIsLeft(metadata.name);
    await goesOn();
  });

  it('waits while the disk of a copy is full, and goes on when there is room', async () => {
    const mate = await mateOf(ledgerClaim, home);
    await started.lab.node(mate).fillDisk(diskPath);
    const bulk = ledger.writeBulk();
    const [pod = ''] = await podsOn('larder-node', mate);
    const where = { namespace: system, pod, container: 'storage' };
    await started.until('the copy to find its disk full', async () =>
      /a disk has become full/.test(await started.lab.logs(where)),
    );
    await started.lab.node(mate).freeDisk(diskPath);
    await bulk;
    await goesOn();
  });

  it('acknowledges nothing while a copy is lost and the API server is away', async () => {
    await loseCopyWithoutApi(silentMs);
  });

  it('goes on when the power of a copy is cut, and brings it up to date', async () => {
    const mate = await mateOf(ledgerClaim, home);
    ledger.forgetPauses();
    await started.lab.node(mate).cutPower();
    await ledger.untilGoesOn();
    tell(`a pause of ${seconds(ledger.longestPauseMs)}`);
    assert.ok(ledger.longestPauseMs < pauseMs, `a pause of ${ledger.longestPauseMs} ms`);
    await untilCopies(ledgerClaim, '1/2');
    await started.lab.node(mate).restart();
    await settled();
  });

  describe('without a disk, a node or anything', () => {
    it('goes on when a disk fails, refuses an empty one in its place, and takes it back', async () => {
      const mate = await mateOf(ledgerClaim, home);
      const node = started.lab.node(mate);
      await node.detachDisk(diskPath);
      await untilCopies(ledgerClaim, '1/2');
      await ledger.untilGoesOn();
      await node.attachDisk(diskPath, 'empty');
      await started.until('the node to say that it is another disk', async () =>
        /another disk/.test(await started.messageOf(mate)),
      );
      assert.deepEqual(await started.must(mate, ['ls', diskPath]), 'lost+found');
      await node.detachDisk(diskPath, 'unmounted');
      await started.until('the node to say that no disk is there', async () =>
        /nothing is mounted/.test(await started.messageOf(mate)),
      );
      assert.deepEqual(await started.must(mate, ['ls', diskPath]), '');
      await node.attachDisk(diskPath);
      await goesOn();
    });

    it('makes a copy elsewhere when a node stays away, and names what that node keeps', async () => {
      const away = await mateOf(ledgerClaim, home);
      await started.lab.node(away).cutPower();
      await ledger.untilGoesOn();
      const { metadata, status } = await started.volumeOf(ledgerClaim);
      const lost = status.places.find(({ node }) => node === away);
      const isElsewhere = async () =>
        (await started.volumes()).every(({ status: { safety, places } }) => {
          const nodes = places.map(({ node }) => node);
          return safety === 'Safe' && nodes.length === 2 && !nodes.includes(away);
        });
      await started.until('copies on the nodes that are left', isElsewhere, repairedMs);
      await started.lab.node(away).restart();
      const orphan = `${metadata.name}/${lost?.member ?? 'no copy was there'}`;
      await started.until('the node to name what it keeps', async () =>
        (await started.messageOf(away)).includes(orphan),
      );
      await started.must(away, ['sh', '-c', `rm -r ${diskPath}/larder/replicas/*`]);
      await started.until(
        'the node to be well',
        async () => (await started.messageOf(away)) === '',
      );
      await settled();
    });

    it('runs elsewhere within 30 s when the power of its node is cut', async () => {
      const old = home;
      await started.lab.node(old).cutPower();
      await moveFrom(old);
      await started.lab.node(old).restart();
      await started.backInService(old);
      await settled();
    });

    it('acknowledges nothing on a node that is cut off, and runs elsewhere within 30 s', async () => {
      const old = home;
      const { metadata } = await started.volumeOf(ledgerClaim);
      await started.lab.node(old).disconnect();
      await ledger.untilSilent(silentMs);
      await moveFrom(old);
      await started.lab.node(old).reconnect();
      await started.until('the node to be back', async () => started.isNodeReady(old));
      await untilDetached(old, metadata.name);
      await started.backInService(old);
      await settled();
    });

    it('waits five minutes for the API server when a copy is lost', async function () {
      this.timeout(longSilenceMs + hookMs);
      await loseCopyWithoutApi(longSilenceMs);
    });

    it('comes back by itself with every row when everything lost its power at once', async () => {
      started.killEverything();
      await started.restore();
      home = await ledger.untilReady();
      await ledger.open();
      await settled();
    });

    it('has equal copies and nothing attached when the database has ended', async () => {
      const { metadata, status } = await started.volumeOf(ledgerClaim);
      await ledger.check('all');
      await ledger.stopServer();
      for (const node of nodeNames) await untilDetached(node, metadata.name);
      const directories = status.places.map(({ node, member }) => {
        const folder = `${diskPath}/larder/replicas/${metadata.name}/${member}`;
        return [node, started.pathInto(node, folder)] as const;
      });
      assert.equal(directories.length, 2);
      assert.equal(await compareCopies(new Map(directories)), 'equal');
    });
  });

  async function loseCopyWithoutApi(forMs: number): Promise<void> {
    const mate = await mateOf(ledgerClaim, home);
    started.stopApiServer();
    await ledger.untilGoesOn();
    assert.equal(await killOn(mate, 'main/storage-node'), 0, 'there was a replica server');
    await ledger.untilSilent(forMs);
    await started.restore();
    await ledger.untilGoesOn();
    await settled();
  }

  /** It was never started anew, and everything is as it should be. */
  async function goesOn(): Promise<void> {
    assert.equal(await ledger.restarts(), 0, 'the database was started anew');
    await settled();
  }

  async function settled(): Promise<void> {
    await ledger.untilGoesOn();
    await started.untilSafe();
    await ledger.check();
  }

  /** Says that nothing runs on a node any more, and waits for the database elsewhere. */
  async function moveFrom(old: string): Promise<void> {
    await started.takeOutOfService(old);
    const begunMs = performance.now();
    home = await ledger.untilReady(elsewhereMs, old);
    tell(`elsewhere ${seconds(performance.now() - begunMs)} after the taint`);
    await ledger.open();
    await ledger.check();
  }

  /** The other node that holds a copy. */
  async function mateOf(claim: string, node: string): Promise<string> {
    const { places } = (await started.volumeOf(claim)).status;
    const mate = places.find((place) => place.node !== node)?.node;
    assert.ok(mate !== undefined, `no copy of ${claim} but on ${node}`);
    return mate;
  }

  async function untilCopies(claim: string, copies: string): Promise<void> {
    await started.until(`the volume of ${claim} to have ${copies} copies`, async () => {
      const { status } = await started.volumeOf(claim);
      if (status.copies === copies) return true;
      throw new Error(`${status.copies}: ${status.message}`);
    });
  }

  async function untilDetached(node: string, volume: string): Promise<void> {
    await started.until(`nothing of ${volume} to be attached to ${node}`, async () => {
      const left = await attachmentsOn(started, node, volume);
      if (left.length === 0) return true;
      throw new Error(left.join('\n'));
    });
  }

  async function untilNothingIsLeft(volume: string): Promise<void> {
    await started.until('the volume to be gone', async () => {
      const names = (await started.volumes()).map(({ metadata }) => metadata.name);
      return !names.includes(volume);
    });
    for (const node of nodeNames) {
      assert.deepEqual(await copiesOn(started, node, volume), [], node);
      await untilDetached(node, volume);
    }
  }

  /** Pods of the DaemonSet with their images, those that end left out. */
  async function nodePods(): Promise<ReadonlyMap<string, string>> {
    const { items } = await started.core.listNamespacedPod({
      namespace: system,
      labelSelector: 'app.kubernetes.io/name=larder-node',
    });
    return new Map(
      items
        .filter(({ metadata, status }) => {
          const ends = metadata?.deletionTimestamp !== undefined;
          return !ends && status?.conditions?.some(isReady) === true;
        })
        .map(({ metadata, spec }) => [metadata?.uid ?? '', spec?.containers[0]?.image ?? '']),
    );
  }

  async function podsOn(name: string, node: string): Promise<readonly string[]> {
    const { items } = await started.core.listNamespacedPod({
      namespace: system,
      labelSelector: `app.kubernetes.io/name=${name}`,
      fieldSelector: `spec.nodeName=${node}`,
    });
    return items.map(({ metadata }) => metadata?.name ?? '');
  }

  /** The code of pkill: 0 when there was such a process. */
  async function killOn(node: string, pattern: string): Promise<number> {
    const { code } = await started.lab.node(node).exec(['pkill', '-KILL', '-f', pattern]);
    return code;
  }
});

/** Measured beside the verdict: budgets are looked at, not only held. */
function tell(what: string): void {
  process.stdout.write(`${' '.repeat(6)}${what}\n`);
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
