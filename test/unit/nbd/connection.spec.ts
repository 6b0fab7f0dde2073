import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { NbdConnection, type NbdEnding } from '../../../dataplane/drive/nbd-connection.ts';
import { NbdExport, NbdExports } from '../../../dataplane/drive/nbd-export.ts';
import { nbdLimits } from '../../../dataplane/nbd/limits.ts';
import { encodeInfoQuery, encodeOption } from '../../../dataplane/nbd/option-codec.ts';
import { encodeRequest } from '../../../dataplane/nbd/request.ts';
import { command, option } from '../../../dataplane/nbd/wire.ts';
import type { Clock } from '../../../dataplane/ports/clock.ts';
import { linkPair, type MemoryLink, settle } from '../../support/nbd/link-pair.ts';
import { MemoryBlocks } from '../../support/nbd/memory-blocks.ts';

const mebibyte = 2 ** 20;

/** A clock that a test moves by hand. */
class HandClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Disposable {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) {
      if (timer.atMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }

  get timers(): number {
    return this.#timers.size;
  }
}

class Client {
  readonly clock = new HandClock();
  readonly blocks: MemoryBlocks;
  readonly link: MemoryLink;
  /** The server's end of the connection. */
  readonly far: MemoryLink;
  readonly connection: NbdConnection;
  ending: NbdEnding | undefined;
  #cookie = 0;

  get ended(): boolean {
    return this.ending !== undefined;
  }

  constructor(sizeBytes: number) {
    this.blocks = new MemoryBlocks(sizeBytes, { recording: true });
    const { client, server } = linkPair();
    this.link = client;
    this.far = server;
    const exports = new NbdExports([new NbdExport({ name: 'disk', blocks: this.blocks })]);
    this.connection = new NbdConnection({ clock: this.clock, link: server, exports }, 'plain');
    void this.connection.run().then((ending) => {
      this.ending = ending;
    });
  }

  async negotiate(): Promise<void> {
    const go = encodeOption(option.go, encodeInfoQuery({ exportName: 'disk', facts: [] }));
    await this.link.write([Buffer.from('00000003', 'hex'), go]);
    await settle();
    this.link.readAll();
  }

  async request(code: number, lengthBytes: number): Promise<void> {
    this.#cookie += 1;
    const cookieLow = this.#cookie;
    const header = encodeRequest({
      code,
      flags: 0,
      cookieHigh: 0,
      cookieLow,
      offsetBytes: 0,
      lengthBytes,
    });
    const payload = Buffer.alloc(code === command.write ? lengthBytes : 0, 1);
    await this.link.write([header, payload]);
  }
}

describe('NbdConnection', () => {
  it('takes no more requests than its limit from a client that never reads', async () => {
    const client = new Client(mebibyte);
    await client.negotiate();
    client.link.stall();
    for (let count = 0; count < 500; count += 1) await client.request(command.read, 4096);
    await settle();
    const reads = client.blocks.calls?.length ?? 0;
    assert.ok(reads <= nbdLimits.inFlightRequestsMax, `${reads} reads for nobody`);
    assert.ok(reads > 0, 'the first ones are carried out');
    client.link.resume();
    await settle();
    await settle();
    assert.equal(client.link.readAll().length, 500 * (16 + 4096), 'all are answered in the end');
  });

  it('holds no more payload than its limit for a client that never reads', async () => {
    const client = new Client(8 * mebibyte);
    await client.negotiate();
    client.link.stall();
    for (let count = 0; count < 20; count += 1) await client.request(command.read, 4 * mebibyte);
    await settle();
    const held = (client.blocks.calls?.length ?? 0) * 4 * mebibyte;
    assert.equal(held, nbdLimits.inFlightBytesMax);
  });

  it('does not take refused requests without end either', async () => {
    const client = new Client(mebibyte);
    await client.negotiate();
    client.link.stall();
    for (let count = 0; count < 500; count += 1) await client.request(99, 0);
    await settle();
    const taken = 500 - client.far.unread;
    assert.ok(taken <= nbdLimits.inFlightRequestsMax + 1, `${taken} requests were read`);
    client.link.resume();
    await settle();
    await settle();
    assert.equal(client.link.readAll().length, 500 * 16);
  });

  it('admits a request longer than the allowance when it is alone', async () => {
    const client = new Client(40 * mebibyte);
    await client.negotiate();
    await client.request(command.read, nbdLimits.payloadBytesMax);
    await client.request(command.read, 4096);
    await settle();
    const expected = 16 + nbdLimits.payloadBytesMax + 16 + 4096;
    assert.equal(client.link.readAll().length, expected);
  });

  it('gathers the replies of one turn into one write', async () => {
    const client = new Client(mebibyte);
    await client.negotiate();
    const one = encodeRequest({
      code: command.flush,
      flags: 0,
      cookieHigh: 0,
      cookieLow: 1,
      offsetBytes: 0,
      lengthBytes: 0,
    });
    await client.link.write(Array.from({ length: 32 }, () => one));
    await settle();
    assert.ok(client.link.unread <= 2, `${client.link.unread} writes for 32 replies`);
    assert.equal(client.link.readAll().length, 32 * 16);
  });

  it('ends a handshake that takes too long, and only a handshake', async () => {
    const slow = new Client(mebibyte);
    await settle();
    slow.clock.advance(nbdLimits.handshakeTimeoutMs);
    await settle();
    assert.equal(slow.ending?.kind, 'too-slow');
    assert.equal(slow.link.closed, true);

    const quick = new Client(mebibyte);
    await quick.negotiate();
    assert.equal(quick.clock.timers, 0, 'no timer is left behind');
    quick.clock.advance(nbdLimits.handshakeTimeoutMs);
    await settle();
    assert.equal(quick.ending, undefined);
  });

  it('is over only when the service has answered, though the client is gone (I-17)', async () => {
    const client = new Client(mebibyte);
    await client.negotiate();
    const gate = Promise.withResolvers<void>();
    client.blocks.gate = gate.promise;
    await client.request(command.write, 4096);
    await settle();
    client.link.close();
    await settle();
    assert.equal(client.connection.working, 1);
    assert.equal(client.ended, false);
    gate.resolve();
    await settle();
    assert.deepEqual(client.ending, {
      kind: 'lost',
      message: 'the client closed without a goodbye',
    });
    assert.equal(client.connection.working, 0);
  });

  it('leaves what comes after its end unanswered, which the kernel would take for a broken disk', async () => {
    const client = new Client(mebibyte);
    await client.negotiate();
    const gate = Promise.withResolvers<void>();
    client.blocks.gate = gate.promise;
    await client.request(command.write, 4096);
    await settle();
    client.connection.stop();
    await client.request(command.write, 4096);
    await settle();
    gate.resolve();
    await settle();
    const replies = client.link.readAll();
    assert.equal(replies.length, 16, 'the reply to the first request and nothing else');
    assert.equal(replies.readUInt32BE(4), 0);
    assert.equal(client.ending?.kind, 'stopped');
    assert.equal(client.blocks.calls?.length, 1);
  });
});
