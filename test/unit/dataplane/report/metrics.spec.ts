import assert from 'node:assert/strict';
import { MeasuredBlocks } from '../../../../dataplane/drive/measured-blocks.ts';
import { Histogram } from '../../../../dataplane/report/histogram.ts';
import { counter, exposition, type Family, gauge } from '../../../../dataplane/report/metrics.ts';
import { leaderFamily, shelfFamilies } from '../../../../dataplane/report/shelf-metrics.ts';
import { MemoryBlocks } from '../../../support/nbd/memory-blocks.ts';
import { node, used } from '../control/shelf.ts';

/** What Prometheus reads. */
describe('metrics', () => {
  const lines = (families: readonly Family[]) => exposition(families).trimEnd().split('\n');

  it('tell each family once, however many processes report it, in the order of names', () => {
    const of = (volume: string) =>
      gauge('larder_b', 'About b.', [{ labels: { volume }, value: 1 }]);
    const first = counter('larder_a_total', 'About a.', [{ labels: {}, value: 2 }]);
    assert.deepEqual(lines([of('x'), first, of('y')]), [
      '# HELP larder_a_total About a.',
      '# TYPE larder_a_total counter',
      'larder_a_total 2',
      '# HELP larder_b About b.',
      '# TYPE larder_b gauge',
      'larder_b{volume="x"} 1',
      'larder_b{volume="y"} 1',
    ]);
  });

  it('escape what a label may hold, and leave families without a sample out', () => {
    const bent = gauge('larder_x', 'x', [{ labels: { path: 'a"b\\c\nd' }, value: Infinity }]);
    assert.deepEqual(lines([bent, gauge('larder_none', 'none', [])]).slice(2), [
      String.raw`larder_x{path="a\"b\\c\nd"} +Inf`,
    ]);
  });

  it('count in buckets that grow, with the last one for everything', () => {
    const histogram = new Histogram();
    for (const seconds of [0.000_05, 0.002, 0.002, 60]) histogram.add(seconds);
    const samples = histogram.samples({ op: 'read' });
    const value = (le: string) => samples.find(({ labels }) => labels['le'] === le)?.value;
    assert.equal(value('0.0001'), 1);
    assert.equal(value('0.0025'), 3);
    assert.equal(value('30'), 3);
    assert.equal(value('+Inf'), 4);
    assert.deepEqual(
      samples.slice(-2).map((sample) => [sample.suffix, sample.value]),
      [
        ['_sum', 60.004_05],
        ['_count', 4],
      ],
    );
  });

  it('of a shelf say of each state whether it is so', () => {
    const volume = used('v', { kube1: { inSync: true }, kube2: { inSync: false } });
    const nodes = [node('kube1'), node('kube2', { health: 'Unknown', problem: 'it is away' })];
    const found = lines([leaderFamily(true), ...shelfFamilies([volume], nodes)]);
    for (const line of [
      'larder_controller_leader 1',
      'larder_volume_copies_wanted{volume="v"} 2',
      'larder_volume_copies_in_sync{volume="v"} 1',
      'larder_volume_safety{volume="v",safety="Creating"} 1',
      'larder_volume_safety{volume="v",safety="Safe"} 0',
      'larder_volume_attached{volume="v",node="kube1"} 1',
      'larder_member_in_sync{volume="v",member="m2",node="kube2"} 0',
      'larder_storage_node_heard{node="kube2"} 0',
      'larder_disk_usable{node="kube1",disk="disk"} 1',
      'larder_disk_usable{node="kube2",disk="disk"} 0',
      'larder_disk_promised_bytes{node="kube1",disk="disk"} 1073741824',
    ])
      assert.ok(found.includes(line), line);
  });

  it('of a device count requests by what became of them, and time those that were tried', async () => {
    let nowMs = 0;
    const clock = { nowMs: () => (nowMs += 5), after: () => ({ [Symbol.dispose]: () => {} }) };
    const memory = new MemoryBlocks(8192);
    const blocks = new MeasuredBlocks(memory, clock);
    await blocks.write(0, new Uint8Array(4096), { fua: false });
    await blocks.read({ offsetBytes: 0, lengthBytes: 4096 });
    await blocks.flush();
    memory.failure = () => ({ kind: 'refused', reason: 'out-of-range', message: 'it ends there' });
    await blocks.read({ offsetBytes: 8192, lengthBytes: 4096 });
    const found = lines(blocks.families('v'));
    for (const line of [
      'larder_volume_requests_total{volume="v",op="read",outcome="done"} 1',
      'larder_volume_requests_total{volume="v",op="read",outcome="refused"} 1',
      'larder_volume_requests_total{volume="v",op="flush",outcome="done"} 1',
      'larder_volume_request_bytes_total{volume="v",op="write"} 4096',
      'larder_volume_request_seconds_count{volume="v",op="read"} 1',
      'larder_volume_request_seconds_bucket{volume="v",op="write",le="0.005"} 1',
      'larder_volume_request_seconds_sum{volume="v",op="write"} 0.005',
    ])
      assert.ok(found.includes(line), `${line}\n${found.join('\n')}`);
  });
});
