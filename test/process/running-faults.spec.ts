/**
 * Engines and replica servers as real processes over TLS, with certificates of the small authority:
 * what a writer is told while one of them is killed, stopped, or cut off, and how long it waits.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { NbdClient } from '../../dataplane/drive/nbd-client.ts';
import { RunningVolume } from './running-volume.ts';

const blockBytes = 4096;
const sizeBytes = 16 * 2 ** 20;
const blocks = 64;
const members = ['left', 'middle', 'right'];
/** What docs/promises.md allows when a member dies, and what a crowded test machine adds. */
const stallMs = 2000;
const patienceMs = 2000;

/** Writes one block after the other, waits for each answer, and remembers what it was told. */
class Writer {
  readonly #client: NbdClient;
  readonly #acknowledged = new Map<number, number>();
  #count = 0;
  #stopped = false;
  longestMs = 0;

  constructor(client: NbdClient) {
    this.#client = client;
  }

  async work(): Promise<void> {
    while (!this.#stopped) {
      this.#count += 1;
      const block = this.#count % blocks;
      const begunMs = performance.now();
      const outcome = await this.#client.write(block * blockBytes, pattern(this.#count), {
        fua: false,
      });
      this.longestMs = Math.max(this.longestMs, performance.now() - begunMs);
      assert.equal(outcome.kind, 'done', `write ${this.#count}: ${JSON.stringify(outcome)}`);
      this.#acknowledged.set(block, this.#count);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves after so many more answers. */
  async more(answers: number): Promise<void> {
    const until = this.#count + answers;
    while (this.#count < until) await new Promise((resolve) => setImmediate(resolve));
  }

  async readsBack(client: NbdClient): Promise<void> {
    for (const [block, count] of this.#acknowledged) {
      const range = { offsetBytes: block * blockBytes, lengthBytes: blockBytes };
      const outcome = await client.read(range);
      assert.ok(outcome.kind === 'data', JSON.stringify(outcome));
      assert.ok(
        Buffer.from(outcome.bytes).equals(pattern(count)),
        `block ${block}, write ${count}`,
      );
    }
  }
}

function pattern(count: number): Buffer {
  return Buffer.alloc(blockBytes, `write ${count} `);
}

describe('running volume over TLS', function () {
  this.timeout(90_000);
  let running: RunningVolume;
  let client: NbdClient;
  let writer: Writer;

  beforeEach(async () => {
    running = await RunningVolume.make(members, sizeBytes, { tls: true });
    client = await running.client();
    writer = new Writer(client);
  });

  afterEach(async () => {
    await running.dispose();
  });

  const faults: readonly {
    readonly what: string;
    readonly strike: () => void | Promise<void>;
    readonly end: () => void | Promise<void>;
  }[] = [
    {
      what: 'killed',
      strike: async () => running.kill('right'),
      end: async () => running.startMember('right'),
    },
    {
      what: 'stopped in its tracks',
      strike: () => running.signal('right', 'SIGSTOP'),
      end: () => running.signal('right', 'SIGCONT'),
    },
    {
      what: 'cut off from the network',
      strike: () => running.cut('right'),
      end: () => running.mend('right'),
    },
  ];
  for (const { what, strike, end } of faults) {
    it(`keeps every acknowledged write and stalls for two seconds at most when a replica server is ${what}`, async () => {
      const work = writer.work();
      await writer.more(50);
      await strike();
      await writer.more(50);
      const stalledMs = writer.longestMs;
      assert.deepEqual(await running.inSync(), ['left', 'middle']);
      await end();
      await running.untilInSync(members, 30_000);
      writer.stop();
      await work;
      for (const other of ['left', 'middle']) await running.kill(other);
      await writer.readsBack(client);
      assert.ok(stalledMs < stallMs + patienceMs, `a write took ${Math.round(stalledMs)} ms`);
    });
  }

  it('takes no replica server back that shows a certificate of another cluster', async () => {
    await running.kill('right');
    const elsewhere = path.join(running.directory, 'elsewhere');
    const program = path.resolve(import.meta.dirname, '../../dataplane/main/authority.ts');
    for (const args of [[], ['replica', 'right']]) {
      execFileSync(process.execPath, [program, elsewhere, ...args]);
    }
    const work = writer.work();
    await writer.more(10);
    await running.startMember('right', false, elsewhere);
    await writer.more(10);
    assert.deepEqual(await running.inSync(), ['left', 'middle']);
    await running.kill('right');
    await running.startMember('right');
    await running.untilInSync(members, 30_000);
    writer.stop();
    await work;
  });
});
