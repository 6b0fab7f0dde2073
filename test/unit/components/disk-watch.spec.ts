import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ShellBench } from './shell-bench.ts';

describe('script disk-watch', () => {
  const watch = (bench: ShellBench, disks: string) => {
    mkdirSync(bench.file('disks'), { recursive: true });
    writeFileSync(bench.file('disks/kube01'), disks);
    return bench.run(['disk', 'disk-watch'], {
      DISKS: bench.file('disks'),
      ROOT: bench.folder,
      TERMINATION: bench.file('reason'),
    });
  };
  const reason = (bench: ShellBench) => readFileSync(bench.file('reason'), 'utf8');

  it('ends with the reason when a disk is not mounted', () => {
    using bench = new ShellBench('bare');
    const { code, out } = watch(bench, '/host/nvme -\n');
    assert.equal(code, 1);
    assert.match(out, /^REFUSED: \/host\/nvme on kube01 is an ordinary folder/);
    assert.equal(reason(bench), out);
  });

  it('tells of every disk that is missing', () => {
    using bench = new ShellBench('missing');
    watch(bench, '/host/nvme -\n/host/usb -\n');
    assert.deepEqual(
      reason(bench).match(/there is no \S+/g),
      ['there is no /host/nvme', 'there is no /host/usb'],
      reason(bench),
    );
  });

  it('ends with the reason when another drive is mounted', () => {
    using bench = new ShellBench('mounted');
    watch(bench, '/host/nvme 4c1f-9e52\n');
    assert.match(reason(bench), /no file system with UUID 4c1f-9e52 is attached to kube01/);
  });

  it('keeps looking while all disks are there', () => {
    using bench = new ShellBench('mounted');
    // The disk goes away while the script sleeps.
    bench.program('sleep', `rm ${bench.disk} && mkdir ${bench.disk}`);
    const { code } = watch(bench, '/host/nvme -\n');
    assert.equal(code, 1);
    assert.match(reason(bench), /is an ordinary folder/);
  });
});
