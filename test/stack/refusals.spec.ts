import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { homelabConfig, runProgram, type Scenario } from './support/record.ts';

/** What the program says instead of declaring anything. */
async function refusal(scenario: Scenario): Promise<string> {
  try {
    await runProgram(scenario);
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
  return assert.fail('the program refused nothing');
}

const claim = (name: string, size: string) => ({
  [`urn:pulumi:homelab::larder::x::${name}`]: {
    type: 'kubernetes:core/v1:PersistentVolumeClaim',
    outputs: {
      metadata: {
        name,
        namespace: 'apps',
        labels: { 'larder.dev/volume': name },
        annotations: { 'larder.dev/place': `kube01:/mnt/nvme/larder/volumes/${name}` },
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'local-ssd',
        resources: { requests: { storage: size } },
      },
    },
  },
});

describe('program', () => {
  it('tells every problem of the shape at once and declares nothing', async () => {
    const config = { ...homelabConfig(), nods: [], backup: 7 };
    const message = await refusal({ config });
    assert.match(message, /^the stack homelab has 2 problems; nothing was changed\./);
    assert.match(message, /larder:nods\n.*\n.*\n.*did you mean nodes\?/);
    assert.match(message, /larder:backup\n/);
  });

  it('tells every contradiction at once', async () => {
    const config = {
      ...homelabConfig(),
      postgres: [{ name: 'main', size: '0', node: 'kube01', dumps: { node: 'kube01', keep: 1 } }],
    };
    const message = await refusal({ config });
    assert.match(message, /has 3 problems/);
    for (const key of ['size', 'dumps', 'dumps.keep'])
      assert.ok(message.includes(`larder:postgres[0].${key}\n`), message);
  });

  it('lists the contexts when the one it is given is not there', async () => {
    const config = homelabConfig();
    const cluster = { ...(config['cluster'] as object), context: 'homelap' };
    const message = await refusal({ config: { ...config, cluster } });
    assert.match(message, /found +homelap, which \S+ does not hold\n +allowed +homelab or other/);
  });

  it('holds the file against the state without a cluster, and tells edits and cluster together', async () => {
    const state = { ...claim('postgres-main', '20Gi'), ...claim('wiki', '1Gi') };
    const message = await refusal({ config: homelabConfig(), state, preview: false });
    assert.match(message, /has 3 problems/);
    assert.match(message, /10Gi, and the volume postgres-main has 20Gi/);
    assert.match(message, /no volume wiki any more/);
    assert.match(message, /homelab, whose cluster cannot be reached/);
  });

  it('refuses a state that lists a claim twice, and names the entry to take out', async () => {
    const declared = claim('postgres-main', '10Gi');
    const [own] = Object.entries(declared);
    assert.ok(own);
    const component = 'urn:pulumi:homelab::larder::larder:index:AppVolume$x::postgres-main-claim';
    const imported = 'urn:pulumi:homelab::larder::x::copy';
    const state = { [component]: own[1], [imported]: own[1] };
    const message = await refusal({ config: homelabConfig(), state });
    assert.match(message, /the stack's state\n +found +the claim apps\/postgres-main twice: /);
    assert.ok(message.includes(`\`pulumi state delete '${imported}' --force --yes\``), message);
    assert.ok(!message.includes(`state delete '${component}'`), message);
  });

  it('refuses an update, and no preview, while the cluster does not answer', async () => {
    const config = homelabConfig();
    assert.ok((await runProgram({ config })).resources.length > 0);
    const message = await refusal({ config, preview: false });
    assert.match(
      message,
      /cannot be reached: .*\n +allowed +a cluster that answers, before the first change/,
    );
  });

  it('waits four seconds for a cluster that accepts and says nothing', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'larder-silent-'));
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    try {
      const { port } = server.address() as AddressInfo;
      const kubeconfig = path.join(folder, 'kubeconfig');
      const content = {
        clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}` } }],
        users: [{ name: 'u', user: {} }],
        contexts: [{ name: 'homelab', context: { cluster: 'c', user: 'u' } }],
      };
      writeFileSync(kubeconfig, stringify(content));
      const config = { ...homelabConfig(), cluster: { context: 'homelab', kubeconfig } };
      const { warnings } = await runProgram({ config });
      assert.match(warnings.join('\n'), /does not answer at https:\S+: no answer within 4 s\./);
      assert.ok(sockets.length > 0, 'the program did connect');
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});
