import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Authority } from '../support/nbd/certificates.ts';
import { ioFailure, MemoryBlocks } from '../support/nbd/memory-blocks.ts';
import { requirePrograms, run, succeed } from '../support/nbd/programs.ts';
import { Serving } from '../support/nbd/serving.ts';

const mebibyte = 2 ** 20;

/** An image with data, zeroes and odd corners, as a file to be copied in and compared. */
function image(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  bytes.fill('larder', 0, 100_000);
  bytes.fill('odd', sizeBytes / 2 - 5, sizeBytes / 2 + 123_457);
  bytes.fill(0xff, sizeBytes - 3, sizeBytes);
  return bytes;
}

describe('NBD server judged by libnbd', function () {
  this.timeout(60_000);
  before(function () {
    requirePrograms(this, 'nbdinfo', 'nbdcopy');
  });

  it('shows every feature to nbdinfo', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(8 * mebibyte), {
      description: 'a disk',
    });
    const shown = JSON.parse(await succeed('nbdinfo', '--json', serving.uri)) as {
      readonly protocol: string;
      readonly exports: readonly Record<string, unknown>[];
    };
    assert.equal(shown.protocol, 'newstyle-fixed');
    const [disk] = shown.exports;
    const { uri: _uri, content: _content, 'export-size-str': _human, ...facts } = disk ?? {};
    assert.deepEqual(facts, {
      'export-name': 'disk',
      description: 'a disk',
      contexts: ['base:allocation'],
      is_rotational: false,
      is_read_only: false,
      can_cache: true,
      can_df: true,
      can_fast_zero: true,
      can_flush: true,
      can_fua: true,
      can_multi_conn: true,
      can_trim: true,
      can_zero: true,
      block_size_minimum: 1,
      block_size_preferred: 4096,
      block_size_maximum: 32 * mebibyte,
      'export-size': 8 * mebibyte,
    });
  });

  it('lists and maps for nbdinfo', async () => {
    const blocks = new MemoryBlocks(mebibyte);
    await using serving = await Serving.unix(blocks);
    await blocks.write(65_536, Buffer.alloc(4096, 1), { fua: false });
    assert.match(await succeed('nbdinfo', '--list', serving.uri), /export="disk"/);
    const map = (await succeed('nbdinfo', '--map', serving.uri)).trim().split('\n');
    assert.deepEqual(
      map.map((line) => line.trim().split(/\s+/)),
      [
        ['0', '65536', '3', 'hole,zero'],
        ['65536', '4096', '0', 'data'],
        ['69632', '978944', '3', 'hole,zero'],
      ],
    );
  });

  for (const connections of [1, 4]) {
    it(`is copied both ways by nbdcopy, byte for byte [${connections} connections]`, async () => {
      const blocks = new MemoryBlocks(24 * mebibyte);
      await using serving = await Serving.unix(blocks);
      const source = path.join(serving.folder, 'source.img');
      const target = path.join(serving.folder, 'target.img');
      const bytes = image(24 * mebibyte);
      writeFileSync(source, bytes);
      const parallel = `--connections=${connections}`;
      await succeed('nbdcopy', parallel, '--flush', source, serving.uri);
      assert.ok(blocks.bytes.equals(bytes), 'what was copied in is what is there');
      await succeed('nbdcopy', parallel, serving.uri, target);
      assert.ok(readFileSync(target).equals(bytes), 'what was copied out is what is there');
    });
  }

  it('is understood by nbdinfo when the export is not there', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte));
    const { code, stderr } = await run('nbdinfo', serving.uri.replace('disk', 'nowhere'));
    assert.notEqual(code, 0);
    assert.match(stderr, /No such file or directory for export: nowhere/);
  });

  it('speaks TLS with libnbd, certificates checked on both sides', async () => {
    const authority = await Authority.create('shelf');
    const tls = {
      ca: authority.ca,
      ...(await authority.issue('localhost')),
      clientCertificates: true,
    };
    await using serving = await Serving.tcp(new MemoryBlocks(mebibyte), tls);
    const client = await authority.issue('kube01');
    writeFileSync(path.join(serving.folder, 'ca-cert.pem'), authority.ca);
    writeFileSync(path.join(serving.folder, 'client-cert.pem'), client.certificate);
    writeFileSync(path.join(serving.folder, 'client-key.pem'), client.key);
    const place = `localhost:${serving.listener.port}/disk`;
    const certificates = `?tls-certificates=${serving.folder}`;
    assert.equal(
      (await succeed('nbdinfo', '--size', `nbds://${place}${certificates}`)).trim(),
      String(mebibyte),
    );
    const plain = await run('nbdinfo', '--size', `nbd://${place}`);
    assert.notEqual(plain.code, 0, 'without TLS nothing is said');
  });
});

