/** Backups by the jobs' own scripts and the real restic, to a real S3 server (versitygw). */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setInterval } from 'node:timers/promises';
import { accessTo, type TargetPlace } from '../../components/backups/repository.ts';
import { LabFault } from '../../lab/base/fault.ts';
import { labPaths } from '../../lab/base/paths.ts';
import { Progress } from '../../lab/base/progress.ts';
import { ensureTools } from '../../lab/toolchain/toolchain.ts';
import { BackupBench, missingProgram } from '../process/backup/backup-bench.ts';
import { skip } from '../support/reporter.ts';

const keys = { user: 'larder', secret: 'a secret of the server' };

describe('backup to S3', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-s3-'));
  let server: ChildProcess | undefined;
  let endpoint = '';

  before(async function () {
    const missing = missingProgram();
    if (missing !== undefined) skip(this, missing);
    const program = await findServer(this);
    mkdirSync(path.join(folder, 'home'));
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    const options = ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--sidecar'];
    mkdirSync(path.join(folder, 'sidecar'));
    mkdirSync(path.join(folder, 'root/home'), { recursive: true });
    server = spawn(program, [...options, path.join(folder, 'sidecar'), path.join(folder, 'root')], {
      env: { ROOT_ACCESS_KEY_ID: keys.user, ROOT_SECRET_ACCESS_KEY: keys.secret },
      stdio: 'ignore',
    });
    await listens(port);
  });

  after(async () => {
    if (server !== undefined && server.exitCode === null) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  /** The environment that the component gives its jobs, with the Secrets' values filled in. */
  function environment(source: string, secret = keys.secret): Record<string, string> {
    const place: TargetPlace = {
      kind: 's3',
      name: 'offsite',
      endpoint,
      bucket: 'home',
      region: 'us-east-1',
    };
    const values: Record<string, string> = { 'access-key': keys.user, 'secret-key': secret };
    const entries = accessTo(place, `homelab/${source}`).env.flatMap((entry) => {
      const { name, value, valueFrom } = entry as {
        name: string;
        value?: string;
        valueFrom?: { secretKeyRef: { key: string } };
      };
      const known = value ?? values[valueFrom?.secretKeyRef.key ?? ''] ?? '';
      return name.startsWith('AWS_') || name === 'RESTIC_REPOSITORY'
        ? [[name, known] as const]
        : [];
    });
    return Object.fromEntries(entries);
  }

  it('proves the target, takes a backup, and brings it back on an empty volume', () => {
    const env = environment('gitea-forge');
    using bench = new BackupBench(undefined, env['RESTIC_REPOSITORY'], env);
    const probe = bench.run('probe', environment('probe'));
    assert.equal(probe.code, 0, probe.out);
    const file = path.join(bench.data, 'HEAD');
    writeFileSync(file, 'ref: refs/heads/main');
    const backup = bench.run('backup');
    assert.equal(backup.code, 0, backup.out);
    const drill = bench.run('drill');
    assert.equal(drill.code, 0, drill.out);
    rmSync(file);
    const restore = bench.run('restore', { COPIES: bench.file('copies') });
    assert.equal(restore.code, 0, restore.out);
    assert.equal(readFileSync(file, 'utf8'), 'ref: refs/heads/main');
  });

  it('says that a key is wrong before anything relies on the target', () => {
    const env = environment('probe', 'another secret');
    using bench = new BackupBench(undefined, env['RESTIC_REPOSITORY'], env);
    const { code, out } = bench.run('probe');
    assert.equal(code, 1);
    assert.match(out, /the target gitea-forge neither opens nor can be used/);
  });
});

async function findServer(context: Mocha.Context): Promise<string> {
  const limitMs = context.timeout();
  context.timeout(0); // the first run builds it
  try {
    const tools = await ensureTools(['versitygw'], {
      progress: new Progress(),
      paths: labPaths(),
      signal: new AbortController().signal,
    });
    return tools.get('versitygw')?.path ?? '';
  } catch (error) {
    if (error instanceof LabFault) return skip(context, `needs versitygw: ${error.message}`);
    throw error;
  } finally {
    context.timeout(limitMs);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(port: number): Promise<void> {
  const signal = AbortSignal.timeout(15_000);
  for await (const _ of setInterval(50, undefined, { signal })) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
  }
}
