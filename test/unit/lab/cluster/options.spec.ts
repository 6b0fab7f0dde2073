import assert from 'node:assert/strict';
import { LabFault } from '../../../../lab/base/fault.ts';
import { labName, labPaths } from '../../../../lab/base/paths.ts';
import { checkLabOptions, type LabOptions, sameLab } from '../../../../lab/cluster/options.ts';

const good: LabOptions = {
  name: 'larder',
  nodes: [
    {
      name: 'kube01',
      disks: [{ path: '/mnt/nvme', sizeMiB: 1024 }],
      labels: { storage: 'fast-ssd' },
    },
    { name: 'kube02', disks: [] },
  ],
};

function withDisk(path: string, sizeMiB = 1024): LabOptions {
  return { name: 'larder', nodes: [{ name: 'kube01', disks: [{ path, sizeMiB }] }] };
}

function refused(options: LabOptions): string {
  let message = '';
  assert.throws(
    () => checkLabOptions(options),
    (error) => {
      assert.ok(error instanceof LabFault);
      message = error.message;
      return true;
    },
  );
  return message;
}

describe('lab options', () => {
  it('are taken when they make sense', () => {
    assert.doesNotThrow(() => checkLabOptions(good));
    assert.doesNotThrow(() => checkLabOptions({ ...good, apiPort: 16_443, fastNodeLoss: true }));
  });

  it('report all problems in one message', () => {
    const message = refused({
      name: 'Bad_Name',
      apiPort: 80,
      nodes: [
        { name: 'kube01', disks: [{ path: 'mnt', sizeMiB: 0 }] },
        { name: 'kube01', disks: [], labels: { 'kubernetes.io/os': 'linux' } },
      ],
    });
    for (const part of [
      '"Bad_Name"',
      'apiPort 80',
      'kube01 is there more than once',
      'mnt',
      '0 MiB',
    ])
      assert.ok(message.includes(part), `${part} is not in:\n${message}`);
    assert.match(message, /kubernetes\.io\/os is the system's/);
  });

  for (const path of [
    'mnt/nvme',
    '/mnt/nvme/',
    '/mnt/../etc',
    '/mnt/a b',
    '/mnt/a,b',
    '/',
    '/etc',
    '/var/lib',
    '/dev/shm',
    '/proc/x',
    '/var/lib/kubelet/pods',
  ])
    it(`refuse a disk at [${path}]`, () => {
      assert.match(refused(withDisk(path)), /kube01\.disks: /);
    });

  it('refuse a disk inside another', () => {
    const disks = ['/mnt/a', '/mnt/a/b'].map((path) => ({ path, sizeMiB: 64 }));
    assert.match(
      refused({ name: 'larder', nodes: [{ name: 'kube01', disks }] }),
      /\/mnt\/a\/b lies in the disk \/mnt\/a/,
    );
  });

  for (const sizeMiB of [0, 15, 1.5, -1, Number.NaN, 2 ** 30])
    it(`refuse a size of [${sizeMiB}] MiB`, () => {
      assert.match(refused(withDisk('/mnt/nvme', sizeMiB)), /expected a whole number from 16/);
    });

  it('refuse no node and ten of them', () => {
    assert.match(refused({ name: 'larder', nodes: [] }), /found 0, expected 1 to 9/);
    const nodes = Array.from({ length: 10 }, (_, index) => ({ name: `kube${index}`, disks: [] }));
    assert.match(refused({ name: 'larder', nodes }), /found 10/);
  });
});

describe('lab sameness', () => {
  it('holds for equal options, whatever the order of labels and the port', () => {
    const labels = (entries: Record<string, string>): LabOptions => ({
      name: 'larder',
      nodes: [{ name: 'kube01', disks: [], labels: entries }],
    });
    assert.ok(sameLab(labels({ a: '1', b: '2' }), labels({ b: '2', a: '1' })));
    assert.ok(sameLab(good, { ...good, apiPort: 20_000 }));
    assert.ok(sameLab(good, { ...good, fastNodeLoss: false }));
  });

  it('ends with a disk of another size, another node or another speed of loss', () => {
    assert.ok(!sameLab(withDisk('/mnt/a', 100), withDisk('/mnt/a', 200)));
    assert.ok(!sameLab(good, { ...good, nodes: good.nodes.slice(1) }));
    assert.ok(!sameLab(good, { ...good, fastNodeLoss: true }));
  });
});

describe('lab name', () => {
  it('is a folder of its own, so that two labs run side by side', () => {
    const state = (env: NodeJS.ProcessEnv) => labPaths({ HOME: '/h', ...env }).state;
    assert.equal(state({}), '/h/.local/state/larder/larder');
    assert.equal(state({ LARDER_LAB: 'second' }), '/h/.local/state/larder/second');
  });

  it('is refused when it cannot be a folder and a control group', () => {
    assert.equal(labName({ LARDER_LAB: '' }), 'larder');
    assert.throws(() => labName({ LARDER_LAB: '../x' }), /LARDER_LAB is "\.\.\/x"/);
  });
});
