/**
 * `npm start` ended in the middle, gently and by force, and run again. What is ended is the update,
 * the longest step that changes the cluster; earlier steps: lab.spec.ts and the toolchain's own
 * tests.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CoreV1Api } from '@kubernetes/client-node';
import { labPaths, repositoryRoot } from '../../lab/base/paths.ts';
import { Lab } from '../../lab/cluster/lab.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { skip } from '../support/reporter.ts';

const stepMs = 300_000;

describe('npm start ended in the middle', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-interrupt-'));
  const env = {
    ...process.env,
    XDG_STATE_HOME: folder,
    LARDER_LAB: 'interrupt-test',
    KUBECONFIG: '',
  };
  const statePath = labPaths(env).state;

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
  });

  afterEach(async () => {
    await ended(larder('stop'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('goes on when it was interrupted during the update', async () => {
    const first = larder('start');
    await updateBegan();
    first.kill('SIGINT');
    const { code, output } = await ended(first);
    assert.equal(code, 130, output);
    assert.match(output, /Interrupted\. Run the same command again/);
    assert.deepEqual(backendLocks(), [], 'Pulumi was not allowed to end in order');
    await startsAgain();
  });

  it('goes on when it and the update were killed', async () => {
    const first = larder('start');
    await updateBegan();
    const [lock] = backendLocks();
    assert.ok(lock, 'no update holds the stack');
    first.kill('SIGKILL');
    process.kill((JSON.parse(readFileSync(lock, 'utf8')) as { pid: number }).pid, 'SIGKILL');
    await ended(first);
    await startsAgain();
  });

  async function startsAgain(): Promise<void> {
    const { code, output } = await ended(larder('start'));
    assert.equal(code, 0, output);
    assert.match(output, /answers SQL/);
    assert.match(output, /dumped \d+ databases .*verified/);
  }

  /** Until the update has made its first object of the cluster, and long before its last. */
  async function updateBegan(): Promise<void> {
    await waitFor(
      'the first object of the update',
      async () => {
        const lab = existsSync(statePath) ? resumed() : undefined;
        await lab?.kubeConfig.makeApiClient(CoreV1Api).readNamespace({ name: 'larder-system' });
        return lab !== undefined;
      },
      stepMs,
    );
  }

  /** Undefined while the lab is not up yet. */
  function resumed(): Lab | undefined {
    try {
      return Lab.resume(statePath);
    } catch {
      return undefined;
    }
  }

  function backendLocks(): string[] {
    return globSync(path.join(statePath, 'pulumi/backend/.pulumi/locks/**/*.json'));
  }

  function larder(name: 'start' | 'stop'): ChildProcess {
    const file = path.join(repositoryRoot, `lab/${name}.ts`);
    return spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async function ended(child: ChildProcess): Promise<{ code: number; output: string }> {
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    if (child.exitCode !== null) return { code: child.exitCode, output };
    return new Promise((resolve) => {
      child.on('close', (code) => resolve({ code: code ?? 137, output }));
    });
  }
});
