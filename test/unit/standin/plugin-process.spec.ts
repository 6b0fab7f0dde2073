import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import { FakeEngine } from './fake-engine.ts';

/** Starts the random stand-in as the engine would and waits for its port. */
async function start(...args: readonly string[]): Promise<{ child: ChildProcess; line: string }> {
  const entry = path.join(repositoryRoot, 'lab/standin/main/resource-random.ts');
  const child = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = (await once(child.stdout, 'data', {
    signal: AbortSignal.timeout(20_000),
  })) as [Buffer];
  return { child, line: chunk.toString() };
}

const exit = async (child: ChildProcess) =>
  (await once(child, 'exit', { signal: AbortSignal.timeout(20_000) })) as [
    number | null,
    NodeJS.Signals | null,
  ];

describe('plugin process', () => {
  it('prints its port as one line and ends in good order when the engine asks', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await using engine = await FakeEngine.start();
      const { child, line } = await start('--logtostderr', engine.address);
      assert.match(line, /^\d+\n$/);
      child.kill(signal);
      assert.deepEqual(await exit(child), [0, null], signal);
    }
  });

  it('ends when the engine dies', async () => {
    await using engine = await FakeEngine.start();
    const { child } = await start(engine.address);
    engine.die();
    assert.deepEqual(await exit(child), [0, null]);
  });
});
