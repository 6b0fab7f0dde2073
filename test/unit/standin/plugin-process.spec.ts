import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import { FakeEngine } from './fake-engine.ts';

/** The random stand-in, started as the engine starts it; ended with the test whatever happens. */
class StartedPlugin implements Disposable {
  readonly line: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, line: string) {
    this.#child = child;
    this.line = line;
  }

  static async start(...args: readonly string[]): Promise<StartedPlugin> {
    const entry = path.join(repositoryRoot, 'lab/standin/main/resource-random.ts');
    const child = spawn(process.execPath, [entry, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const signal = AbortSignal.timeout(limitMs);
    const [chunk] = (await once(child.stdout, 'data', { signal })) as [Buffer];
    return new StartedPlugin(child, chunk.toString());
  }

  /** How it ended, after `cause` has been done to it. */
  async endedBy(cause: (child: ChildProcess) => void): Promise<unknown> {
    const ended = once(this.#child, 'exit', { signal: AbortSignal.timeout(limitMs) });
    cause(this.#child);
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    return code ?? signal;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

const limitMs = 30_000;

describe('plugin process', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`prints its port as one line and ends in good order [${signal}]`, async () => {
      await using engine = await FakeEngine.start();
      using plugin = await StartedPlugin.start('--logtostderr', engine.address);
      assert.match(plugin.line, /^\d+\n$/);
      assert.equal(await plugin.endedBy((child) => child.kill(signal)), 0);
    });
  }

  it('ends when the engine dies', async () => {
    await using engine = await FakeEngine.start();
    using plugin = await StartedPlugin.start(engine.address);
    assert.equal(await plugin.endedBy(() => engine.die()), 0);
  });
});
