/** What the processes of the data plane say and do when they are asked for what cannot be. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RunningVolume } from './running-volume.ts';

const root = path.resolve(import.meta.dirname, '../..');
const patienceMs = 15_000;

interface Ending {
  readonly code: number | null;
  readonly said: string;
}

describe('data plane process', function () {
  this.timeout(60_000);
  let directory: string;
  let running: RunningVolume | undefined;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'larder-bad-input-'));
  });

  afterEach(async () => {
    await running?.dispose();
    running = undefined;
    rmSync(directory, { recursive: true });
  });

  /** Runs it to its end, which must come by itself. */
  async function run(program: 'engine' | 'replica', ...args: readonly string[]): Promise<Ending> {
    const entry = path.join(root, `dataplane/main/${program}.ts`);
    const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    return { code, said };
  }

  async function runWith(program: 'engine' | 'replica', settings: object): Promise<Ending> {
    const file = path.join(directory, 'settings.json');
    writeFileSync(file, JSON.stringify(settings));
    return run(program, file);
  }

  it('names everything that is wrong with the settings of engines at once', async () => {
    const volume = { volume: 'one', record: '/r', socket: '/s' };
    const { code, said } = await runWith('engine', {
      volumes: [volume, { ...volume, preferred: 7 }, { volume: 'a b', record: '/q' }],
      tls: { key: '/k', certificate: '/c' },
      speed: 'high',
    });
    assert.equal(code, 1);
    for (const problem of [
      /volumes\[1\]\.preferred/,
      /volumes\[2\]\.volume/,
      /volumes\[2\]\.socket/,
      /tls\.authority/,
      /"speed"/,
      /settings\.json cannot be used/,
      /What to do: Correct the keys/,
    ]) {
      assert.match(said, problem);
    }
  });

  it('does not serve two volumes from one record or on one socket', async () => {
    const volume = { volume: 'one', record: '/r', socket: '/s' };
    const { code, said } = await runWith('engine', { volumes: [volume, volume] });
    assert.equal(code, 1);
    for (const key of ['volume', 'record', 'socket']) {
      assert.ok(said.includes(`the same ${key} as that of volumes[0]`), said);
    }
  });

  it('names everything that is wrong with the settings of a replica server at once', async () => {
    const create = { lineage: 'first', sizeBytes: 4095 };
    const store = { volume: 'one', member: 'left', directory: '/d', create };
    const { code, said } = await runWith('replica', { stores: [store], tls: 'yes' });
    assert.equal(code, 1);
    for (const problem of [
      /listen/,
      /stores\[0\]\.create\.sizeBytes/,
      /multiple of 4096/,
      /withVolume/,
      /tls/,
    ]) {
      assert.match(said, problem);
    }
  });

  it('says what is the matter with the file of its settings', async () => {
    const file = path.join(directory, 'broken.json');
    writeFileSync(file, '{"listen": ');
    for (const [args, expected] of [
      [[], /No configuration file was named/],
      [[file, file], /2 files were named/],
      [[`${file}.not`], /cannot be read/],
      [[file], /broken\.json is not JSON/],
    ] as const) {
      const { code, said } = await run('replica', ...args);
      assert.equal(code, 1);
      assert.match(said, expected);
      assert.match(said, /What to do:/);
    }
  });

  it('leaves an address and a socket alone that another process uses', async () => {
    running = await RunningVolume.make(['left'], 4 * 2 ** 20);
    const before = await running.epoch();
    const replica = await runWith('replica', {
      listen: path.join(running.directory, 'left.socket'),
      stores: [],
    });
    assert.equal(replica.code, 1);
    assert.match(replica.said, /Cannot listen on .*left\.socket: another process listens there/);
    const record = path.join(running.directory, 'record');
    const engine = await runWith('engine', {
      volumes: [{ volume: 'test-volume', record, socket: running.socket }],
    });
    assert.equal(engine.code, 1);
    assert.match(engine.said, /another process listens on/);
    assert.equal(await running.epoch(), before, 'the volume was taken from its engine');
    const client = await running.client();
    assert.equal((await client.write(0, Buffer.alloc(4096, 1), { fua: true })).kind, 'done');
    await client.disconnect();
  });

  it('ends with a code of its own when another engine has taken its volume over', async () => {
    running = await RunningVolume.make(['left', 'right'], 4 * 2 ** 20);
    const old = running.detachEngine();
    const gone = once(old, 'exit');
    await running.startEngine();
    const [code] = (await gone) as [number | null];
    assert.equal(code, 2);
    const client = await running.client();
    assert.equal((await client.write(0, Buffer.alloc(4096, 1), { fua: true })).kind, 'done');
    await client.disconnect();
  });

  it('does not make a store that is larger than the disk under it', async () => {
    const place = path.join(directory, 'disk');
    mkdirSync(place);
    const create = { lineage: 'first', sizeBytes: 2 ** 52, withVolume: true };
    const { code, said } = await runWith('replica', {
      listen: path.join(directory, 'socket'),
      stores: [{ volume: 'one', member: 'left', directory: place, create }],
    });
    assert.equal(code, 1);
    assert.match(said, /4503599627370496 bytes is larger than the disk under it, which has \d+/);
    assert.match(said, /nothing here was changed/);
    assert.deepEqual(readdirSync(place), []);
  });

  it('does not make a store where something else lies, and changes nothing there', async () => {
    const place = path.join(directory, 'disk');
    mkdirSync(place);
    writeFileSync(path.join(place, 'holiday.jpg'), 'a picture');
    const create = { lineage: 'first', sizeBytes: 2 ** 20, withVolume: true };
    const { code, said } = await runWith('replica', {
      listen: path.join(directory, 'socket'),
      stores: [{ volume: 'one', member: 'left', directory: place, create }],
    });
    assert.equal(code, 1);
    assert.match(said, /holiday\.jpg/);
    assert.match(said, /nothing here was changed/);
  });
});
