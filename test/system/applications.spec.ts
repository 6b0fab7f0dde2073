/**
 * Gitea on its database, Loki, and a dataset with its readers, from `pulumi up` on a lab of one
 * node. On demand: Go builds Gitea and Loki for ten minutes the first time.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BatchV1Api, CoreV1Api } from '@kubernetes/client-node';
import { labPaths } from '../../lab/base/paths.ts';
import { Lab, labToolNames, stopLab } from '../../lab/cluster/lab.ts';
import {
  applicationToolNames,
  ensureApplicationImages,
} from '../../lab/images/application-images.ts';
import { ensureImages, imageToolNames } from '../../lab/images/images.ts';
import { homelabStack, labDifferences } from '../../lab/stack/homelab.ts';
import { LocalStack } from '../../lab/stack/local-stack.ts';
import { ensurePulumi } from '../../lab/toolchain/pulumi.ts';
import { ensureTools } from '../../lab/toolchain/toolchain.ts';
import { skip } from '../support/reporter.ts';
import { quietProgress } from './support/test-lab.ts';

const labName = 'larder-apps';
const namespace = 'apps';
const settledMs = 180_000;
const node = 'kube01';

/** What the stack declares beside the homelab's own keys. */
const applications = (toolsImage: string) => ({
  'larder:nodes': [{ name: node, disks: [{ mount: '/mnt/nvme', kind: 'nvme', capacity: '8Gi' }] }],
  'larder:postgres': [
    {
      name: 'forge',
      size: '1Gi',
      database: 'gitea',
      user: 'gitea',
      dumps: { skip: 'a lab that lives for minutes' },
    },
  ],
  'larder:gitea': [{ name: 'forge', size: '1Gi', domain: 'git.home.arpa', database: 'forge' }],
  'larder:loki': [{ name: 'logs', size: '1Gi', retentionDays: 7 }],
  'larder:datasets': [
    {
      name: 'numbers',
      size: '1Gi',
      keep: 0,
      writer: {
        image: toolsImage,
        command: [
          '/bin/sh',
          '-c',
          'date +%s%N >"$OUTPUT/number" && cp "$OUTPUT/number" "$OUTPUT/twin"',
        ],
      },
    },
  ],
  'larder:apps': [
    {
      name: 'reader',
      image: toolsImage,
      user: 1000,
      command: ['/bin/sh', '-c', 'exec sleep infinity'],
      datasets: [{ dataset: 'numbers', path: '/numbers' }],
    },
  ],
});

