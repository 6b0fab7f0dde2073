import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LabRecord, RecordFile } from '../../../../lab/cluster/record.ts';

const record: LabRecord = {
  version: 1,
  phase: 'starting',
  machineBootId: 'boot',
  options: {
    name: 'larder',
    fastNodeLoss: false,
    nodes: [{ name: 'kube01', disks: [{ path: '/mnt/nvme', sizeMiB: 64 }], labels: {} }],
  },
  apiPort: 16_443,
  processes: { etcd: null },
  nodes: { kube01: { bootId: '', disks: { '/mnt/nvme': { present: 'own' } } } },
  host: { readOnlyFolders: [] },
  before: { loopDevices: [0, 1], rootControllers: [], absentFiles: [] },
};

describe('lab record', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-record-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is found again as it was written', () => {
    RecordFile.create(folder, record);
    assert.deepEqual(RecordFile.find(folder)?.current, record);
    assert.deepEqual(readdirSync(folder), ['lab.json']);
    assert.equal(statSync(path.join(folder, 'lab.json')).mode & 0o077, 0);
  });

  it('shows each holder what the other has changed', () => {
    const mine = RecordFile.create(folder, record);
    const other = RecordFile.find(folder);
    other?.updateNode('kube01', (node) => {
      node.bootId = 'second';
    });
    mine.update((changed) => {
      changed.phase = 'up';
    });
    assert.equal(other?.current.phase, 'up');
    assert.equal(mine.node('kube01').bootId, 'second');
  });

  it('is not there before a lab is', () => {
    assert.equal(RecordFile.find(folder), undefined);
  });

  for (const [what, text] of [
    ['half-written', '{"version": 1,'],
    ['of another version', JSON.stringify({ ...record, version: 2 })],
    ['empty', ''],
  ] as const)
    it(`is refused with a way out when it is ${what}`, () => {
      writeFileSync(path.join(folder, 'lab.json'), text);
      assert.throws(() => RecordFile.find(folder), {
        name: 'LabFault',
        message: /lab\.json cannot be understood/,
        hint: /npm stop/,
      });
    });

  it('names the nodes there are when asked for another', () => {
    const file = RecordFile.create(folder, record);
    assert.throws(() => file.node('kube09'), { message: /no node kube09/, hint: /kube01/ });
  });
});