describe('NBD server judged by nbdsh', function () {
  this.timeout(60_000);
  before(function () {
    requirePrograms(this, 'nbdsh');
  });

  /** Runs Python lines with `h` connected to the server and strictness off. */
  async function poke(serving: Serving, ...lines: readonly string[]): Promise<string> {
    const script = ['h.set_strict_mode(0)', `h.connect_uri("${serving.uri}")`, ...lines];
    return (await succeed('nbdsh', ...script.flatMap((line) => ['-c', line]))).trim();
  }

  /** Python that prints the error number of a call that must fail. */
  const failing = (call: string): string =>
    `try:\n    ${call}\n    print("ok")\nexcept nbd.Error as e:\n    print(e.errno)`;

  it('answers illegal requests with the right number and goes on', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(64 * mebibyte));
    const size = 64 * mebibyte;
    const calls: readonly (readonly [string, string])[] = [
      [`h.pread(1, ${size})`, 'EINVAL'],
      [`h.pwrite(b"x", ${size})`, 'ENOSPC'],
      [`h.zero(4096, ${size - 1})`, 'ENOSPC'],
      [`h.trim(4096, ${size - 1})`, 'EINVAL'],
      [`h.cache(4096, ${size - 1})`, 'EINVAL'],
      ['h.pread(0, 0)', 'EINVAL'],
      ['h.pread(512, 0, 64)', 'EINVAL'],
      ['h.pwrite(b"x" * 512, 0, nbd.CMD_FLAG_NO_HOLE)', 'EINVAL'],
      ['h.zero(4096, 0, nbd.CMD_FLAG_FAST_ZERO)', 'ENOTSUP'],
      [`h.pwrite(bytearray(${33 * mebibyte}), 0)`, 'EINVAL'],
      ['h.block_status(4096, 0, lambda *a: 0)', 'EINVAL'],
      ['h.pread(512, 0)', 'ok'],
    ];
    const said = await poke(serving, ...calls.map(([call]) => failing(call)));
    assert.deepEqual(
      said.split('\n'),
      calls.map(([, expected]) => expected),
    );
  });

  it('refuses every change of a read-only export', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(mebibyte, { readOnly: true }));
    const said = await poke(
      serving,
      ...['h.pwrite(b"x", 0)', 'h.zero(1, 0)', 'h.trim(1, 0)', 'h.flush()'].map(failing),
    );
    assert.deepEqual(said.split('\n'), ['EPERM', 'EPERM', 'EPERM', 'ok']);
  });

  it('tells where a long read broke', async () => {
    const blocks = new MemoryBlocks(4 * mebibyte);
    await using serving = await Serving.unix(blocks);
    blocks.failure = (kind, range) =>
      kind === 'read' && range.offsetBytes >= 2 * mebibyte ? ioFailure('gone') : undefined;
    const said = await poke(
      serving,
      'def chunk(buf, offset, status, err):\n    print(offset, len(buf), status)',
      failing(`h.pread_structured(${4 * mebibyte}, 0, chunk)`),
    );
    // Two holes of 1 MiB (status 2), then an error at its offset (status 3).
    assert.deepEqual(said.split('\n'), ['0 1048576 2', '1048576 1048576 2', '2097152 0 3', 'EIO']);
  });

  it('sends one piece when asked not to fragment', async () => {
    const blocks = new MemoryBlocks(4 * mebibyte);
    await using serving = await Serving.unix(blocks);
    await blocks.write(0, Buffer.alloc(4096, 1), { fua: false });
    const said = await poke(
      serving,
      'def chunk(buf, offset, status, err):\n    print(offset, len(buf), status)',
      `h.pread_structured(${2 * mebibyte}, 0, chunk, nbd.CMD_FLAG_DF)`,
    );
    assert.equal(said, '0 2097152 1');
  });
});

