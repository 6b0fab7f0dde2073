import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Fault } from '../../dataplane/base/fault.ts';
import { endLasting, isRunning, startLasting } from '../../dataplane/host/lasting-process.ts';
import { until } from '../../dataplane/host/until.ts';

describe('lasting process', () => {
  let folder: string;
  let stem: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-lasting-'));
    stem = path.join(folder, 'some');
  });
  afterEach(async () => {
    await endLasting(stem, 0);
    rmSync(folder, { recursive: true });
  });

  /** Returns when the script has said that it is ready. */
  async function start(script: string): Promise<void> {
    await startLasting({ stem, program: 'sh', args: ['-c', script], leavePod: false });
    const complaint = async () => new Fault('disk.failed', 'the script did not begin');
    const said = async () =>
      readFileSync(`${stem}.log`, 'utf8').includes('ready') ? true : undefined;
    await until(said, { forMs: 10_000, everyMs: 10, complaint });
  }

  it('ends when asked, within its grace', async () => {
    await start('echo ready; exec sleep 600');
    assert.ok(await isRunning(stem));
    const begunMs = performance.now();
    await endLasting(stem, 60_000);
    assert.ok(performance.now() - begunMs < 30_000, 'it was not waited for to be killed');
    assert.equal(await isRunning(stem), false);
    assert.equal(existsSync(`${stem}.pid`), false);
  });

  it('is killed when it does not hear', async () => {
    await start('trap "" TERM; echo ready; while :; do sleep 1; done');
    await endLasting(stem, 200);
    assert.equal(await isRunning(stem), false);
  });
});

describe('until', () => {
  const late = new Fault('disk.failed', 'it did not come');
  const wait = { everyMs: 1, complaint: async () => late };

  it('gives what was found, at whichever look that is', async () => {
    let looks = 0;
    const found = await until(async () => (++looks === 3 ? 'it' : undefined), {
      ...wait,
      forMs: 10_000,
    });
    assert.deepEqual([found, looks], ['it', 3]);
  });

  it('complains when time is up, and looks once at least', async () => {
    assert.equal(await until(async () => 'it', { ...wait, forMs: 0 }), 'it');
    await assert.rejects(
      until(async () => undefined, { ...wait, forMs: 5 }),
      late,
    );
  });

  it('complains at once when there is no hope', async () => {
    let looks = 0;
    const look = async () => {
      looks += 1;
      return undefined;
    };
    await assert.rejects(
      until(look, { ...wait, forMs: 600_000, hopeless: async () => true }),
      late,
    );
    assert.equal(looks, 1);
  });
});
