import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import {
  createStore,
  type HostedStore,
  openStore,
} from '../../../../dataplane/drive/hosted-store.ts';
import { StoreUpkeep } from '../../../../dataplane/drive/store-upkeep.ts';
import { MemoryDisk } from '../memory-disk.ts';

const blockBytes = 64;
const geometry = { sizeBytes: 16 * blockBytes, blockBytes, regionBlocks: 4 };
const whole = { offsetBytes: 0, lengthBytes: geometry.sizeBytes };

describe('upkeep of a store', () => {
  let disk: MemoryDisk;
  let hosted: HostedStore;
  let upkeep: StoreUpkeep;

  beforeEach(async () => {
    disk = new MemoryDisk();
    const identity = { volume: 'v', member: 'm', geometry };
    await createStore(disk, identity, { lineage: 'l', withVolume: true });
    hosted = await openStore(disk, identity);
    await hosted.runner.run(hosted.store.promise(1, 'e'));
    const bytes = new Uint8Array(geometry.sizeBytes).fill(7);
    await hosted.runner.run(hosted.store.write(0, bytes, { sequence: 2, fua: false }));
    await hosted.runner.run(hosted.store.snapshot('s'));
    const log = { info: () => {}, warn: () => {} };
    const onDefect = (error: unknown) => {
      throw error;
    };
    upkeep = new StoreUpkeep(hosted, { log, onDefect });
  });

  async function until(what: string, ready: () => boolean): Promise<void> {
    for (let turns = 0; turns < 2000; turns++) {
      if (ready()) return;
      await turn();
    }
    assert.fail(`${what} did not happen`);
  }

  const layers = () => [...disk.files.keys()].filter((name) => name.startsWith('data-'));

  async function holdsAll(): Promise<void> {
    const outcome = await hosted.runner.run(hosted.store.read(whole));
    assert.ok(outcome.kind === 'data');
    assert.ok(
      outcome.bytes.every((byte) => byte === 7),
      'every block is as it was written',
    );
  }

  it('merges a deleted snapshot away after one nudge when nothing else runs', async () => {
    await hosted.runner.run(hosted.store.deleteSnapshot('s'));
    upkeep.nudge();
    await until('the merge', () => layers().length === 1);
    await holdsAll();
  });

  it('merges one region a nudge while something else runs', async () => {
    await hosted.runner.run(hosted.store.deleteSnapshot('s'));
    hosted.gate.begin();
    for (let nudges = 0; nudges < 4; nudges++) {
      upkeep.nudge();
      for (let turns = 0; turns < 50; turns++) await turn();
      assert.equal(layers().length, 2, `after ${nudges + 1} of 4 regions`);
    }
    hosted.gate.end();
    upkeep.nudge();
    await until('the merge', () => layers().length === 1);
    await holdsAll();
  });

  it('leaves a snapshot alone that is wanted', async () => {
    upkeep.nudge();
    for (let turns = 0; turns < 50; turns++) await turn();
    assert.equal(layers().length, 2);
  });

  it('begins nothing after it was stopped', async () => {
    await hosted.runner.run(hosted.store.deleteSnapshot('s'));
    upkeep.stop();
    upkeep.nudge();
    for (let turns = 0; turns < 50; turns++) await turn();
    assert.equal(layers().length, 2);
  });

  /** A write, flushed everywhere, and then a nudge. */
  async function writeAndNudge(sequence: number): Promise<void> {
    const bytes = new Uint8Array(blockBytes).fill(9);
    await hosted.runner.run(hosted.store.write(0, bytes, { sequence, fua: true }));
    hosted.store.flushedEverywhere(sequence);
    upkeep.nudge();
    for (let turns = 0; turns < 50; turns++) await turn();
  }

  it('cleans regions once nothing was written for a while, and not before', async () => {
    await writeAndNudge(3);
    const dirty = hosted.store.dirtyCount;
    assert.ok(dirty > 0);
    let nudges = 0;
    for (; nudges < 40 && hosted.store.dirtyCount > 0; nudges++) {
      upkeep.nudge();
      for (let turns = 0; turns < 50; turns++) await turn();
    }
    assert.ok(nudges >= 4 && nudges <= 12, `cleaned after ${nudges} nudges`);
  });

  it('cleans regions now and then where the writes never end', async () => {
    let cleaned = 0;
    for (let round = 0; round < 100; round++) {
      const before = hosted.store.dirtyCount;
      await writeAndNudge(3 + round);
      if (hosted.store.dirtyCount < Math.max(before, 1)) cleaned += 1;
    }
    assert.ok(cleaned >= 2 && cleaned <= 5, `cleaned ${cleaned} times in 100 nudges`);
  });

  it('asks the file system for its room while somebody writes, and rarely else', async () => {
    let asked = 0;
    disk.freeBytes = async () => {
      asked += 1;
      return Promise.resolve(Infinity);
    };
    for (let round = 0; round < 10; round++) await writeAndNudge(3 + round);
    assert.equal(asked, 10);
    for (let round = 0; round < 64; round++) upkeep.nudge();
    assert.ok(asked <= 13, `${asked - 10} times in 64 nudges without a write`);
  });

  it('keeps reads and writes right while it merges', async () => {
    await hosted.runner.run(hosted.store.deleteSnapshot('s'));
    upkeep.nudge();
    for (let round = 0; round < 40; round++) {
      const block = round % 16;
      const span = { offsetBytes: block * blockBytes, lengthBytes: blockBytes };
      const fresh = new Uint8Array(blockBytes).fill(100 + round);
      const order = { sequence: 3 + round, fua: round % 5 === 0 };
      const [outcome] = await Promise.all([hosted.runner.run(hosted.store.read(whole)), turn()]);
      assert.ok(outcome.kind === 'data', 'a read during the merge');
      await hosted.runner.run(hosted.store.write(span.offsetBytes, fresh, order));
      const after = await hosted.runner.run(hosted.store.read(span));
      assert.ok(after.kind === 'data');
      assert.deepEqual(after.bytes, fresh);
      upkeep.nudge();
    }
    await until('the merge', () => layers().length === 1);
    const outcome = await hosted.runner.run(hosted.store.read(whole));
    assert.ok(outcome.kind === 'data');
    const values = Array.from({ length: 16 }, (_, block) => outcome.bytes[block * blockBytes]);
    const expected = Array.from({ length: 16 }, (_, block) => 100 + (block < 8 ? 32 : 16) + block);
    assert.deepEqual(values, expected);
  });
});
