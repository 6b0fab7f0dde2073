/**
 * The policy pack of this repository under the real CLI: what it lets pass, what it stops and when,
 * and the words that people read. The goldens are the screens; `UPDATE_GOLDEN=1` writes them anew.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { repositoryRoot } from '../../lab/base/paths.ts';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import { failed, RunningCommand, type RunResult, succeeded } from './support/cli-run.ts';
import {
  type DeclaredObject,
  declareObjects,
  inCluster,
  kinds,
  stackOn,
  type Values,
} from './support/kubernetes-stack.ts';
import { Project } from './support/project.ts';

const pack = path.join(repositoryRoot, 'policies');
const packs = { policyPacks: [pack] };
const digest = `sha256:${'0'.repeat(64)}`;
const kept = { protect: true, retainOnDelete: true };
const unwaited = { annotations: { 'pulumi.com/skipAwait': 'true' } };

/** A cluster that nobody serves: previews need none. */
const nowhere = stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'nowhere',
  clusters: [{ name: 'nowhere', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'nobody', user: {} }],
  contexts: [{ name: 'nowhere', context: { cluster: 'nowhere', user: 'nobody' } }],
});

interface Choice {
  readonly namespace: string;
  readonly image?: string;
  readonly className?: string;
  readonly dbType?: unknown;
  readonly options?: Values;
}

/** Gitea in a namespace with its claim; right unless a choice says otherwise. */
function gitea(choice: Choice): Readonly<Record<string, DeclaredObject>> {
  const { namespace, options = kept } = choice;
  const env = [{ name: 'GITEA__database__DB_TYPE', value: choice.dbType ?? 'postgres' }];
  const container = {
    name: 'gitea',
    image: choice.image ?? `gitea/gitea:1.24.6@${digest}`,
    env,
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'gitea' } }];
  const labels = { app: 'gitea' };
  return {
    namespace: { kind: 'core.v1.Namespace', args: { metadata: { name: namespace } }, options },
    claim: {
      kind: 'core.v1.PersistentVolumeClaim',
      args: {
        metadata: { ...unwaited, name: 'gitea', namespace },
        spec: {
          storageClassName: choice.className ?? 'longhorn',
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '10Gi' } },
        },
      },
      dependsOn: ['namespace'],
      options,
    },
    gitea: {
      kind: 'apps.v1.Deployment',
      args: {
        metadata: { ...unwaited, name: 'gitea', namespace },
        spec: {
          strategy: { type: 'Recreate' },
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [container], volumes } },
        },
      },
      dependsOn: ['claim'],
    },
  };
}

const wrong = (namespace: string) =>
  gitea({ namespace, image: 'gitea/gitea:latest', dbType: 'sqlite3', options: {} });

function preview(project: Project, resources: Readonly<Record<string, DeclaredObject>>): void {
  const kubeconfig = { $secret: nowhere };
  declareObjects(project, { providers: { k8s: { kubeconfig } }, resources });
}

/** The part of the screen that the policies wrote. */
function policiesPart({ screen }: RunResult): string {
  const lines = screen.split('\n');
  const first = lines.findIndex((line) => line.trim() === 'Policies:');
  assert.notEqual(first, -1, `no policies on the screen:\n${screen}`);
  const rest = lines.slice(first + 1);
  const last = rest.findIndex((line) => /^(Resources|Outputs|Diagnostics|Duration)\b/.test(line));
  const part = last === -1 ? rest : rest.slice(0, last);
  return `Policies:\n${part
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd()}\n`;
}

/** `namespace` is what the test drew; the golden calls it git. */
function assertGolden(name: string, result: RunResult, namespace = 'git'): void {
  const file = path.join(import.meta.dirname, 'golden', `${name}.txt`);
  const part = policiesPart(result)
    .replaceAll(repositoryRoot, '<repository>')
    .replaceAll(namespace, 'git');
  const text = `exit code ${result.code}\n${part}`;
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
  assert.ok(existsSync(file), `${file} is missing: run with UPDATE_GOLDEN=1 and read what it says`);
  assert.equal(text, readFileSync(file, 'utf8'));
}

const policiesOf = ({ violations }: RunResult, level = 'mandatory') =>
  violations
    .filter((found) => found.level === level)
    .map(({ policy }) => policy)
    .toSorted();

/** `pulumi policy analyze` on a file: needs neither stack nor backend. */
function analyze(project: Project, file: string): Promise<RunResult> {
  const { cli, env } = project.installation;
  const eventLog = path.join(project.folder, 'no-events');
  writeFileSync(eventLog, '');
  const args = ['policy', 'analyze', '--policy-pack', pack, '--file', file, '--color', 'never'];
  return new RunningCommand({
    program: cli,
    args: [...args, '--non-interactive'],
    cwd: project.folder,
    env,
    eventLog,
    limitMs: 120_000,
  }).result;
}

