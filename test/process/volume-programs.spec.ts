/**
 * A replicated volume (an engine and three replica servers as processes) judged by other people's
 * programs, while all is well and while members die.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { requirePrograms, run, succeed } from '../support/nbd/programs.ts';
import { RunningVolume } from './running-volume.ts';

const mebibyte = 2 ** 20;
const sizeBytes = 24 * mebibyte;
const raw = ['-f', 'raw'] as const;

/** An image with data, zeroes and odd corners; each seed gives another one. */
function image(seed: string): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  bytes.fill(`larder ${seed}`, 0, 100_000);
  bytes.fill(`odd ${seed}`, sizeBytes / 2 - 5, sizeBytes / 2 + 1_234_567);
  bytes.fill(0xff, sizeBytes - 3, sizeBytes);
  return bytes;
}

describe('replicated volume judged by others', function () {
  this.timeout(60_000);
  let running: RunningVolume;
  let uri: string;
  const file = (name: string) => path.join(running.directory, name);

  before(async function () {
    requirePrograms(this, 'nbdinfo', 'nbdcopy', 'nbdsh', 'qemu-img', 'qemu-io');
    running = await RunningVolume.make(['left', 'middle', 'right'], sizeBytes);
    uri = `nbd+unix:///?socket=${running.socket}`;
  });

  after(async () => {
    await running.dispose();
  });

  it('shows what it can do to nbdinfo', async () => {
    const shown = JSON.parse(await succeed('nbdinfo', '--json', uri)) as {
      readonly exports: readonly Record<string, unknown>[];
    };
    const [volume] = shown.exports;
    const wanted = {
      'export-name': 'test-volume',
      'export-size': sizeBytes,
      is_read_only: false,
      can_flush: true,
      can_fua: true,
      can_multi_conn: true,
      can_trim: true,
      can_zero: true,
    };
    assert.deepEqual({ ...volume, ...wanted }, volume);
  });

  it('is copied both ways by nbdcopy over four connections, byte for byte', async () => {
    const bytes = image('nbdcopy');
    writeFileSync(file('source'), bytes);
    await succeed('nbdcopy', '--connections=4', '--flush', file('source'), uri);
    await succeed('nbdcopy', '--connections=4', uri, file('target'));
    assert.ok(readFileSync(file('target')).equals(bytes));
  });

  it('keeps every byte that nbdsh pokes, at any offset and length, also while a member dies', async () => {
    const script = [
      'import random',
      'r = random.Random(7)',
      'h.connect_uri(URI)',
      `size = ${sizeBytes}`,
      'mirror = bytearray(h.pread(size, 0))',
      'def step(i):',
      '    n = r.choice([1, 511, 4096, 4097, 65536, 300000])',
      '    at = r.randrange(0, size - n)',
      '    kind = r.randrange(5)',
      '    if kind == 0:',
      '        h.zero(n, at); mirror[at:at+n] = bytes(n)',
      '    elif kind == 1:',
      '        assert h.pread(n, at) == mirror[at:at+n], (i, at, n)',
      '    else:',
      '        b = r.randbytes(n); h.pwrite(b, at, nbd.CMD_FLAG_FUA if kind == 2 else 0); mirror[at:at+n] = b',
      'for i in range(150): step(i)',
      'import os, signal',
      'os.kill(VICTIM, signal.SIGKILL)',
      'for i in range(150): step(i)',
      'h.flush()',
      'assert h.pread(size, 0) == mirror',
      'h.shutdown()',
      'print("equal")',
    ].join('\n');
    const victim = `VICTIM = ${running.pid('right')}\nURI = "${uri}"\n`;
    assert.match(await succeed('nbdsh', '-c', victim + script), /equal/);
    assert.deepEqual(await running.inSync(), ['left', 'middle']);
    await running.startMember('right');
    await running.untilInSync(['left', 'middle', 'right'], 20_000);
    assert.match(await running.compareCopies(), /equal/);
  });

  it('is converted to and from, compared and mapped by qemu-img', async () => {
    writeFileSync(file('source'), image('qemu'));
    await succeed('qemu-img', 'convert', '-n', ...raw, '-O', 'raw', file('source'), uri);
    const compare = ['compare', ...raw, '-F', 'raw', file('source'), uri];
    assert.match(await succeed('qemu-img', ...compare), /Images are identical/);
    await succeed('qemu-img', 'convert', ...raw, '-O', 'qcow2', uri, file('target.qcow2'));
    const back = ['compare', ...raw, '-F', 'qcow2', file('source'), file('target.qcow2')];
    assert.match(await succeed('qemu-img', ...back), /Images are identical/);
    const map = JSON.parse(await succeed('qemu-img', 'map', '--output=json', ...raw, uri)) as {
      readonly start: number;
      readonly length: number;
      readonly zero: boolean;
    }[];
    const mapped = map.reduce((sum, { length }) => sum + length, 0);
    assert.equal(mapped, sizeBytes, 'every byte is mapped once');
    const bytes = image('qemu');
    for (const { start, length } of map.filter(({ zero }) => zero)) {
      const part = bytes.subarray(start, start + length);
      assert.ok(part.equals(Buffer.alloc(length)), `${start}+${length} is said to be zero`);
    }
  });

  it('carries the benchmark of qemu-img, reading, writing and flushing', async () => {
    const common = ['bench', ...raw, '-c', '400', '-d', '32', '-s', '4096'];
    assert.match(await succeed('qemu-img', ...common, uri), /Run completed/);
    const writing = ['-w', '--flush-interval=50'];
    assert.match(await succeed('qemu-img', ...common, ...writing, uri), /Run completed/);
  });

  it('keeps every pattern of qemu-io: flush, FUA, discard, zeroes, unaligned', async () => {
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
      `write -P 20 ${sizeBytes - 1} 1`,
      `read -P 20 ${sizeBytes - 1} 1`,
      'aio_write -P 21 2M 64k',
      'aio_write -P 22 2162688 64k',
      'aio_flush',
      'read -P 21 2M 64k',
      'read -P 22 2162688 64k',
    ];
    const args = steps.flatMap((step) => ['-c', step]);
    const said = await succeed('qemu-io', ...raw, '-d', 'unmap', ...args, uri);
    assert.doesNotMatch(said, /verification failed|error/i);
  });

  it('has every flushed pattern of qemu-io after everything was killed at once', async () => {
    await succeed('qemu-io', ...raw, '-c', 'write -P 33 4M 1M', '-c', 'flush', uri);
    await succeed('qemu-io', ...raw, '-t', 'none', '-c', 'write -f -P 34 6M 64k', uri);
    const all = ['engine', 'left', 'middle', 'right'];
    await Promise.all(all.map(async (name) => running.kill(name)));
    for (const id of running.members) await running.startMember(id);
    await running.startEngine();
    uri = `nbd+unix:///?socket=${running.socket}`;
    const read = ['-c', 'read -P 33 4M 1M', '-c', 'read -P 34 6M 64k'];
    const { stdout, stderr } = await run('qemu-io', ...raw, ...read, uri);
    assert.doesNotMatch(stdout + stderr, /verification failed|error/i);
  });
});
