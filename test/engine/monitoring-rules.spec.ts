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

  for (const [index, sample] of alertSamples.entries())
    it(`${sample.alert} ${sample.fires === undefined ? 'stays silent' : 'fires'} when ${sample.when}`, async () => {
      write(`sample-${index}.yaml`, testFile(sample));
      const { exitCode, all } = await run('test', 'rules', `sample-${index}.yaml`);
      assert.equal(exitCode, 0, all);
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

/** The case in promtool's own form. */
function testFile({ alert, series, at, fires, ...sample }: AlertSample): object {
  const declared = alerts.find(({ name }) => name === alert);
  assert.ok(declared, `${alert} is an alert`);
  const { severity } = declared;
  const expected =
    fires === undefined
      ? []
      : [
          {
            exp_labels: { ...fires.labels, severity, stack },
            exp_annotations: {
              summary: fires.summary,
              runbook_url: `docs/runbooks/${runbookOf(declared)}.md`,
            },
          },
        ];
  return {
    rule_files: ['rules.yaml'],
    evaluation_interval: sample.interval ?? '1m',
    tests: [
      {
        interval: sample.interval ?? '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: expected }],
      },
    ],
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
