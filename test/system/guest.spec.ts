/**
 * The kernel's NBD client under our devices: the tests of `test/guest`, and those of attached
 * volumes, in a virtual machine with Debian's kernel. On demand: it takes more than a minute of
 * processor.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { labPaths, repositoryRoot } from '../../lab/base/paths.ts';
import { ensurePackages } from '../../lab/toolchain/packages.ts';
import { requirePrograms } from '../support/nbd/programs.ts';
import { skip } from '../support/reporter.ts';
import { ensureGuestKernel, Guest, type GuestKernel } from './support/guest.ts';
import { quietProgress } from './support/test-lab.ts';

/** A crowded machine of two cores takes half of it. */
const guestMs = 270_000;
const compiled = path.join(path.dirname(labPaths().images), 'node-compiled');

describe('guest with a kernel of Debian', function () {
  this.timeout(guestMs + 60_000);
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-guest-'));
  let kernel: GuestKernel;
  let guest: Guest | undefined;

  before(async function () {
    if (process.env['LARDER_GUEST'] !== '1')
      skip(this, 'on demand: LARDER_GUEST=1 starts a virtual machine, minutes of processor');
    const signal = new AbortController().signal;
    await ensurePackages(['guest'], { progress: quietProgress, paths: labPaths(), signal });
    requirePrograms(this, 'qemu-system-x86_64', 'fio');
    kernel = await ensureGuestKernel(path.dirname(labPaths().images));
  });

  afterEach(async () => {
    await guest?.cutPower();
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs spec files in the guest and expects that all of their tests pass, and how many. */
  async function passes(count: number, ...args: readonly string[]): Promise<void> {
    const mocha = [process.execPath, 'node_modules/mocha/bin/mocha.js', '--no-color', ...args];
    const script = [
      `cd ${repositoryRoot}`,
      // To take the types away from each file in each process costs a guest most of its time.
      `export NODE_COMPILE_CACHE=${compiled}`,
      `export LARDER_ATTACH=kernel PATH=${path.dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
      mocha.map((word) => `'${word}'`).join(' '),
    ];
    guest = new Guest(kernel, folder, script.join('\n'));
    await guest.over(guestMs);
    const told = `${guest.output}\n`;
    assert.match(told, new RegExp(`^ *${count} passing`, 'm'), told);
    assert.doesNotMatch(told, / failing| pending/, told);
  }

  it("passes what concerns the kernel's client alone", async () => {
    await passes(4, 'test/guest/kernel-nbd.spec.ts');
  });

  it('keeps what fio verifies on a device of the kernel while processes are killed in turn', async () => {
    const spec = 'test/system/attached-volume.spec.ts';
    await passes(2, spec, '--grep', 'ext4|gives errors');
  });
});
