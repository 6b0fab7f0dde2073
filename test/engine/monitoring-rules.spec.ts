import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { runbookOf } from '../../components/monitoring/alert.ts';
import { alertGroups } from '../../components/monitoring/alerts.ts';
import { dashboardOf } from '../../components/monitoring/dashboard.ts';
import { ruleFile } from '../../components/monitoring/monitoring.ts';
import { LabFault } from '../../lab/base/fault.ts';
import { labPaths } from '../../lab/base/paths.ts';
import { Progress } from '../../lab/base/progress.ts';
import { ensureTools } from '../../lab/toolchain/toolchain.ts';
import { skip } from '../support/reporter.ts';
import { type AlertSample, watched } from './support/alert-sample.ts';
import { exposition } from '../../dataplane/report/metrics.ts';
import { everyFamily } from './support/alert-samples-dataplane.ts';
import { alertSamples } from './support/alert-samples.ts';

const stack = 'homelab';
const groups = alertGroups(watched);
const alerts = groups.flatMap((group) => group.alerts);

/** The rules as the real promtool reads and evaluates them. */
describe('alert rules under promtool', () => {
  let promtool: string;
  let folder: string;
  before(async function () {
    promtool = await findPromtool(this);
    folder = mkdtempSync(path.join(tmpdir(), 'larder-rules-'));
    write('rules.yaml', ruleFile(groups, stack));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });
  // JSON is YAML.
  const write = (name: string, content: object) =>
    writeFileSync(path.join(folder, name), JSON.stringify(content, undefined, 2));
  const run = (...args: string[]) =>
    execa(promtool, args, { cwd: folder, reject: false, all: true });

  it('are valid, without a finding of its linter', async () => {
    const { exitCode, all } = await run(
      'check',
      'rules',
      '--lint=all',
      '--lint-fatal',
      'rules.yaml',
    );
    assert.equal(exitCode, 0, all);
    assert.match(all ?? '', new RegExp(`SUCCESS: ${alerts.length} rules found`));
  });

  it('have a sample that fires and one that stays silent for each alert', () => {
    const sampled = (fires: boolean) => [
      ...new Set(alertSamples.filter((s) => (s.fires !== undefined) === fires).map((s) => s.alert)),
    ];
    const names = alerts.map(({ name }) => name);
    assert.deepEqual(sampled(true).toSorted(), names.toSorted());
    assert.deepEqual(sampled(false).toSorted(), names.toSorted());
  });

  describe('on their samples', () => {
    // All in two runs, which are quick; one by one only when something is to be explained.
    let together: number | undefined;
    before(async () => {
      const files = intervals.map((interval) => {
        const samples = alertSamples.filter((sample) => intervalOf(sample) === interval);
        write(`samples-${interval}.yaml`, testFile(interval, samples));
        return `samples-${interval}.yaml`;
      });
      ({ exitCode: together } = await run('test', 'rules', ...files));
    });

    for (const [index, sample] of alertSamples.entries())
      it(`${sample.alert} ${sample.fires === undefined ? 'stays silent' : 'fires'} when ${sample.when}`, async () => {
        write(`sample-${index}.yaml`, testFile(intervalOf(sample), [sample]));
        const alone = ['test', 'rules', `sample-${index}.yaml`];
        const { exitCode, all } =
          together === 0 ? { exitCode: together, all: '' } : await run(...alone);
        assert.equal(exitCode, 0, all);
      });
  });

  it('rest on metrics that the data plane writes as Prometheus reads them', async () => {
    const text = exposition(everyFamily());
    const checked = await execa(promtool, ['check', 'metrics'], {
      input: text,
      reject: false,
      all: true,
    });
    assert.equal(checked.exitCode, 0, checked.all);
    const names = everyFamily().map(({ name }) => name);
    const used = JSON.stringify([groups, dashboardOf(stack, watched)]).match(/\blarder_[a-z_]+/g);
    const unknown = used?.filter((name) => !names.includes(name.replace(/_bucket$/, '')));
    assert.deepEqual(unknown, []);
  });

  it('and the panels of the dashboard are valid expressions', async () => {
    const { panels } = dashboardOf(stack, watched) as {
      readonly panels: readonly {
        readonly title: string;
        readonly targets?: readonly { readonly expr: string }[];
      }[];
    };
    const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    assert.ok(exprs.length > 10, String(exprs.length));
    const rules = exprs.map((expr, index) => ({ record: `panel:${index}`, expr }));
    write('panels.yaml', { groups: [{ name: 'panels', rules }] });
    const { exitCode, all } = await run('check', 'rules', 'panels.yaml');
    assert.equal(exitCode, 0, all);
  });
});

const intervals = ['1m', '10m'] as const;
const intervalOf = ({ interval }: AlertSample) => interval ?? '1m';

/** Cases in promtool's own form. */
function testFile(interval: string, samples: readonly AlertSample[]): object {
  return {
    rule_files: ['rules.yaml'],
    evaluation_interval: interval,
    tests: samples.map(({ alert, series, at, fires }) => {
      const declared = alerts.find(({ name }) => name === alert);
      assert.ok(declared, `${alert} is an alert`);
      const labels = { severity: declared.severity, stack };
      const runbook = `docs/runbooks/${runbookOf(declared)}.md`;
      const expected =
        fires === undefined
          ? []
          : [
              {
                exp_labels: { ...fires.labels, ...labels },
                exp_annotations: { summary: fires.summary, runbook_url: runbook },
              },
            ];
      return {
        interval,
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: expected }],
      };
    }),
  };
}

async function findPromtool(context: Mocha.Context): Promise<string> {
  const limitMs = context.timeout();
  // The first run builds it: minutes.
  context.timeout(0);
  try {
    const tools = await ensureTools(['promtool'], {
      progress: new Progress(),
      paths: labPaths(),
      signal: new AbortController().signal,
    });
    return tools.get('promtool')?.path ?? '';
  } catch (error) {
    if (error instanceof LabFault) return skip(context, `needs promtool: ${error.message}`);
    throw error;
  } finally {
    context.timeout(limitMs);
  }
}
