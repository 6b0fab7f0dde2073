/** The promise table's rows that processes can show (docs/promises.md), over NBD, without root. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { NbdClient } from '../../dataplane/drive/nbd-client.ts';
import { RunningVolume } from './running-volume.ts';

const sizeBytes = 16 * 2 ** 20;
const block = 4096;
/** The stall that docs/promises.md allows when a member dies, and what a busy test machine adds. */
const stallMs = 2000;
const patienceMs = 6000;

function pattern(seed: number): Buffer {
  return Buffer.alloc(block, `block ${seed} `);
}

async function write(client: NbdClient, index: number, seed: number): Promise<void> {
  const outcome = await client.write(index * block, pattern(seed), { fua: false });
  assert.equal(outcome.kind, 'done');
}

async function expectBlock(client: NbdClient, index: number, seed: number): Promise<void> {
  const outcome = await client.read({ offsetBytes: index * block, lengthBytes: block });
  assert.ok(outcome.kind === 'data', `block ${index}: ${JSON.stringify(outcome)}`);
  assert.ok(
    Buffer.from(outcome.bytes).equals(pattern(seed)),
    `block ${index} is not write ${seed}`,
  );
}

describe('running volume', function () {
  this.timeout(60_000);
  let running: RunningVolume;
  let client: NbdClient;

  beforeEach(async () => {
    running = await RunningVolume.make(['left', 'right'], sizeBytes);
    client = await running.client();
  });

  afterEach(async () => {
    await running.dispose();
  });

  function copiesAreEqual(): void {
    const [left, right] = ['left', 'right'].map((id) => {
      const data = Buffer.alloc(sizeBytes);
      readFileSync(path.join(running.directory, id, 'data-1')).copy(data);
      return data;
    });
    assert.ok(left !== undefined && right !== undefined && left.equals(right), 'copies differ');
  }

  it('keeps acknowledged writes and goes on when a replica is killed, and copies what it missed', async () => {
    for (let index = 0; index < 50; index++) await write(client, index, index);
    await running.kill('right');
    const begunMs = performance.now();
    await write(client, 0, 1000);
    const tookMs = performance.now() - begunMs;
    assert.ok(tookMs < stallMs + patienceMs, `the stall took ${tookMs} ms`);
    for (let index = 1500; index < 1550; index++) await write(client, index, index);
    assert.deepEqual(await running.inSync(), ['left']);
    await running.startMember('right');
    await running.untilInSync(['left', 'right'], 20_000);
    assert.equal((await client.flush()).kind, 'done');
    copiesAreEqual();
    await running.kill('left');
    await expectBlock(client, 0, 1000);
    for (let index = 1; index < 50; index++) await expectBlock(client, index, index);
    await expectBlock(client, 1549, 1549);
  });

  it('keeps acknowledged writes when the engine is killed', async () => {
    for (let index = 0; index < 50; index++) await write(client, index * 30, index);
    await running.kill('engine');
    await running.startEngine();
    const again = await running.client();
    for (let index = 0; index < 50; index++) await expectBlock(again, index * 30, index);
    assert.deepEqual(await running.inSync(), ['left', 'right']);
    await again.flush();
    copiesAreEqual();
  });

  it('takes a stopped replica out, and brings it back when it goes on', async () => {
    await write(client, 0, 1);
    running.signal('right', 'SIGSTOP');
    await write(client, 0, 2);
    assert.deepEqual(await running.inSync(), ['left']);
    await expectBlock(client, 0, 2);
    running.signal('right', 'SIGCONT');
    await running.untilInSync(['left', 'right'], 20_000);
    await client.flush();
    copiesAreEqual();
  });

  it('stops an engine that was paused while another took over', async () => {
    await write(client, 0, 1);
    running.signal('engine', 'SIGSTOP');
    const paused = client.write(0, pattern(2), { fua: false });
    const old = running.detachEngine();
    await running.startEngine();
    const again = await running.client();
    await expectBlock(again, 0, 1);
    await write(again, 0, 3);
    old.kill('SIGCONT');
    assert.notEqual(
      (await paused).kind,
      'done',
      'the old engine acknowledged after it was replaced',
    );
    await expectBlock(again, 0, 3);
  });

  it('comes back with what was flushed when everything is killed at once', async () => {
    for (let index = 0; index < 50; index++) await write(client, index * 30, index);
    assert.equal((await client.flush()).kind, 'done');
    await Promise.all(['engine', 'left', 'right'].map(async (name) => running.kill(name)));
    for (const id of running.members) await running.startMember(id);
    await running.startEngine();
    const again = await running.client();
    for (let index = 0; index < 50; index++) await expectBlock(again, index * 30, index);
    copiesAreEqual();
  });

  it('copies everything when a replica comes back with an empty disk', async () => {
    for (let index = 0; index < 20; index++) await write(client, index * 100, index);
    await running.kill('right');
    rmSync(path.join(running.directory, 'right'), { recursive: true });
    mkdirSync(path.join(running.directory, 'right'));
    await running.startMember('right');
    await running.untilInSync(['left'], 20_000);
    await running.untilInSync(['left', 'right'], 20_000);
    await running.kill('left');
    for (let index = 0; index < 20; index++) await expectBlock(client, index * 100, index);
  });

  it('leaves everything clean when it is stopped in order', async () => {
    await write(client, 7, 7);
    await client.disconnect();
    for (const name of ['engine', 'left', 'right']) await running.kill(name, 'SIGTERM');
    for (const id of running.members) await running.startMember(id);
    await running.startEngine();
    await expectBlock(await running.client(), 7, 7);
    assert.deepEqual(await running.inSync(), ['left', 'right']);
  });
});
