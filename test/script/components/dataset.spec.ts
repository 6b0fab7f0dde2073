import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { script } from '../../../components/script.ts';
import { skip } from '../../support/reporter.ts';
import { DatasetBench, hasBusybox, type Shell } from './dataset-bench.ts';

/** Two files that must be of one version. */
const pair = (text: string) => (folder: string) => {
  writeFileSync(path.join(folder, 'index'), text);
  writeFileSync(path.join(folder, 'vectors'), text);
};

const shells: readonly Shell[] = ['sh', 'busybox'];
for (const shell of shells) {
  describe(`dataset in ${shell}`, () => {
    before(function () {
      if (shell === 'busybox' && !hasBusybox())
        skip(this, 'needs busybox: apt-get install busybox');
    });

    it('publishes what the writer made, read-only, under a number that only grows', async () => {
      await using bench = new DatasetBench(shell);
      assert.match(bench.publish(pair('one')), /published version 00000001 of embeddings: 2 files/);
      bench.publish(pair('two'));
      assert.equal(bench.current(), '00000002');
      assert.deepEqual(bench.versions(), ['00000001', '00000002']);
      const { mode } = statSync(path.join(bench.store, 'current/index'));
      assert.equal(mode & 0o222, 0, 'nobody may write');
    });

    it('shares what did not change with the version before, byte for byte', async () => {
      await using bench = new DatasetBench(shell);
      bench.publish((folder) => {
        mkdirSync(path.join(folder, 'deep er'));
        writeFileSync(path.join(folder, "deep er/same '1'"), 'same');
        writeFileSync(path.join(folder, 'changed'), 'one');
      });
      const said = bench.publish((folder) => {
        mkdirSync(path.join(folder, 'deep er'));
        writeFileSync(path.join(folder, "deep er/same '1'"), 'same');
        writeFileSync(path.join(folder, 'changed'), 'two');
      });
      assert.match(said, /2 files, of which 1 are shared with version 00000001/);
      const inode = (version: string, file: string) =>
        statSync(path.join(bench.store, 'versions', version, file)).ino;
      const same = "deep er/same '1'";
      assert.equal(inode('00000001', same), inode('00000002', same));
      assert.notEqual(inode('00000001', 'changed'), inode('00000002', 'changed'));
      bench.collect();
      assert.equal(readFileSync(path.join(bench.store, 'current', same), 'utf8'), 'same');
      assert.equal(statSync(path.join(bench.store, 'current', same)).mode & 0o222, 0);
    });

    it('changes nothing when the writer made nothing', async () => {
      await using bench = new DatasetBench(shell);
      bench.publish(pair('one'));
      assert.equal(bench.run('dataset-begin').code, 0);
      const { code, out } = bench.run('dataset-publish');
      assert.equal(code, 1);
      assert.match(out, /the writer of embeddings made nothing; readers keep version 00000001/);
      assert.equal(bench.current(), '00000001');
    });

    it('publishes nothing that a killed writer left', async () => {
      await using bench = new DatasetBench(shell);
      bench.publish(pair('one'));
      bench.run('dataset-begin');
      pair('half')(path.join(bench.store, 'incoming/next'));
      bench.publish((folder) => writeFileSync(path.join(folder, 'index'), 'two'));
      assert.equal(existsSync(path.join(bench.store, 'current/vectors')), false);
    });

    it('refuses a device or a pipe among the files', async () => {
      await using bench = new DatasetBench(shell);
      bench.run('dataset-begin');
      const pipe = path.join(bench.store, 'incoming/next/pipe');
      await once(bench.start(`mkfifo ${pipe}`), 'exit');
      const { code, out } = bench.run('dataset-publish');
      assert.equal(code, 1);
      assert.match(out, /pipe is neither a file, a folder nor a link/);
    });

    it('refuses what is not the volume', async () => {
      await using bench = new DatasetBench(shell);
      const { code, out } = bench.run('dataset-begin', { VOLUME: 'dataset-embeddings' });
      assert.equal(code, 1);
      assert.match(out, /is not the volume dataset-embeddings/);
    });

    it('lets old versions go when nobody reads them, behind as many as shall be kept', async () => {
      await using bench = new DatasetBench(shell);
      for (const text of ['one', 'two', 'three', 'four']) bench.publish(pair(text));
      assert.match(bench.collect({ KEEP: '1' }), /removed version 00000001/);
      assert.deepEqual(bench.versions(), ['00000003', '00000004']);
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000004']);
    });

    it('never gives a number twice, also when the newest version was taken back', async () => {
      await using bench = new DatasetBench(shell);
      bench.publish(pair('one'));
      bench.publish(pair('two'));
      await once(bench.start(`ln -sfn versions/00000001 ${bench.store}/current`), 'exit');
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000001']);
      assert.match(bench.publish(pair('three')), /published version 00000003/);
    });

    it('ends what a killed collector began, in the way that its readers need', async () => {
      await using bench = new DatasetBench(shell);
      for (const text of ['one', 'two', 'three']) bench.publish(pair(text));
      const at = (name: string) => path.join(bench.store, 'versions', name);
      const going = (number: string) =>
        `chmod u+w ${at(number)} && mv ${at(number)} ${at(`.going-${number}`)}`;
      await once(bench.start(`${going('00000001')}; ${going('00000002')}`), 'exit');
      mkdirSync(path.join(bench.store, 'leases/00000002'), { recursive: true });
      writeFileSync(path.join(bench.store, 'leases/00000002/pod-1'), '');
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000002', '00000003']);
    });

    it('counts no lease of a pod that died long ago', async () => {
      await using bench = new DatasetBench(shell);
      bench.publish(pair('one'));
      bench.publish(pair('two'));
      const lease = path.join(bench.store, 'leases/00000001/pod-1');
      mkdirSync(path.dirname(lease));
      writeFileSync(lease, '');
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000001', '00000002']);
      const longAgo = statSync(lease).mtimeMs / 1000 - 3600;
      utimesSync(lease, longAgo, longAgo);
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000002']);
    });

    it('keeps a version until the process that has it open is gone', async () => {
      await using bench = new DatasetBench(shell);
      bench.publish(pair('one'));
      const keeper = bench.keeper('pod-1');
      const link = bench.linkOf('pod-1');
      await bench.until('the link of the pod', () => bench.current(link) === '00000001');
      const reader = bench.start(`exec sleep 60 <${link}/current/index`);
      bench.belongs('pod-1', reader);
      bench.publish(pair('two'));
      await bench.until('the switch', () => bench.current(link) === '00000002');
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000001', '00000002']);
      await bench.end(reader);
      const lease = path.join(bench.store, 'leases/00000001/pod-1');
      await bench.until('the lease to go', () => !existsSync(lease));
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000002']);
      await bench.end(keeper);
      assert.equal(existsSync(path.join(bench.store, 'leases/00000002/pod-1')), false);
    });

    it('takes up its lease again when the keeper was killed', async () => {
      await using bench = new DatasetBench(shell);
      bench.publish(pair('one'));
      const link = bench.linkOf('pod-1');
      const keeper = bench.keeper('pod-1');
      await bench.until('the link of the pod', () => bench.current(link) === '00000001');
      await bench.end(keeper, 'SIGKILL');
      bench.publish(pair('two'));
      bench.collect();
      assert.deepEqual(bench.versions(), ['00000001', '00000002'], 'its lease outlives it');
      bench.keeper('pod-1');
      await bench.until('the switch', () => bench.current(link) === '00000002');
    });
  });
}

