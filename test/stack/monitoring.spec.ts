import assert from 'node:assert/strict';
import { stringify } from 'yaml';
import { assertGolden } from './support/golden.ts';
import { homelabConfig, type ProgramRun, runProgram } from './support/record.ts';

/** What the program declares so that a shelf is watched. */
describe('monitoring', () => {
  const declared = async (monitoring: object, more: object = {}) =>
    runProgram({ config: { ...homelabConfig(), monitoring, ...more } });
  const named = ({ resources }: ProgramRun, name: string) =>
    resources.find((resource) => resource.name === name);
  const at = (inputs: unknown, ...path: string[]) =>
    path.reduce<unknown>(
      (value, key) => (value as Record<string, unknown> | undefined)?.[key],
      inputs,
    );

  it('comes as ConfigMaps that any Prometheus and Grafana can read', async () => {
    const run = await declared({});
    const rules = named(run, 'monitoring-rules')?.inputs;
    assert.equal(at(rules, 'metadata', 'namespace'), 'larder-system');
    assert.equal(at(rules, 'metadata', 'labels', 'larder.dev/prometheus'), 'rules');
    const file = JSON.parse(String(at(rules, 'data', 'larder.yaml'))) as object;
    assertGolden('alerts-homelab', stringify(file, { lineWidth: 0 }));
    const dashboard = named(run, 'monitoring-dashboard')?.inputs;
    assert.equal(at(dashboard, 'metadata', 'labels', 'grafana_dashboard'), '1');
    const board = JSON.parse(String(at(dashboard, 'data', 'larder-homelab.json'))) as {
      readonly panels: readonly { readonly title: string }[];
    };
    const titles = board.panels.map(({ title }) => title);
    for (const title of ['Volumes', 'Disks', 'Nodes', 'Backups']) assert.ok(titles.includes(title));
    assert.ok(!titles.includes('Longhorn'));
  });

  it('comes as the kinds of the Prometheus operator when asked for', async () => {
    const run = await declared({
      format: 'prometheus-operator',
      namespace: 'monitoring',
      labels: { release: 'kube-prometheus-stack' },
      runbooks: 'https://git.home/larder/docs/runbooks/',
    });
    const rules = named(run, 'monitoring-rules');
    assert.equal(rules?.type, 'kubernetes:monitoring.coreos.com/v1:PrometheusRule');
    assert.equal(at(rules.inputs, 'metadata', 'namespace'), 'monitoring');
    assert.equal(at(rules.inputs, 'metadata', 'labels', 'release'), 'kube-prometheus-stack');
    assert.match(
      JSON.stringify(rules.inputs['spec']),
      /"runbook_url":"https:\/\/git\.home\/larder\/docs\/runbooks\/volume-full\.md"/,
    );
    assert.equal(named(run, 'monitoring-longhorn'), undefined);
  });

  it('stays away when not wanted', async () => {
    const { resources } = await declared({ format: 'none' });
    assert.deepEqual(
      resources.filter(({ name }) => name.startsWith('monitoring')),
      [],
    );
  });

  it('refuses an address of runbooks that would not lead to them', async () => {
    await assert.rejects(
      declared({ runbooks: 'https://git.home/docs/runbooks' }),
      /larder:monitoring\.runbooks\n +found +"https:\/\/git\.home\/docs\/runbooks"\n +allowed +an address that ends in a slash/,
    );
  });

  it("watches Longhorn's copies where a tier is Longhorn's", async () => {
    const tiers = [
      { name: 'replicated', engine: 'longhorn', default: true },
      { name: 'local-ssd', engine: 'static' },
    ];
    const run = await declared({ format: 'prometheus-operator' }, { tiers });
    const monitor = named(run, 'monitoring-longhorn');
    assert.equal(monitor?.type, 'kubernetes:monitoring.coreos.com/v1:ServiceMonitor');
    assert.match(JSON.stringify(named(run, 'monitoring-rules')?.inputs), /LarderReplicaMissing/);
  });

  it('watches our own replicated volumes where a tier has them', async () => {
    const more = {
      tiers: [
        { name: 'replicated', engine: 'larder', default: true },
        { name: 'local-ssd', engine: 'static' },
      ],
      images: { dataplane: 'registry.example/larder@sha256:00' },
    };
    const run = await declared({ format: 'prometheus-operator' }, more);
    const monitor = named(run, 'monitoring-dataplane');
    assert.equal(monitor?.type, 'kubernetes:monitoring.coreos.com/v1:ServiceMonitor');
    const service = named(run, 'dataplane-metrics-service')?.inputs;
    assert.deepEqual(at(monitor.inputs, 'spec', 'selector', 'matchLabels'), {
      'app.kubernetes.io/name': at(service, 'metadata', 'labels', 'app.kubernetes.io/name'),
    });
    const [port] = at(service, 'spec', 'ports') as { name: string; targetPort: string }[];
    const [endpoint] = at(monitor.inputs, 'spec', 'endpoints') as object[];
    assert.deepEqual(
      [port?.name, at(endpoint, 'port'), at(endpoint, 'scheme')],
      ['metrics', 'metrics', 'https'],
    );
    assert.match(JSON.stringify(named(run, 'monitoring-rules')?.inputs), /LarderVolumeUnreachable/);
  });
});
