/**
 * What every disk, link and record keeps, shown on the real one and on the simulator's twin alike.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Prng } from '../../dataplane/base/prng.ts';
import { Fault } from '../../dataplane/base/fault.ts';
import { DirectoryCluster } from '../../dataplane/host/cluster.ts';
import { HostDisk } from '../../dataplane/host/disk.ts';
import { HostAcceptor, HostConnector } from '../../dataplane/host/link.ts';
import type { Cluster } from '../../dataplane/ports/cluster.ts';
import type { Disk } from '../../dataplane/ports/disk.ts';
import type { Acceptor, Connector, Link } from '../../dataplane/ports/link.ts';
import { claimed, firstRecord } from '../../dataplane/volume/record.ts';
import { SimCluster } from '../sim/cluster.ts';
import { SimDisk } from '../sim/disk.ts';
import { SimMedium } from '../sim/medium.ts';
import { SimNetwork } from '../sim/link.ts';
import { SimProcess } from '../sim/process.ts';
import { World } from '../sim/world.ts';

/** Waits for a promise, in a world of its own time if there is one. */
type Wait = <T>(promise: Promise<T>) => Promise<T>;

const real: Wait = async (promise) => promise;

function inWorld(world: World): Wait {
  return async (promise) => {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    watched.catch(() => undefined);
    await world.runUntil(world.nowMs + 10_000, () => settled);
    assert.ok(settled, 'nothing came within ten virtual seconds');
    return watched;
  };
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const record = firstRecord(
  { volume: 'v', lineage: 'l', sizeBytes: 4096, blockBytes: 4096, regionBlocks: 1024 },
  [{ id: 'a', address: 'a' }],
);

interface Bench {
  readonly disk: Disk;
  readonly cluster: Cluster;
  readonly acceptor: Acceptor;
  readonly connector: Connector;
  readonly address: string;
  readonly nowhere: string;
  readonly wait: Wait;
  readonly dispose: () => void;
}

async function realBench(): Promise<Bench> {
  const directory = mkdtempSync(path.join(tmpdir(), 'larder-ports-'));
  const address = path.join(directory, 'socket');
  const acceptor = await HostAcceptor.listen(address, undefined);
  const cluster = new DirectoryCluster(directory);
  await cluster.create(record);
  return {
    disk: new HostDisk(mkdtempSync(path.join(directory, 'disk-'))),
    cluster,
    acceptor,
    connector: new HostConnector(undefined),
    address,
    nowhere: path.join(directory, 'nobody'),
    wait: real,
    dispose: () => {
      acceptor.close();
      rmSync(directory, { recursive: true });
    },
  };
}

function simulatedBench(): Promise<Bench> {
  const world = new World(1, 10);
  const process = new SimProcess(world, 'here');
  const network = new SimNetwork(world, 5);
  const medium = new SimMedium(new Prng(1), { name: 'm', dataUnitBytes: 64, slowestMs: 5 });
  const cluster = new SimCluster(world, { record, lostAnswers: 0, onWrite: () => {} });
  return Promise.resolve({
    disk: new SimDisk(medium, process),
    cluster: cluster.seenBy(process),
    acceptor: network.listen(new SimProcess(world, 'there'), 'address'),
    connector: network.connectorOf(process),
    address: 'address',
    nowhere: 'nobody',
    wait: inWorld(world),
    dispose: () => {},
  });
}

for (const [kind, open] of [
  ['real', realBench],
  ['twin', simulatedBench],
] as const) {
  describe(`ports (${kind})`, () => {
    let bench: Bench;
    let wait: Wait;

    beforeEach(async () => {
      bench = await open();
      ({ wait } = bench);
    });

    const links: Link[] = [];

    afterEach(() => {
      for (const link of links.splice(0)) link.close();
      bench.dispose();
    });

    it('disk: lists, replaces and reads whole files', async () => {
      assert.deepEqual(await wait(bench.disk.list()), []);
      await wait(bench.disk.replace('b', bytes(1, 2)));
      await wait(bench.disk.replace('a', bytes(3)));
      await wait(bench.disk.replace('b', bytes(4)));
      assert.deepEqual(await wait(bench.disk.list()), ['a', 'b']);
      assert.deepEqual(Buffer.from(await wait(bench.disk.readAll('b'))), Buffer.from([4]));
    });

    it('disk: reads zeroes beyond the end and what was written, and grows the file', async () => {
      await wait(bench.disk.replace('f', bytes()));
      const file = await wait(bench.disk.open('f'));
      assert.deepEqual(await wait(file.read(10, 3)), bytes(0, 0, 0));
      await wait(file.write(2, bytes(7, 8)));
      assert.deepEqual(await wait(file.read(0, 6)), bytes(0, 0, 7, 8, 0, 0));
      await wait(file.sync());
      await file.close();
      const again = await wait(bench.disk.readAll('f'));
      assert.deepEqual(Buffer.from(again), Buffer.from([0, 0, 7, 8]));
    });

    it('disk: reads zeroes where a hole was punched', async () => {
      await wait(bench.disk.replace('f', bytes(1, 2, 3, 4)));
      const file = await wait(bench.disk.open('f'));
      await wait(file.punch(1, 2));
      assert.deepEqual(await wait(file.read(0, 4)), bytes(1, 0, 0, 4));
      await file.close();
    });

    async function pair(): Promise<readonly [Link, Link]> {
      const accepted = bench.acceptor.accept();
      const near = await wait(bench.connector.connect(bench.address, new AbortController().signal));
      const far = await wait(accepted);
      assert.ok(far !== undefined);
      links.push(near, far);
      return [near, far];
    }

    it('link: carries bytes both ways in order', async () => {
      const [near, far] = await pair();
      const take = async (link: Link, lengthBytes: number) => {
        const chunks: Uint8Array[] = [];
        for (let got = 0; got < lengthBytes; ) {
          const chunk = await wait(link.read());
          assert.ok(chunk !== undefined);
          chunks.push(chunk);
          got += chunk.length;
        }
        return Buffer.concat(chunks).toString();
      };
      await wait(near.write([Buffer.from('one '), Buffer.from('two ')]));
      await wait(near.write([Buffer.from('three')]));
      assert.equal(await take(far, 13), 'one two three');
      await wait(far.write([Buffer.from('back')]));
      assert.equal(await take(near, 4), 'back');
    });

    it('link: tells the other end when it is closed, and closing twice is nothing', async () => {
      const [near, far] = await pair();
      near.close();
      near.close();
      const heard = await wait(far.read().catch((error: unknown) => error));
      assert.ok(heard === undefined || (heard instanceof Fault && heard.code === 'link.lost'));
      await assert.rejects(
        wait(near.write([bytes(1)])),
        (error) => error instanceof Fault && error.code === 'link.lost',
      );
    });

    it('link: refuses where nobody listens', async () => {
      await assert.rejects(
        wait(bench.connector.connect(bench.nowhere, new AbortController().signal)),
        (error) => error instanceof Fault && error.code === 'link.lost',
      );
    });

    it('link: hands out nothing after the acceptor was closed', async () => {
      const accepted = bench.acceptor.accept();
      bench.acceptor.close();
      assert.equal(await accepted, undefined);
      assert.equal(await bench.acceptor.accept(), undefined);
    });

    it('cluster: swaps on the version that was read and on no other', async () => {
      const first = await wait(bench.cluster.read('v'));
      assert.deepEqual(first.record, record);
      const next = claimed(record, 'engine');
      const outcome = await wait(bench.cluster.swap('v', first.version, next));
      assert.equal(outcome.kind, 'written');
      const late = await wait(bench.cluster.swap('v', first.version, claimed(record, 'late')));
      assert.deepEqual(late, { kind: 'conflict' });
      const found = await wait(bench.cluster.read('v'));
      assert.deepEqual(found.record, next);
      assert.ok(outcome.kind === 'written' && outcome.version === found.version);
    });

    it('cluster: lets one of many that swap at once through', async () => {
      const { version } = await wait(bench.cluster.read('v'));
      const outcomes = await wait(
        Promise.all(
          Array.from({ length: 8 }, async (_, index) =>
            bench.cluster.swap('v', version, claimed(record, `engine ${index}`)),
          ),
        ),
      );
      const kinds = outcomes.map(({ kind: outcome }) => outcome).sort();
      assert.deepEqual(kinds, [...Array<string>(7).fill('conflict'), 'written']);
    });
  });
}
