import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { run } from '../../../../lab/base/run.ts';
import { kubeconfig } from '../../../../lab/cluster/kubeconfig.ts';
import { nodeEnvironment, writeNodeFiles } from '../../../../lab/cluster/node-files.ts';

const node = { name: 'kube02', number: 2, labels: { storage: 'fast-ssd', zone: 'a' } };

describe('node files', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-node-'));
  const read = (name: string) => readFileSync(path.join(folder, 'files', name), 'utf8');

  before(() => {
    for (const name of ['ca.crt', 'kubelet-kube02.crt', 'kubelet-kube02.key', 'kube02.kubeconfig'])
      writeFileSync(path.join(folder, name), name);
    writeFileSync(path.join(folder, 'kube-proxy.kubeconfig'), 'proxy');
    const lab = { name: 'second', pkiFolder: folder, binFolder: '/lab/bin', fastNodeLoss: true };
    writeNodeFiles(folder, node, lab, '/usr/sbin/runc');
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('give the kubelet the control group of its lab and no garbage collection of images', () => {
    const config = JSON.parse(read('etc/kubernetes/kubelet.json')) as Record<string, unknown>;
    assert.equal(config['cgroupRoot'], '/second/kube02');
    assert.equal(config['imageGCHighThresholdPercent'], 100);
    assert.equal(config['failCgroupV1'], false);
    assert.equal(config['nodeLeaseDurationSeconds'], 8);
  });

  it('give pods of each node a range of their own', () => {
    assert.match(read('etc/cni/net.d/00-lab.conflist'), /"subnet": "10\.67\.2\.0\/24"/);
  });

  it('leave the settings of the machine alone', () => {
    const config = JSON.parse(read('etc/kubernetes/kube-proxy.json')) as { conntrack: object };
    assert.deepEqual(config.conntrack, {
      maxPerCore: 0,
      min: 0,
      tcpEstablishedTimeout: '0s',
      tcpCloseWaitTimeout: '0s',
    });
  });

  it('reach the shell as they are, whatever is in them', async () => {
    const file = path.join(folder, 'node.env');
    const odd = `a'b"c $HOME \\`;
    writeFileSync(
      file,
      nodeEnvironment(node, {
        bootId: odd,
        binFolder: '/lab/bin',
        storeImage: '/s.img',
        readOnlyFolders: ['/one', '/two'],
        cgroupFiles: [],
        disks: [{ image: 'disks/0.img', path: '/mnt/nvme' }],
      }),
    );
    const show =
      '. "$1"; printf "%s|" "$NODE_BOOT_ID" "$READ_ONLY_FOLDERS" "$DISKS" "$NODE_LABELS"';
    const { stdout } = await run('sh', ['-eu', '-c', show, 'show', file]);
    assert.equal(stdout, `${odd}|/one\n/two|disks/0.img /mnt/nvme|storage=fast-ssd,zone=a|`);
  });
});

describe('kubeconfig', () => {
  it('is read by the client: server, authority, user', () => {
    const config = new KubeConfig();
    config.loadFromString(
      kubeconfig({
        server: 'https://127.0.0.1:16443',
        authority: 'CA',
        user: 'lab-admin',
        certificate: 'CERT',
        key: 'KEY',
        context: 'larder-lab',
      }),
    );
    assert.equal(config.getCurrentContext(), 'larder-lab');
    assert.equal(config.getCurrentCluster()?.server, 'https://127.0.0.1:16443');
    const text = (data: string | undefined) => Buffer.from(data ?? '', 'base64').toString();
    assert.equal(text(config.getCurrentCluster()?.caData), 'CA');
    assert.equal(text(config.getCurrentUser()?.certData), 'CERT');
    assert.equal(text(config.getCurrentUser()?.keyData), 'KEY');
  });
});