describe('dataset under concurrent readers and kills', () => {
  before(function () {
    if (!hasBusybox()) skip(this, 'needs busybox: apt-get install busybox');
  });

  /** Follows the link without rest; says so when the two files are not of one version. */
  const readerOf = (link: string) => `
    while :; do
      cd -P "${link}/current" || { echo "no current"; exit 1; }
      sleep 0.02
      index=$(cat index) && vectors=$(cat vectors) || { echo "a file has gone"; exit 1; }
      [ "$index" = "$vectors" ] || { echo "torn: $index $vectors"; exit 1; }
      echo "$index"
    done`;

  it('shows every reader whole versions only, and in the end the newest one alone', async function () {
    this.timeout(40_000);
    await using bench = new DatasetBench('busybox');
    bench.publish(pair('version 1'));
    const pods = ['pod-1', 'pod-2', 'pod-3'];
    const keepers = new Map(pods.map((pod) => [pod, bench.keeper(pod)]));
    const complaints: string[] = [];
    const seen = new Map<string, string>();
    const readers = new Map<string, ReturnType<DatasetBench['start']>>();
    for (const pod of pods) {
      const link = bench.linkOf(pod);
      await bench.until(`the link of ${pod}`, () => bench.current(link) === '00000001');
      const reader = bench.start(readerOf(link));
      bench.belongs(pod, reader);
      reader.stdout?.setEncoding('utf8').on('data', (text: string) => {
        seen.set(pod, text.trimEnd().split('\n').at(-1) ?? '');
      });
      reader.on('exit', (code, signal) => {
        if (signal === null) complaints.push(`${pod} ended with ${code}: ${seen.get(pod)}`);
      });
      readers.set(pod, reader);
    }
    for (let round = 2; round <= 12; round += 1) {
      const text = `version ${round}`;
      bench.publish(pair(text));
      const [victim = 'pod-1'] = pods.slice(round % pods.length);
      const keeper = keepers.get(victim);
      if (keeper !== undefined && round % 3 === 0) {
        await bench.end(keeper, 'SIGKILL');
        keepers.set(victim, bench.keeper(victim));
      }
      // A collector that dies anywhere, then one that ends.
      const killed = bench.start(script('dataset', 'dataset-collect'));
      if (round % 2 === 0) await bench.end(killed, 'SIGKILL');
      else await once(killed, 'exit');
      bench.collect();
      await bench.until(`all readers to see ${text}`, () =>
        pods.every((pod) => seen.get(pod) === text || complaints.length > 0),
      );
      assert.deepEqual(complaints, []);
    }
    for (const reader of readers.values()) await bench.end(reader);
    await bench.until('the old versions to go', () => {
      bench.collect();
      return bench.versions().length === 1;
    });
    assert.deepEqual(complaints, []);
    assert.deepEqual(bench.versions(), ['00000012']);
  });

  it('goes wrong without leases: the test sees a version vanish under a reader', async () => {
    await using bench = new DatasetBench('busybox');
    bench.publish(pair('version 1'));
    const link = bench.linkOf('pod-1');
    mkdirSync(link);
    symlinkSync(path.join(bench.store, 'versions/00000001'), path.join(link, 'current'));
    const reader = bench.start(readerOf(link));
    bench.publish(pair('version 2'));
    bench.collect();
    const [code] = (await once(reader, 'exit')) as [number | null];
    assert.equal(code, 1);
  });
});