describe('NBD server judged by qemu', function () {
  this.timeout(60_000);
  before(function () {
    requirePrograms(this, 'qemu-img', 'qemu-io');
  });

  it('is converted to and from and compared by qemu-img', async () => {
    const blocks = new MemoryBlocks(16 * mebibyte);
    await using serving = await Serving.unix(blocks);
    const source = path.join(serving.folder, 'source.img');
    const target = path.join(serving.folder, 'target.qcow2');
    writeFileSync(source, image(16 * mebibyte));
    await succeed('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', source, serving.uri);
    const compare = ['compare', '-f', 'raw', '-F', 'raw', source, serving.uri];
    assert.match(await succeed('qemu-img', ...compare), /Images are identical/);
    await succeed('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', serving.uri, target);
    const back = ['compare', '-f', 'raw', '-F', 'qcow2', source, target];
    assert.match(await succeed('qemu-img', ...back), /Images are identical/);
    blocks.bytes[16 * mebibyte - 1] = 1;
    const other = await run('qemu-img', ...compare);
    assert.match(other.stdout, /Content mismatch at offset 16776704/);
  });

  it('is mapped by qemu-img as it is allocated', async () => {
    const blocks = new MemoryBlocks(mebibyte);
    await using serving = await Serving.unix(blocks);
    await blocks.write(131_072, Buffer.alloc(65_536, 1), { fua: false });
    const map = JSON.parse(
      await succeed('qemu-img', 'map', '--output=json', '-f', 'raw', serving.uri),
    ) as readonly { start: number; length: number; zero: boolean; data: boolean }[];
    assert.deepEqual(
      map.map(({ start, length, zero, data }) => [start, length, zero, data]),
      [
        [0, 131_072, true, false],
        [131_072, 65_536, false, true],
        [196_608, 851_968, true, false],
      ],
    );
  });

  it('carries the benchmark of qemu-img', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(8 * mebibyte));
    const common = ['bench', '-f', 'raw', '-c', '400', '-d', '32', '-s', '4096'];
    const reading = await succeed('qemu-img', ...common, serving.uri);
    assert.match(reading, /Run completed/);
    const writing = await succeed('qemu-img', ...common, '-w', '--flush-interval=50', serving.uri);
    assert.match(writing, /Run completed/);
  });

  it('keeps every pattern of qemu-io: flush, FUA, discard, zeroes, unaligned', async () => {
    const blocks = new MemoryBlocks(4 * mebibyte, { recording: true });
    await using serving = await Serving.unix(blocks);
    const steps = [
      'write -P 17 0 1M',
      'flush',
      'write -f -P 18 4k 4k',
      'write -P 19 12345 54321',
      'read -P 17 0 4k',
      'read -P 18 4k 4k',
      'read -P 17 8192 4153',
      'read -P 19 12345 54321',
      'discard 64k 64k',
      'read -P 0 64k 64k',
      'write -z 131073 70000',
      'read -P 0 131073 70000',
      'write -z -u 512k 64k',
      'read -P 0 512k 64k',
      'write -P 20 4194303 1',
      'read -P 20 4194303 1',
      'aio_write -P 21 2M 64k',
      'aio_write -P 22 2162688 64k',
      'aio_flush',
      'read -P 21 2M 64k',
      'read -P 22 2162688 64k',
    ];
    const args = steps.flatMap((step) => ['-c', step]);
    const said = await succeed('qemu-io', '-f', 'raw', '-d', 'unmap', ...args, serving.uri);
    assert.doesNotMatch(said, /verification failed|error/i);
    const calls = blocks.calls ?? [];
    assert.ok(calls.includes('write 4096 4096 fua'), 'FUA came through');
    assert.ok(calls.includes('trim 65536 65536'), 'discard came through');
    assert.ok(
      calls.some((call) => call.startsWith('flush')),
      'flush came through',
    );
    // qemu-io writes through its cache, so every change is forced to be durable.
    const zeroes = calls.filter((call) => call.startsWith('zero'));
    assert.deepEqual(zeroes, ['zero 135168 65536 fua no-hole', 'zero 524288 65536 fua']);
  });

  it('reports the failures of the service to qemu-io', async () => {
    const blocks = new MemoryBlocks(mebibyte);
    await using serving = await Serving.unix(blocks);
    blocks.failure = (kind) => (kind === 'write' ? ioFailure('worn out') : undefined);
    const { stdout, stderr } = await run(
      ...(['qemu-io', '-f', 'raw', '-c', 'write 0 4k', '-c', 'read 0 4k', serving.uri] as const),
    );
    assert.match(stdout + stderr, /write failed: Input\/output error/);
    assert.match(stdout, /read 4096\/4096/);
  });
});

describe('NBD server judged by fio', function () {
  this.timeout(60_000);
  before(async function () {
    requirePrograms(this, 'fio');
  });

  it('keeps what fio verifies, random and checksummed', async () => {
    await using serving = await Serving.unix(new MemoryBlocks(8 * mebibyte));
    await succeed(
      'fio',
      '--name=verify',
      '--ioengine=nbd',
      `--uri=${serving.uri}`,
      '--rw=randwrite',
      '--bsrange=512-64k',
      '--blockalign=512',
      '--size=8m',
      '--iodepth=16',
      '--verify=crc32c',
      '--verify_fatal=1',
      '--do_verify=1',
      '--verify_state_save=0',
      '--fsync=37',
      '--minimal',
    );
    assert.equal(serving.server.connections, 0, 'fio has left');
  });
});
