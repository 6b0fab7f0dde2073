import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { existsSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Fault } from '../../dataplane/base/fault.ts';
import { NbdClient } from '../../dataplane/drive/nbd-client.ts';
import { connectNbd } from '../../dataplane/host/nbd-connect.ts';
import { listenUnix } from '../../dataplane/host/nbd-listener.ts';
import { nbdLimits } from '../../dataplane/nbd/limits.ts';
import { Authority } from '../support/nbd/certificates.ts';
import { ioFailure, MemoryBlocks } from '../support/nbd/memory-blocks.ts';
import { Serving } from '../support/nbd/serving.ts';

const mebibyte = 2 ** 20;

async function open(
  serving: Serving,
  options: Parameters<typeof NbdClient.open>[1] = {},
): Promise<NbdClient> {
  return NbdClient.open(await connectNbd({ path: serving.socket }), options);
}

/** Bytes in which a piece that is missing, doubled or misplaced shows: the period is a prime. */
function pattern(lengthBytes: number, seed: number): Buffer {
  const period = Buffer.from(Array.from({ length: 4099 }, (_, at) => (at * 31 + seed) % 251));
  return Buffer.alloc(lengthBytes, period);
}

async function readBack(client: NbdClient, at: number, length: number): Promise<Buffer> {
  const outcome = await client.read({ offsetBytes: at, lengthBytes: length });
  if (outcome.kind !== 'data') assert.fail(`read of ${length} at ${at}: ${outcome.reason}`);
  return Buffer.from(outcome.bytes);
}

