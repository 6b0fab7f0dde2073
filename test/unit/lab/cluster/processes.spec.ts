import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  identify,
  isAlive,
  killAll,
  markedProcesses,
  markerVariable,
  onlyChildOf,
  startDaemon,
} from '../../../../lab/cluster/processes.ts';
import { waitFor } from '../../../../lab/cluster/wait.ts';

describe('process', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-processes-'));
  const log = path.join(folder, 'log');
  const env = { PATH: process.env['PATH'], [markerVariable]: folder };
  const sleeper = () => startDaemon({ program: 'sleep', args: ['600'], log, env, cwd: folder });

  afterEach(async () => {
    await killAll(markedProcesses(folder), 5000);
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('is alive under its own start time and under no other', async () => {
    const started = await sleeper();
    assert.equal(isAlive(started), true);
    assert.equal(isAlive({ pid: started.pid, startTime: '1' }), false);
    assert.equal(isAlive(undefined), false);
  });

  it('is spared when its pid was recorded for an earlier process', async () => {
    const { pid } = await sleeper();
    assert.equal(await killAll([{ pid, startTime: '1' }], 1000), 0);
    assert.equal(isAlive(identify(pid)), true);
  });

  it('is gone when killing it has returned', async () => {
    const started = await sleeper();
    assert.equal(await killAll([started], 5000), 1);
    assert.equal(isAlive(started), false);
    assert.equal(await killAll([started], 5000), 0);
  });

  it('is found by its marker, without any record of it', async () => {
    const { pid } = await sleeper();
    assert.deepEqual(
      markedProcesses(folder).map((identity) => identity.pid),
      [pid],
    );
    assert.deepEqual(markedProcesses(`${folder}-other`), []);
  });

  it('knows its only child', async () => {
    const parent = await startDaemon({
      program: 'sh',
      args: ['-c', 'sleep 600; true'],
      log,
      env,
      cwd: folder,
    });
    const programOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    const child = await waitFor(
      'the child to become what it runs',
      async () => {
        const found = onlyChildOf(parent.pid);
        return found !== undefined && programOf(found.pid) === 'sleep' && found;
      },
      5000,
    );
    assert.notEqual(child.pid, parent.pid);
  });

  it('reads what it was held for, and only then', async () => {
    const program = 'read -r word && echo "got $word"';
    const held = await startDaemon({
      program: 'sh',
      args: ['-c', program],
      log,
      env,
      cwd: folder,
      heldInput: true,
    });
    assert.equal(isAlive(held), true);
    held.tell('go');
    held.release();
    await waitFor('the word', async () => readFileSync(log, 'utf8').includes('got go'), 5000);
  });

  it('that cannot be started is told by name', async () => {
    await assert.rejects(
      startDaemon({ program: 'no-such-program', args: [], log, env, cwd: folder }),
      /no-such-program could not be started/,
    );
  });
});

describe('wait', () => {
  it('returns what the condition gives', async () => {
    let looks = 0;
    const value = await waitFor('three', async () => (looks++ < 2 ? undefined : 'three'), 5000);
    assert.equal(value, 'three');
  });

  it('says what was waited for and what was seen last when time is up', async () => {
    const condition = async () => {
      throw new Error('the door is shut');
    };
    await assert.rejects(
      waitFor('the guest', condition, 150),
      /Waited 0 s for the guest; last look: the door is shut/,
    );
  });
});
