import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { oneOfExactly, runbookOf } from '../../../../components/monitoring/alert.ts';
import { alertGroups } from '../../../../components/monitoring/alerts.ts';
import { ruleFile } from '../../../../components/monitoring/monitoring.ts';
import { repositoryRoot } from '../../../../lab/base/paths.ts';

const folder = path.join(repositoryRoot, 'docs/runbooks');
const read = (name: string) => readFileSync(path.join(folder, `${name}.md`), 'utf8');
const groups = alertGroups({
  nodes: ['a'],
  mounts: [{ path: '/mnt/x', nodes: ['a'] }],
  backups: ['dump-main'],
  dataplane: 'larder-node',
  hasLonghorn: true,
});
const alerts = groups.flatMap((group) => group.alerts);

describe('runbooks', () => {
  const pages = readdirSync(folder)
    .filter((name) => name !== 'README.md')
    .map((name) => name.replace(/\.md$/, ''));

  it('are one for each alert, and one that is called after an alert has one', () => {
    const ofAlerts = pages.filter((page) => /^# Larder[A-Z]/.test(read(page)));
    assert.deepEqual(ofAlerts.toSorted(), alerts.map(runbookOf).toSorted());
  });

  it('are all found in the list', () => {
    for (const page of pages) assert.ok(read('README').includes(`](${page}.md)`), page);
  });

  for (const alert of alerts)
    it(`of ${alert.name} says what it means, where to look, what to do and what never to do`, () => {
      const page = read(runbookOf(alert));
      const severity = alert.severity === 'critical' ? 'Critical' : 'Warning';
      assert.ok(page.startsWith(`# ${alert.name}\n\n**${severity}.** `), page.slice(0, 80));
      for (const heading of ['Look', 'Do', 'Never'])
        assert.match(page, new RegExp(`\n## ${heading}\n\n\\S`));
      assert.ok(
        read('README').includes(`| [${alert.name}](${runbookOf(alert)}.md) | ${alert.severity} |`),
      );
    });
});

describe('alert rules', () => {
  it('link to where the runbooks can be read', () => {
    const at = 'https://git.home/shelf/larder/src/branch/main/docs/runbooks/';
    const urls = ruleFile(groups, 'homelab', at).groups.flatMap(({ rules }) =>
      rules.map(({ annotations }) => annotations['runbook_url']),
    );
    assert.equal(urls[0], `${at}volume-full.md`);
  });

  it('watch nothing that the shelf has not', () => {
    const few = alertGroups({
      nodes: ['a'],
      mounts: [],
      backups: [],
      dataplane: undefined,
      hasLonghorn: false,
    });
    assert.deepEqual(
      few.map(({ name }) => name),
      ['larder-volumes', 'larder-nodes', 'larder-news'],
    );
    assert.doesNotMatch(JSON.stringify(few), /longhorn|cronjob|mountpoint/);
  });

  it('take names and paths literally', () => {
    assert.equal(oneOfExactly(['pi.one', '/mnt/a+b']), String.raw`pi\\.one|/mnt/a\\+b`);
  });
});