/** Lets the event loop turn until something holds, for five seconds at most. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > deadline) assert.fail(`waited five seconds until ${what}`);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

describe('NBD client and server', () => {
  for (const structured of [true, false]) {
    const kind = structured ? 'structured' : 'simple';
    it(`move bytes of any length to any place [${kind} replies]`, async () => {
      await using serving = await Serving.unix(new MemoryBlocks(40 * mebibyte));
      const client = await open(serving, { structured });
      const places = [
        { at: 0, length: 4096 },
        { at: 4096 * 3 + 7, length: 10_000 },
        { at: mebibyte - 3, length: 2 * mebibyte + 5 },
        { at: 4 * mebibyte, length: 32 * mebibyte },
        { at: 40 * mebibyte - 1, length: 1 },
      ];
      for (const [index, { at, length }] of places.entries()) {
        const bytes = pattern(length, index);
        assert.deepEqual(await client.write(at, bytes, { fua: index % 2 === 0 }), { kind: 'done' });
        assert.ok(bytes.equals(await readBack(client, at, length)), `${length} at ${at}`);
      }
      await client.disconnect();
      assert.equal(await client.closed, undefined);
    });
  }

  it('answer a thousand requests under way together, each with its own bytes', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(8 * mebibyte));
    const client = await open(serving);
    const offsets = Array.from({ length: 1000 }, (_, index) => index * 8192);
    const written = offsets.map((at) => client.write(at, pattern(8192, at), { fua: false }));
    for (const outcome of await Promise.all(written)) assert.equal(outcome.kind, 'done');
    const read = await Promise.all(offsets.map((at) => readBack(client, at, 8192)));
    for (const [index, bytes] of read.entries()) {
      assert.ok(bytes.equals(pattern(8192, offsets[index] ?? 0)), `offset ${offsets[index]}`);
    }
    await client.disconnect();
  });

  it('agree on what is there: list, description, block sizes, extents', async () => {
    const dirty = {
      dirtyStatus: ({ lengthBytes }: { lengthBytes: number }) =>
        Promise.resolve({
          kind: 'extents' as const,
          extents: [
            { lengthBytes: 4096, dirty: true },
            { lengthBytes: lengthBytes - 4096, dirty: false },
          ],
        }),
    };
    const blocks = new MemoryBlocks(mebibyte);
    await using serving = await Serving.unix(blocks, { description: 'one disk', dirty });
    const link = () => connectNbd({ path: serving.socket });
    assert.deepEqual(await NbdClient.list(await link()), [
      { name: 'disk', description: 'one disk' },
    ]);
    const described = await NbdClient.describe(await link(), { exportName: 'disk' });
    assert.equal(described.sizeBytes, mebibyte);
    assert.deepEqual(described.blockSizes, {
      minimum: 1,
      preferred: 4096,
      maximum: 32 * mebibyte,
    });
    const contexts = ['base:allocation', 'larder:dirty', 'base:nothing'];
    const client = await open(serving, { exportName: 'disk', contexts });
    await client.write(8192, Buffer.alloc(4096, 1), { fua: false });
    const whole = { offsetBytes: 0, lengthBytes: 65_536 };
    assert.deepEqual(await client.blockStatus(whole), {
      kind: 'extents',
      extents: [
        { lengthBytes: 8192, allocated: false, zero: true },
        { lengthBytes: 4096, allocated: true, zero: false },
        { lengthBytes: 53_248, allocated: false, zero: true },
      ],
    });
    assert.deepEqual(await client.contextStatus('larder:dirty', whole), {
      kind: 'runs',
      runs: [
        { lengthBytes: 4096, state: 1 },
        { lengthBytes: 61_440, state: 0 },
      ],
    });
    await client.disconnect();
  });

  it('zero, trim, cache and flush', async () => {
    const blocks = new MemoryBlocks(mebibyte, { recording: true });
    await using serving = await Serving.unix(blocks);
    const client = await open(serving);
    const range = { offsetBytes: 4096, lengthBytes: 8192 };
    await client.write(0, Buffer.alloc(65_536, 9), { fua: false });
    for (const outcome of [
      await client.zero(range, { fua: true, mayPunch: false }),
      await client.trim(range, { fua: false }),
      await client.discard(range),
      await client.cache(range),
      await client.flush(),
    ]) {
      assert.deepEqual(outcome, { kind: 'done' });
    }
    assert.deepEqual(blocks.calls?.slice(1), [
      'zero 4096 8192 fua no-hole',
      'zero 4096 8192',
      'trim 4096 8192',
      'read 4096 8192',
      'flush 0 0',
    ]);
    assert.ok(Buffer.alloc(8192).equals(await readBack(client, 4096, 8192)));
    await client.disconnect();
  });

  it('tell the same failure on both sides', async () => {
    const blocks = new MemoryBlocks(2 * mebibyte);
    await using serving = await Serving.unix(blocks);
    const client = await open(serving);
    const beyond = await client.read({ offsetBytes: 2 * mebibyte, lengthBytes: 1 });
    assert.equal(beyond.kind === 'refused' && beyond.reason, 'out-of-range');
    blocks.failure = (kind, range) =>
      kind === 'read' && range.offsetBytes >= mebibyte ? ioFailure('sector is gone') : undefined;
    const failed = await client.read({ offsetBytes: 0, lengthBytes: 2 * mebibyte });
    assert.equal(failed.kind === 'failed' && failed.reason, 'io');
    assert.equal(failed.kind === 'failed' && failed.fault.message, 'sector is gone');
    await client.disconnect();
  });

  it('part when the server ends: what is under way is answered, the rest refused', async () => {
    const blocks = new MemoryBlocks(mebibyte);
    await using serving = await Serving.unix(blocks);
    const client = await open(serving);
    const gate = Promise.withResolvers<void>();
    blocks.gate = gate.promise;
    const first = client.write(0, Buffer.alloc(4096, 1), { fua: false });
    // A second connection proves that the first request has reached the service.
    await NbdClient.describe(await connectNbd({ path: serving.socket }));
    const stopped = serving.stop(10_000);
    const second = await client.read({ offsetBytes: 0, lengthBytes: 4096 });
    assert.equal(second.kind === 'refused' && second.reason, 'shutting-down');
    gate.resolve();
    assert.deepEqual(await first, { kind: 'done' });
    assert.equal(await stopped, 0);
    assert.equal((await client.closed)?.code, 'link.lost');
    assert.equal(existsSync(serving.socket), false, 'the socket file is gone');
  });

  it('part by force when the service below does not answer', async () => {
    const blocks = new MemoryBlocks(mebibyte);
    await using serving = await Serving.unix(blocks);
    const client = await open(serving);
    const gate = Promise.withResolvers<void>();
    blocks.gate = gate.promise;
    const write = client.write(0, Buffer.alloc(4096, 1), { fua: false });
    await NbdClient.describe(await connectNbd({ path: serving.socket }));
    assert.equal(await serving.stop(20), 1, 'one request is still with the service');
    const outcome = await write;
    assert.equal(outcome.kind === 'failed' && outcome.fault.code, 'link.lost');
    gate.resolve();
  });

  it('leave nothing behind when the client vanishes with requests under way', async () => {
    const blocks = new MemoryBlocks(mebibyte);
    await using serving = await Serving.unix(blocks);
    const link = await connectNbd({ path: serving.socket });
    const client = await NbdClient.open(link);
    const gate = Promise.withResolvers<void>();
    blocks.gate = gate.promise;
    const write = client.write(0, Buffer.alloc(4096, 7), { fua: false });
    await NbdClient.describe(await connectNbd({ path: serving.socket }));
    link.close();
    assert.equal((await write).kind, 'failed');
    assert.ok(serving.server.connections >= 1, 'the connection waits for its request (I-17)');
    gate.resolve();
    assert.equal(await serving.stop(5_000), 0);
    assert.equal(serving.server.connections, 0);
    assert.equal(blocks.bytes[0], 7, 'the request was carried out');
  });

  it('turn away a client too many, and take one again when another has left', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte));
    const clients: NbdClient[] = [];
    for (let count = 0; count < nbdLimits.connectionsMax; count += 1) {
      clients.push(await open(serving));
    }
    await assert.rejects(open(serving), { code: 'peer.refused', message: /closed the connection/ });
    assert.match(serving.logged.join(), /turned away/);
    await clients.pop()?.disconnect();
    await until('the server notices', () => serving.server.connections < nbdLimits.connectionsMax);
    const again = await open(serving);
    await again.disconnect();
    for (const client of clients) await client.disconnect();
  });

  it('survive whatever a client says, and go on serving others', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte));
    const good = await open(serving);
    const openings = [
      'GET / HTTP/1.1\r\n\r\n',
      Buffer.alloc(100_000, 0xff),
      Buffer.from('00000003494841564550', 'hex'),
      Buffer.concat([Buffer.from('00000003', 'hex'), Buffer.alloc(70_000, 'IHAVEOPT')]),
    ];
    for (const opening of openings) {
      const link = await connectNbd({ path: serving.socket });
      await link.write([Buffer.from(opening)]);
      link.close();
    }
    assert.ok(Buffer.alloc(4096).equals(await readBack(good, 0, 4096)));
    await good.disconnect();
    assert.equal(await serving.stop(5_000), 0);
    assert.equal(serving.server.connections, 0);
  });

  it('refuse an address that another server answers on, and replace a dead one', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte));
    await assert.rejects(listenUnix({ path: serving.socket }), (error: unknown) => {
      return error instanceof Fault && /another process listens on/.test(error.message);
    });
    const leftover = path.join(serving.folder, 'dead.sock');
    writeFileSync(leftover, '');
    const listener = await listenUnix({ path: leftover });
    listener.close();
    assert.equal(existsSync(leftover), false);
  });

  it('say who does not answer', async () => {
    await assert.rejects(connectNbd({ path: '/nonexistent/nbd.sock' }), (error: unknown) => {
      return error instanceof Fault && error.code === 'link.lost' && error.hint !== '';
    });
  });

  it('do not mistake another kind of server for one of NBD', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte));
    const socket = path.join(serving.folder, 'http.sock');
    const other = net.createServer((peer) => peer.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => {
      other.listen(socket, resolve);
    });
    await assert.rejects(NbdClient.open(await connectNbd({ path: socket })), {
      code: 'peer.refused',
      message: 'the other side is no newstyle NBD server',
    });
    other.close();
  });
});

describe('NBD over TLS', () => {
  let authority: Authority;
  let strangers: Authority;
  before(async () => {
    authority = await Authority.create('shelf');
    strangers = await Authority.create('strangers');
  });

  async function serverTls(clientCertificates: boolean) {
    const identity = await authority.issue('disk.shelf');
    return { ca: authority.ca, ...identity, clientCertificates };
  }

  it('is forced on TCP: with it bytes move, without it nothing is said', async () => {
    await using serving = await Serving.tcp(new MemoryBlocks(4 * mebibyte), await serverTls(true));
    const address = { host: '127.0.0.1', port: serving.listener.port };
    const tls = {
      ca: authority.ca,
      ...(await authority.issue('kube01')),
      serverName: 'disk.shelf',
    };
    const client = await NbdClient.open(await connectNbd(address, { tls }), { tls: true });
    const bytes = pattern(3 * mebibyte, 5);
    assert.deepEqual(await client.write(17, bytes, { fua: false }), { kind: 'done' });
    assert.ok(bytes.equals(await readBack(client, 17, bytes.length)));
    await client.disconnect();

    await assert.rejects(NbdClient.open(await connectNbd(address)), {
      code: 'peer.refused',
      message: 'the server refused structuredReply: start TLS first',
    });
    await assert.rejects(NbdClient.list(await connectNbd(address)), { code: 'peer.refused' });
  });

  it('is offered on unix sockets, where a client may go without', async () => {
    const tls = await serverTls(false);
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte), { tls });
    const plain = await open(serving);
    const clientTls = { ca: authority.ca, serverName: 'disk.shelf' };
    const link = await connectNbd({ path: serving.socket }, { tls: clientTls });
    const secured = await NbdClient.open(link, { tls: true });
    await plain.write(0, Buffer.from('across'), { fua: false });
    assert.equal((await readBack(secured, 0, 6)).toString(), 'across');
    await plain.disconnect();
    await secured.disconnect();
  });

  const refusals = {
    'without a certificate': async () => ({}),
    'with a certificate of strangers': () => strangers.issue('kube01'),
    'with an expired certificate': () => authority.issue('kube01', -1000),
  };
  for (const [title, identity] of Object.entries(refusals)) {
    it(`ends for a client ${title}`, async () => {
      await using serving = await Serving.tcp(new MemoryBlocks(mebibyte), await serverTls(true));
      const address = { host: '127.0.0.1', port: serving.listener.port };
      const tls = { ca: authority.ca, ...(await identity()), serverName: 'disk.shelf' };
      const link = await connectNbd(address, { tls });
      await assert.rejects(NbdClient.open(link, { tls: true }), Fault);
      assert.equal(await serving.stop(5_000), 0);
      assert.match(serving.logged.join('\n'), /TLS did not come about/);
    });
  }

  it('ends when the server is not the one that was meant', async () => {
    await using serving = await Serving.tcp(new MemoryBlocks(mebibyte), await serverTls(false));
    const address = { host: '127.0.0.1', port: serving.listener.port };
    for (const tls of [
      { ca: authority.ca, serverName: 'other.shelf' },
      { ca: strangers.ca, serverName: 'disk.shelf' },
    ]) {
      const link = await connectNbd(address, { tls });
      await assert.rejects(NbdClient.open(link, { tls: true }), { code: 'link.lost' });
    }
  });

  it('is not given up by a client that wants it when the server has none', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte));
    await assert.rejects(open(serving, { tls: true }), {
      code: 'peer.refused',
      message: /refused startTls: this server was started without a certificate/,
    });
  });
});
