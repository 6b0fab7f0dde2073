/** The small authority for running without Kubernetes, as one types it. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const program = path.resolve(import.meta.dirname, '../../dataplane/main/authority.ts');

interface Ending {
  readonly code: number;
  readonly said: string;
}

describe('authority', function () {
  this.timeout(20_000);
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'larder-authority-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  async function run(...args: readonly string[]): Promise<Ending> {
    return new Promise((resolve) => {
      execFile(process.execPath, [program, ...args], (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, said: stdout + stderr });
      });
    });
  }

  const file = (name: string) => path.join(directory, name);
  const certificate = (name: string) => new X509Certificate(readFileSync(file(name)));

  it('makes an authority and certificates for both parts, with keys that only the owner reads', async () => {
    assert.equal((await run(directory)).code, 0);
    assert.equal((await run(directory, 'replica', 'node-a', '--days', '30')).code, 0);
    assert.equal((await run(directory, 'engine', 'node-b')).code, 0);
    const authority = certificate('authority.crt');
    assert.ok(authority.ca);
    for (const [name, usage] of [
      ['node-a', '1.3.6.1.5.5.7.3.1'],
      ['node-b', '1.3.6.1.5.5.7.3.2'],
    ] as const) {
      const issued = certificate(`${name}.crt`);
      assert.ok(issued.verify(authority.publicKey), `${name} is signed by the authority`);
      assert.equal(issued.checkHost(name), name);
      assert.deepEqual(issued.keyUsage, [usage]);
      assert.equal(issued.ca, false);
      assert.equal(statSync(file(`${name}.key`)).mode & 0o777, 0o600);
    }
    assert.equal(statSync(file('authority.key')).mode & 0o777, 0o600);
    const days = (Date.parse(certificate('node-a.crt').validTo) - Date.now()) / 86_400_000;
    assert.ok(days > 29 && days < 31, `valid for ${days} days`);
  });

  it('writes nothing over, and issues nothing when others may read the key', async () => {
    await run(directory);
    const before = readFileSync(file('authority.key'), 'utf8');
    const again = await run(directory);
    assert.equal(again.code, 1);
    assert.match(again.said, /never written over/);
    assert.equal(readFileSync(file('authority.key'), 'utf8'), before);
    chmodSync(file('authority.key'), 0o644);
    const loose = await run(directory, 'engine', 'node-b');
    assert.equal(loose.code, 1);
    assert.match(loose.said, /may be read by others/);
    assert.ok(!existsSync(file('node-b.key')));
  });

  it('names everything that is wrong at once', async () => {
    const { code, said } = await run(directory, 'server', 'Node A', 'twice', '--days', '0');
    assert.equal(code, 1);
    for (const problem of [/"server" is neither/, /"Node A" is not a name/, /"twice"/, /--days/]) {
      assert.match(said, problem);
    }
    const none = await run(directory, 'engine', 'node-b');
    assert.match(none.said, /There is no authority/);
  });
});