describe('policy pack of this repository, in a preview', () => {
  it('lets a right program pass, with advice, when no cluster answers', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    preview(project, gitea({ namespace: 'git' }));
    const result = succeeded(await project.preview(packs));
    assert.deepEqual(policiesOf(result), []);
    assertGolden('policies-good-preview', result);
  });

  it('names every violation at once and fails', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    preview(project, wrong('git'));
    const result = failed(await project.preview(packs));
    assertGolden('policies-bad-preview', result);
  });

  it('ends with one error when the configuration is wrong', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    preview(project, gitea({ namespace: 'git' }));
    const file = path.join(project.folder, 'policy-config.json');
    const configured = async (values: Values) => {
      writeFileSync(file, JSON.stringify(values));
      const run = await project.preview({ ...packs, policyPackConfigs: [file] });
      return failed(run).screen;
    };
    const kind = await configured({ 'postgres-over-sqlite': { classes: { longhorn: 'moon' } } });
    assert.match(kind, /classes\.longhorn must be one of the following: "local", "replicated"/);
    const key = await configured({ 'images-pinned': { exmept: {} } });
    assert.match(key, /policy images-pinned has "exmept", which it does not know/);
    assert.doesNotMatch(key, /at checkedConfig/, 'no stack trace');
    assert.equal(key.match(/which it does not know/g)?.length, 1, key);
  });

  it('takes exemptions from the configuration', async function () {
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    preview(project, gitea({ namespace: 'git', image: 'gitea/gitea:latest' }));
    const file = path.join(project.folder, 'policy-config.json');
    const exempt = { 'Deployment git/gitea': 'the nightly build is what we test here' };
    writeFileSync(file, JSON.stringify({ 'images-pinned': { exempt } }));
    succeeded(await project.preview({ ...packs, policyPackConfigs: [file] }));
  });
});

describe('policy pack of this repository, in an update', () => {
  let api: TestApiServer;
  before(async function () {
    api = await useApiServer(this);
  });

  it('makes nothing when the preview before it finds a violation', async function () {
    const name = api.uniqueName('policies-stop');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    declareObjects(project, stackOn(api, wrong(name)));
    const result = failed(await project.up({ ...packs, previewFirst: true }));
    assert.ok(policiesOf(result).includes('postgres-over-sqlite'), result.screen);
    assert.equal(await inCluster(api, kinds.namespace, '', name), undefined);
  });

  it('stops an object before it is made when the preview was skipped', async function () {
    const name = api.uniqueName('policies-object');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    declareObjects(project, stackOn(api, wrong(name)));
    const result = failed(await project.up(packs));
    assert.ok(policiesOf(result).includes('images-pinned'), result.screen);
    assert.equal(await inCluster(api, kinds.deployment, name, 'gitea'), undefined);
    assertGolden('policies-bad-up', result, name);
  });

  it('gives advice on what a preview cannot know, and the verdict in the update', async function () {
    const name = api.uniqueName('policies-unknown');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const dbType = { $unknown: 'sqlite3' };
    declareObjects(project, stackOn(api, gitea({ namespace: name, dbType })));
    const before = succeeded(await project.preview(packs));
    const advice = before.violations.find(({ policy }) => policy === 'postgres-over-sqlite-advice');
    assert.match(advice?.message ?? '', /the value of GITEA__database__DB_TYPE after the update/);
    const after = failed(await project.up(packs));
    assert.deepEqual(policiesOf(after), ['postgres-over-sqlite', 'volume-has-backup']);
  });

  it('corrects what is beyond doubt at level remediate', async function () {
    const name = api.uniqueName('policies-remedy');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    const file = path.join(project.folder, 'policy-config.json');
    writeFileSync(file, JSON.stringify({ 'reclaim-recycle-forbidden': 'remediate' }));
    const volume = {
      kind: 'core.v1.PersistentVolume',
      args: {
        metadata: { ...unwaited, name },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          persistentVolumeReclaimPolicy: 'Recycle',
          hostPath: { path: '/mnt/ssd/x' },
        },
      },
      options: kept,
    };
    declareObjects(project, stackOn(api, { volume }));
    assert.deepEqual(policiesOf(failed(await project.up(packs))), ['reclaim-recycle-forbidden']);
    const result = succeeded(await project.up({ ...packs, policyPackConfigs: [file] }));
    assert.deepEqual(result.remediations, ['reclaim-recycle-forbidden']);
    const kind = { group: '', version: 'v1', kind: 'PersistentVolume' };
    const made = await inCluster(api, kind, '', name);
    const spec = made?.['spec'] as Values | undefined;
    assert.equal(spec?.['persistentVolumeReclaimPolicy'], 'Retain');
  });

  it('lets a right program come up, and judges its exported state', async function () {
    const name = api.uniqueName('policies-up');
    await using project = await Project.open(this, { fixture: 'kubernetes' });
    declareObjects(project, stackOn(api, gitea({ namespace: name })));
    const up = succeeded(await project.up(packs));
    assert.ok(up.operations.includes('create gitea'), up.screen);
    assertGolden('policies-good-up', up, name);
    const analyzed = async (change: (text: string) => string) => {
      const exported = succeeded(await project.pulumi(['stack', 'export'])).stdout;
      const file = path.join(project.folder, 'exported.json');
      writeFileSync(file, change(exported));
      return analyze(project, file);
    };
    assert.equal((await analyzed((text) => text)).code, 0);
    const bad = await analyzed((text) => text.replaceAll('"postgres"', '"sqlite3"'));
    assert.match(
      failed(bad).screen,
      /Gitea uses SQLite \(GITEA__database__DB_TYPE says "sqlite3"\)/,
    );
  });
});
