import { deepEqual, match } from 'node:assert/strict';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { postgresOverSqlite } from '../../../policies/rules/postgres-over-sqlite.ts';
import { given, type Inputs, object } from './support/given.ts';
import { messages, verdicts } from './support/judge.ts';
import { app, claim, storageClass } from './support/shapes.ts';

const container = 'spec.template.spec.containers[0]';
const gitea = (env: readonly Inputs[] = []) => app({ image: 'gitea/gitea:1.24.6', env });
const dbType = (value: unknown) => [{ name: 'GITEA__database__DB_TYPE', value }];
const judged = (...resources: Parameters<typeof verdicts>[1]) =>
  verdicts(postgresOverSqlite, resources);

describe('postgres-over-sqlite', () => {
  it('is silent when the application uses PostgreSQL', () => {
    deepEqual(judged(gitea(dbType('postgres')), claim('longhorn')), []);
  });

  const homes: readonly (readonly [string, string, string])[] = [
    ['nfs.csi.k8s.io', 'violation', 'a network file system'],
    ['driver.longhorn.io', 'violation', 'replicated block storage'],
    ['rancher.io/local-path', 'advice', 'a local disk'],
    ['org.democratic-csi.iscsi', 'advice', 'one iSCSI target'],
    ['example.com/mystery', 'advice', 'a driver nobody knows'],
  ];
  for (const [provisioner, level, what] of homes) {
    it(`answers ${level} when the SQLite file lies on ${what}`, () => {
      const found = judged(gitea(), claim('tier'), storageClass('tier', provisioner));
      deepEqual(found, [`${level} ${container}`]);
    });
  }

  it('answers advice when the makers recommend SQLite, on replicated storage', () => {
    const image = 'ghcr.io/home-assistant/home-assistant:2026.11';
    const assistant = app({ image, mountPath: '/config' });
    deepEqual(judged(assistant, claim('longhorn')), [`advice ${container}`]);
    const [text] = messages(postgresOverSqlite, [assistant, claim('longhorn')]);
    match(text ?? '', /The makers of Home Assistant say/);
  });

  it('answers violation for two writers, even on a local disk', () => {
    const two = app({ image: 'gitea/gitea:1.24.6', spec: { replicas: 2 } });
    const surge = app({ image: 'gitea/gitea:1.24.6', spec: { strategy: undefined } });
    const local = [`advice ${container}`];
    deepEqual(judged(two, claim('local-path')), ['violation spec.replicas', ...local]);
    deepEqual(judged(surge, claim('local-path')), ['violation spec.strategy', ...local]);
  });

  it('reads the choice from a Secret of the program and never repeats a URL', () => {
    const image = 'vaultwarden/server:1.34.3';
    const from = (name: string) => [
      { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name, key: 'url' } } },
    ];
    const secret = (url: string) => object('core/v1:Secret', 'apps/db', { stringData: { url } });
    const sees = (url: string) =>
      judged(app({ image, env: from('db') }), claim('longhorn'), secret(url));
    deepEqual(sees('postgresql://vault:geheim@postgres/vault'), []);
    deepEqual(sees('/data/db.sqlite3'), [`violation ${container}`]);
    deepEqual(judged(app({ image, env: from('elsewhere') }), claim('longhorn')), [
      `advice ${container}`,
    ]);
    const resources = [
      app({ image, env: from('db') }),
      claim('longhorn'),
      secret('sqlite:////data/x.db?password=geheim'),
    ];
    const [text = ''] = messages(postgresOverSqlite, resources);
    match(text, /DATABASE_URL says "sqlite:…"/);
    deepEqual(text.includes('geheim'), false);
  });

  it('gives advice that names the variable when its value is unknown during preview', () => {
    deepEqual(judged(gitea(dbType(UNKNOWN)), claim('longhorn')), [`advice ${container}`]);
    const [text] = messages(postgresOverSqlite, [gitea(dbType(UNKNOWN)), claim('longhorn')]);
    match(text ?? '', /the value of GITEA__database__DB_TYPE after the update/);
  });

  it('ignores what is not Kubernetes', () => {
    deepEqual(judged(given('random:index/randomPassword:RandomPassword', 'x', {})), []);
  });
});