describe('applications in the lab', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-apps-'));
  const signal = new AbortController().signal;
  const paths = labPaths({ ...process.env, XDG_STATE_HOME: folder, LARDER_LAB: labName });
  let lab: Lab;
  let stack: LocalStack;

  before(async function () {
    this.timeout(1_800_000);
    if (process.getuid?.() !== 0) skip(this, 'needs root: namespaces, mounts, loop devices');
    if (process.env['LARDER_APPLICATIONS'] !== '1')
      skip(this, 'on demand: LARDER_APPLICATIONS=1 builds Gitea and Loki, ten minutes once');
    const context = { progress: quietProgress, paths, signal };
    const names = [...labToolNames, ...imageToolNames, ...applicationToolNames, 'pulumi'] as const;
    const tools = await ensureTools([...names], context);
    const installation = await ensurePulumi(context);
    const images = await ensureImages({ ...context, tools });
    const built = await ensureApplicationImages({ ...context, tools });
    const disks = [{ path: '/mnt/nvme', sizeMiB: 8192 }];
    lab = await Lab.start(
      { name: labName, nodes: [{ name: node, disks }] },
      { ...context, tools, images },
    );
    await lab.importImages([built.gitea, built.loki]);
    stack = new LocalStack({
      stack: homelabStack,
      folder: path.join(folder, 'pulumi'),
      installation,
      signal,
    });
    const own = labDifferences(lab, images);
    await stack.prepare({
      ...own,
      ...applications(images.tools.reference),
      'larder:images': {
        ...(own['larder:images'] as object),
        gitea: built.gitea.reference,
        loki: built.loki.reference,
      },
    });
    const lines: string[] = [];
    // The writer's first run is by hand: the readers wait for a version.
    const up = stack.run(['up', '--yes', '--skip-preview'], (line) => lines.push(line));
    const first = lab.waitFor('the writer of the dataset', () => runJob('write-1'), 600_000);
    await Promise.all([up, first]).catch((error: unknown) => {
      const told = lines.filter((line) => /error|violation|refused|fail|warn/i.test(line));
      throw new Error(told.slice(0, 40).join('\n'), { cause: error });
    });
  });

  after(async () => {
    stack?.[Symbol.dispose]();
    if (process.getuid?.() === 0) await stopLab(paths.state, labName, quietProgress);
    rmSync(folder, { recursive: true, force: true });
  });

  const core = () => lab.kubeConfig.makeApiClient(CoreV1Api);
  const podOf = async (instance: string): Promise<string> => {
    const labelSelector = `app.kubernetes.io/instance=${instance}`;
    const name = await lab.waitFor(
      `a ready pod of ${instance}`,
      async () => {
        const { items } = await core().listNamespacedPod({ namespace, labelSelector });
        const ready = items.find(
          ({ metadata, status }) =>
            metadata?.deletionTimestamp === undefined &&
            status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
        );
        return ready?.metadata?.name;
      },
      settledMs,
    );
    return name;
  };
  const exec = async (pod: string, container: string, command: string): Promise<string> => {
    const ran = await lab.exec({ namespace, pod, container }, ['/bin/sh', '-c', command]);
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    return ran.stdout.trim();
  };
  const replacePod = async (instance: string): Promise<string> => {
    const before = await podOf(instance);
    await core().deleteNamespacedPod({ name: before, namespace });
    return lab.waitFor(
      `another pod of ${instance}`,
      async () => {
        const now = await podOf(instance);
        return now === before ? undefined : now;
      },
      settledMs,
    );
  };

  /** Runs the writer of the dataset once; false while it does not exist or has not ended. */
  async function runJob(name: string): Promise<boolean> {
    const batch = lab.kubeConfig.makeApiClient(BatchV1Api);
    const existing = await batch.readNamespacedJob({ name, namespace }).catch(() => undefined);
    if (existing !== undefined) return existing.status?.succeeded === 1;
    const cronJob = await batch
      .readNamespacedCronJob({ name: 'dataset-numbers-writer', namespace })
      .catch(() => undefined);
    const template = cronJob?.spec?.jobTemplate;
    if (template?.spec === undefined) return false;
    await batch.createNamespacedJob({
      namespace,
      body: { metadata: { name, labels: template.metadata?.labels ?? {} }, spec: template.spec },
    });
    return false;
  }

  const password = `$(cat /tmp/gitea/password)`;
  /** A request to Gitea from inside its own pod, as its administrator. */
  async function gitea(pod: string, what: string, body?: object): Promise<string> {
    const secret = await core().readNamespacedSecret({ name: 'gitea-forge', namespace });
    const key = Buffer.from(secret.data?.['admin-password'] ?? '', 'base64').toString('utf8');
    const data =
      body === undefined ? '' : `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
    return exec(
      pod,
      'gitea',
      `umask 077; printf %s '${key}' >/tmp/gitea/password; curl -fsS -u "larder:${password}" ${data} -X ${what}`,
    );
  }

  it('keeps what was pushed to Gitea when its pod is deleted', async () => {
    const api = 'http://127.0.0.1:3000/api/v1';
    const first = await podOf('gitea-forge');
    await gitea(first, `POST ${api}/user/repos`, { name: 'kept', auto_init: true });
    const content = Buffer.from('precious').toString('base64');
    await gitea(first, `POST ${api}/repos/larder/kept/contents/note`, { content, message: 'note' });
    const second = await replacePod('gitea-forge');
    assert.match(await gitea(second, `GET ${api}/repos/larder/kept/raw/note`), /^precious$/);
    assert.match(
      await exec(
        second,
        'gitea',
        'git -C /var/lib/gitea/git/repositories/larder/kept.git fsck 2>&1; echo whole',
      ),
      /whole$/,
    );
  });

  it('keeps the keys of Gitea in its Secret and none of them in its pod', async () => {
    const pod = await core().readNamespacedPod({ name: await podOf('gitea-forge'), namespace });
    const values = pod.spec?.containers.flatMap(({ env }) => env ?? []) ?? [];
    assert.ok(
      values.every(({ name, value }) => !/SECRET|TOKEN|PASSWD/.test(name) || value === undefined),
    );
  });

  it('keeps the lines that Loki acknowledged when its pod is deleted', async () => {
    const from = await podOf('gitea-forge');
    const ask = (what: string) =>
      exec(from, 'gitea', `curl -fsS http://loki-logs.apps.svc:3100${what}`);
    const stamp = `${Date.now()}000000`;
    const body = JSON.stringify({
      streams: [{ stream: { job: 'test' }, values: [[stamp, 'an acknowledged line']] }],
    });
    await ask(`/loki/api/v1/push -H 'Content-Type: application/json' -d '${body}'`);
    await replacePod('loki-logs');
    const found = await lab.waitFor(
      'Loki to answer',
      async () => {
        const query = `/loki/api/v1/query_range --get --data-urlencode 'query={job="test"}'`;
        const answer = await ask(query).catch(() => '');
        return answer.includes('an acknowledged line') ? answer : undefined;
      },
      settledMs,
    );
    assert.match(found, /an acknowledged line/);
  });

  it('shows readers of a dataset a new version without another pod, and lets the old one go', async () => {
    const pod = await podOf('reader');
    const read = () => exec(pod, 'app', 'cd -P /numbers/current && cat number twin && pwd');
    const [number, twin, where] = (await read()).split('\n');
    assert.equal(number, twin);
    assert.match(where ?? '', /versions\/00000001$/);
    const refused = await lab.exec({ namespace, pod, container: 'app' }, [
      '/bin/sh',
      '-c',
      'touch /numbers/current/x || touch /larder/datasets/numbers/x || rm /numbers/current',
    ]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /Read-only file system/);
    await lab.waitFor('the second version', () => runJob('write-2'), settledMs);
    await lab.waitFor(
      'the reader to see it',
      async () => (await read()).endsWith('versions/00000002'),
      settledMs,
    );
    assert.equal(await podOf('reader'), pod);
  });

  it('changes nothing when it is declared again', async () => {
    const lines: string[] = [];
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], (line) =>
      lines.push(line),
    );
    assert.match(lines.join('\n'), /unchanged/);
  });
});
