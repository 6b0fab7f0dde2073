import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NbdClient } from '../../dataplane/drive/nbd-client.ts';
import { connectNbd } from '../../dataplane/host/nbd-connect.ts';
import { Authority } from '../support/nbd/certificates.ts';
import { requirePrograms, serveWith } from '../support/nbd/programs.ts';

const mebibyte = 2 ** 20;

describe("NBD client against other people's servers", function () {
  this.timeout(60_000);
  let folder = '';
  let socket = '';

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'larder-nbd-'));
    socket = path.join(folder, 'nbd.sock');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const open = async (options: Parameters<typeof NbdClient.open>[1] = {}) =>
    NbdClient.open(await connectNbd({ path: socket }), options);

  /** nbdkit in the foreground, on our socket. */
  const nbdkit = (...args: readonly string[]) =>
    serveWith(socket, 'nbdkit', '--foreground', '--exit-with-parent', '-U', socket, ...args);

  /** Writes, zeroes, trims and reads back what any honest server must give back. */
  async function exercise(client: NbdClient): Promise<void> {
    const bytes = Buffer.alloc(300_000, 'an honest server');
    assert.deepEqual(await client.write(5 * 4096, bytes.subarray(0, 73 * 4096), { fua: true }), {
      kind: 'done',
    });
    const range = { offsetBytes: 8 * 4096, lengthBytes: 4 * 4096 };
    assert.deepEqual(await client.zero(range, { fua: false, mayPunch: true }), { kind: 'done' });
    assert.deepEqual(await client.flush(), { kind: 'done' });
    const expected = Buffer.alloc(80 * 4096);
    bytes.copy(expected, 5 * 4096, 0, 73 * 4096);
    expected.fill(0, 8 * 4096, 12 * 4096);
    const read = await client.read({ offsetBytes: 0, lengthBytes: expected.length });
    if (read.kind !== 'data') assert.fail(`the read ended with ${read.reason}`);
    assert.ok(expected.equals(read.bytes), 'what was written is what is read');
  }

  describe('nbdkit', () => {
    before(function () {
      requirePrograms(this, 'nbdkit');
    });

    it('gives back what was written [memory]', async () => {
      await using _server = await nbdkit('memory', '16M');
      const client = await open();
      assert.equal(client.geometry.sizeBytes, 16 * mebibyte);
      await exercise(client);
      await client.disconnect();
    });

    it('gives back what was written [no structured replies]', async () => {
      await using _server = await nbdkit('--no-sr', 'memory', '16M');
      const client = await open();
      assert.equal(client.agreement.structured, false);
      await exercise(client);
      await client.disconnect();
    });

    it('gives back what was written [oldest commands only: no zeroes, no FUA, no trim]', async () => {
      const filters = ['--filter=nozero', '--filter=fua', '--filter=noextents'];
      await using _server = await nbdkit(...filters, 'memory', '16M', 'zeromode=none');
      const client = await open();
      await exercise(client);
      await client.disconnect();
    });

    it('gives back what was written [slow, answers out of order]', async () => {
      const delays = ['rdelay=20ms', 'wdelay=5ms'];
      await using _server = await nbdkit('--filter=delay', 'memory', '16M', ...delays);
      const client = await open();
      await exercise(client);
      const reads = Array.from({ length: 16 }, (_, index) =>
        client.read({ offsetBytes: index * 4096, lengthBytes: 4096 * (index + 1) }),
      );
      for (const [index, outcome] of (await Promise.all(reads)).entries()) {
        assert.equal(outcome.kind === 'data' && outcome.bytes.length, 4096 * (index + 1));
      }
      await client.disconnect();
    });

    it('names its block sizes, and the client keeps to them', async () => {
      const policy = ['blocksize-minimum=4096', 'blocksize-preferred=65536'];
      const limits = ['blocksize-maximum=1M', 'blocksize-error-policy=error'];
      const args = ['--filter=blocksize-policy', 'memory', '16M', ...policy, ...limits];
      await using _server = await nbdkit(...args);
      const client = await open();
      assert.equal(client.geometry.blockBytes, 4096);
      const unaligned = await client.read({ offsetBytes: 0, lengthBytes: 512 });
      assert.equal(unaligned.kind === 'refused' && unaligned.reason, 'invalid');
      const long = await client.read({ offsetBytes: 0, lengthBytes: 2 * mebibyte });
      assert.equal(long.kind === 'refused' && long.reason, 'invalid');
      await exercise(client);
      await client.disconnect();
    });

    it('passes on its errors, each as what it is', async () => {
      const cases = [
        { error: 'EIO', kind: 'failed', reason: 'io' },
        { error: 'ENOSPC', kind: 'failed', reason: 'no-space' },
        { error: 'EPERM', kind: 'refused', reason: 'not-permitted' },
        { error: 'ESHUTDOWN', kind: 'refused', reason: 'shutting-down' },
      ];
      for (const { error, kind, reason } of cases) {
        const place = path.join(folder, `${error}.sock`);
        const args = ['--filter=error', 'memory', '1M', `error-pwrite=${error}`];
        await using _server = await serveWith(
          place,
          ...(['nbdkit', '--foreground', '--exit-with-parent', '-U', place, ...args] as const),
          'error-pwrite-rate=100%',
        );
        const client = await NbdClient.open(await connectNbd({ path: place }));
        const outcome = await client.write(0, Buffer.alloc(4096), { fua: false });
        assert.equal(outcome.kind, kind, error);
        assert.equal(outcome.kind === 'done' ? '' : outcome.reason, reason);
        const read = await client.read({ offsetBytes: 0, lengthBytes: 4096 });
        assert.equal(read.kind, 'data', 'the connection goes on after an error');
        await client.disconnect();
      }
    });

    it('says which blocks are there', async () => {
      await using _server = await nbdkit('data', '1 @65536 2', 'size=1M');
      const client = await open();
      const status = await client.blockStatus({ offsetBytes: 0, lengthBytes: mebibyte });
      assert.ok(status.kind === 'extents');
      const total = status.extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      assert.ok(total <= mebibyte);
      assert.deepEqual(status.extents[0], { lengthBytes: 32_768, allocated: true, zero: false });
      assert.equal(status.extents[1]?.zero, true);
      await client.disconnect();
    });

    it('vanishes, and every request says so', async () => {
      const server = await nbdkit('--filter=delay', 'memory', '1M', 'rdelay=60');
      const client = await open();
      const read = client.read({ offsetBytes: 0, lengthBytes: 4096 });
      await server[Symbol.asyncDispose]();
      const outcome = await read;
      assert.equal(outcome.kind === 'failed' && outcome.fault.code, 'link.lost');
      assert.equal((await client.closed)?.code, 'link.lost');
      const later = await client.flush();
      assert.equal(later.kind === 'failed' && later.fault.code, 'link.lost');
    });

    it('speaks TLS, certificates checked on both sides', async () => {
      const authority = await Authority.create('shelf');
      const identity = await authority.issue('localhost');
      writeFileSync(path.join(folder, 'ca-cert.pem'), authority.ca);
      writeFileSync(path.join(folder, 'server-cert.pem'), identity.certificate);
      writeFileSync(path.join(folder, 'server-key.pem'), identity.key);
      const args = ['--tls=require', `--tls-certificates=${folder}`, '--tls-verify-peer'];
      await using _server = await nbdkit(...args, 'memory', '16M');
      const tls = {
        ca: authority.ca,
        ...(await authority.issue('kube01')),
        serverName: 'localhost',
      };
      const client = await NbdClient.open(await connectNbd({ path: socket }, { tls }), {
        tls: true,
      });
      await exercise(client);
      await client.disconnect();
      await assert.rejects(open(), { code: 'peer.refused', message: /structuredReply/ });
    });
  });

  describe('qemu-nbd', () => {
    before(function () {
      requirePrograms(this, 'qemu-nbd');
    });

    it('gives back what was written, and lists what it has', async () => {
      const image = path.join(folder, 'disk.img');
      writeFileSync(image, Buffer.alloc(16 * mebibyte));
      const args = ['-f', 'raw', '-k', socket, '-x', 'disk', '-D', 'a file', '-t', image];
      await using _server = await serveWith(socket, 'qemu-nbd', ...args, '-e', '4');
      const listed = await NbdClient.list(await connectNbd({ path: socket }));
      assert.deepEqual(
        listed.map(({ name }) => name),
        ['disk'],
      );
      const client = await open({ exportName: 'disk' });
      assert.equal(client.agreement.description, 'a file');
      await exercise(client);
      await client.disconnect();
      await assert.rejects(open({ exportName: 'other' }), { code: 'peer.refused' });
    });
  });
});
