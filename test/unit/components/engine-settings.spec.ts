import assert from 'node:assert/strict';
import { bareShelf, problemsIn, type Raw } from './support.ts';

const withLonghorn = (longhorn: Raw): Raw =>
  bareShelf({
    tiers: [{ name: 'safe', engine: 'longhorn', default: true }],
    engines: { longhorn },
  });

interface Refusal {
  readonly when: string;
  readonly longhorn: Raw;
  readonly path: string;
  readonly found: RegExp;
  readonly allowed: RegExp;
  readonly todo: RegExp;
}

const path = 'larder:engines.longhorn';
const refusals: readonly Refusal[] = [
  {
    when: 'the chart would ignore a misspelt setting',
    longhorn: { settings: { guaranteedInstanceManagerCpu: 5 } },
    path: `${path}.settings.guaranteedInstanceManagerCpu`,
    found: /^guaranteedInstanceManagerCpu$/,
    allowed: /1\.12\.1 knows; it ignores all others without a word/,
    todo: /did you mean guaranteedInstanceManagerCPU\?/,
  },
  {
    when: 'a setting resembles none',
    longhorn: { settings: { wombat: true } },
    path: `${path}.settings.wombat`,
    found: /^wombat$/,
    allowed: /a setting that the chart/,
    todo: /^remove it$/,
  },
  {
    when: 'the version does not have a setting yet',
    longhorn: { version: '1.10.1', settings: { nodeDiskHealthMonitoring: true } },
    path: `${path}.settings.nodeDiskHealthMonitoring`,
    found: /which came with Longhorn 1\.12\.1/,
    allowed: /1\.10\.1 knows/,
    todo: /raise `version`/,
  },
  {
    when: 'a setting follows from the shelf',
    longhorn: { settings: { replicaSoftAntiAffinity: true } },
    path: `${path}.settings.replicaSoftAntiAffinity`,
    found: /follows from the rest/,
    allowed: /copies are always on different nodes/,
    todo: /remove it/,
  },
  {
    when: 'the guard against uninstalling shall be taken off',
    longhorn: { settings: { deletingConfirmationFlag: true } },
    path: `${path}.settings.deletingConfirmationFlag`,
    found: /follows from the rest/,
    allowed: /uninstalling Longhorn deletes every volume/,
    todo: /remove it/,
  },
  {
    when: 'a number is out of its range',
    longhorn: { settings: { engineReplicaTimeout: 60 } },
    path: `${path}.settings.engineReplicaTimeout`,
    found: /^60$/,
    allowed: /a number, at least 8, at most 30/,
    todo: /that form/,
  },
  {
    when: 'a flag is written as a text',
    longhorn: { settings: { autoSalvage: 'yes' } },
    path: `${path}.settings.autoSalvage`,
    found: /^"yes"$/,
    allowed: /true or false/,
    todo: /that form/,
  },
  {
    when: 'a choice is none of the words',
    longhorn: { settings: { replicaAutoBalance: 'always' } },
    path: `${path}.settings.replicaAutoBalance`,
    found: /always/,
    allowed: /disabled, least-effort or best-effort/,
    todo: /that form/,
  },
  {
    when: 'a text is written as a number',
    longhorn: { settings: { storageNetwork: 7 } },
    path: `${path}.settings.storageNetwork`,
    found: /^7$/,
    allowed: /a text/,
    todo: /that form/,
  },
  {
    when: 'backups have no target',
    longhorn: { jobs: [{ name: 'daily', task: 'backup', schedule: '0 3 * * *' }] },
    path: `${path}.jobs[0]`,
    found: /daily, a job that makes backups, and no `backupTarget`/,
    allowed: /off this cluster/,
    todo: /backupTarget: \{ url: s3:/,
  },
  {
    when: 'two jobs have one name',
    longhorn: {
      jobs: ['a', 'a'].map((name) => ({ name, task: 'snapshot', schedule: '0 3 * * *' })),
    },
    path: `${path}.jobs[1].name`,
    found: /which larder:engines\.longhorn\.jobs\[0\]\.name is already/,
    allowed: /one job for each name/,
    todo: /another name/,
  },
  {
    when: 'an S3 target has no credentials',
    longhorn: { backupTarget: { url: 's3://bucket@region/' } },
    path: `${path}.backupTarget.secret`,
    found: /nothing, for an S3 target/,
    allowed: /name of a Secret/,
    todo: /AWS_ACCESS_KEY_ID/,
  },
];

describe('set-up of Longhorn', () => {
  for (const refusal of refusals) {
    it(`is refused when ${refusal.when}`, () => {
      const problems = problemsIn(withLonghorn(refusal.longhorn));
      const [first] = problems;
      assert.equal(problems.length, 1, JSON.stringify(problems, undefined, 1));
      assert.equal(first?.path, refusal.path);
      assert.match(first.found, refusal.found);
      assert.match(first.allowed, refusal.allowed);
      assert.match(first.todo, refusal.todo);
    });
  }

  it('is not judged while no tier uses it', () => {
    const engines = { longhorn: { settings: { wombat: 1 } } };
    assert.deepEqual(problemsIn(bareShelf({ engines })), []);
  });

  it('takes an NFS target without credentials, and settings of every type', () => {
    const longhorn = {
      backupTarget: { url: 'nfs://nas.home:/longhorn' },
      settings: {
        autoSalvage: true,
        storageOverProvisioningPercentage: 100,
        nodeDrainPolicy: 'block-for-eviction',
        taintToleration: 'storage=true:NoSchedule',
      },
    };
    assert.deepEqual(problemsIn(withLonghorn(longhorn)), []);
  });
});
