import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { acquireLock } from '../../../../lab/base/lock.ts';
import { repositoryRoot } from '../../../../lab/base/paths.ts';

let number = 0;
/** A name that no other test and no other run uses. */
const fresh = () => `/nowhere/${process.pid}-${(number += 1)}`;

/** A process that holds the lock until it is killed. */
async function holder(file: string): Promise<ChildProcess> {
  const source = [
    `import { acquireLock } from '${path.join(repositoryRoot, 'lab/base/lock.ts')}';`,
    `await acquireLock('${file}', { what: 'holding' });`,
    "process.stdout.write('held');",
    'process.stdin.resume();',
  ].join('\n');
  const args = ['--input-type=module', '--eval', source];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  return child;
}

describe('lock', () => {
  it('is held by one at a time, in whatever order they come', async () => {
    const file = fresh();
    let inside = 0;
    let most = 0;
    const work = async () => {
      using _lock = await acquireLock(file, { what: 'working' });
      inside += 1;
      most = Math.max(most, inside);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, work));
    assert.equal(most, 1);
  });

  it('tells who waits what the holder does, once', async () => {
    const file = fresh();
    const told: string[] = [];
    const first = await acquireLock(file, { what: 'building etcd' });
    const second = acquireLock(file, {
      what: 'next',
      onWait: (who) => told.push(who) && release(),
    });
    const release = () => first[Symbol.dispose]();
    using _second = await second;
    assert.deepEqual(told, [`building etcd (process ${process.pid})`]);
  });

  it('is free when the process that held it was killed', async () => {
    const file = fresh();
    const child = await holder(file);
    const waiting = acquireLock(file, { what: 'next', onWait: () => child.kill('SIGKILL') });
    using lock = await waiting;
    assert.equal(child.signalCode ?? 'SIGKILL', 'SIGKILL');
    assert.ok(lock);
  });

  it('lets who waits give up', async () => {
    const file = fresh();
    using _held = await acquireLock(file, { what: 'holding' });
    const abort = new AbortController();
    const waiting = acquireLock(file, {
      what: 'next',
      signal: abort.signal,
      onWait: () => abort.abort(),
    });
    await assert.rejects(waiting, { name: 'AbortError' });
  });

  it('does not stand in the way of another file', async () => {
    using _one = await acquireLock(fresh(), { what: 'one' });
    using other = await acquireLock(fresh(), { what: 'other' });
    assert.ok(other);
  });
});
