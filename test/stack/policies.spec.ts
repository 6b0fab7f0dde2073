/** The stacks of this repository under its own policy pack. */
import assert from 'node:assert/strict';
import { reportable } from '../../policies/registered.ts';
import { declared, type GivenResource } from '../../policies/model/declared.ts';
import { World } from '../../policies/model/world.ts';
import { rules } from '../../policies/rules.ts';
import type { Finding, Rule } from '../../policies/rule.ts';
import { houseConfig } from './support/house.ts';
import { homelabConfig, type ProgramRun, runProgram } from './support/record.ts';

const day = '2026-11-21';

function findingsOf(rule: Rule, given: readonly GivenResource[]): readonly Finding[] {
  if (rule.scope === 'object') return given.flatMap((item) => rule.check(declared(item), {}));
  return rule.check(World.of(given, { classes: {} }), {});
}

function givenFrom(run: ProgramRun): readonly GivenResource[] {
  const plain = run.resources.map(({ urn, type, name, inputs, options }) => ({
    resource: { urn, type, name, props: inputs, opts: { protect: options.protect } },
    dependsOn: options.dependsOn,
  }));
  return plain.map(({ resource, dependsOn }) => ({
    ...resource,
    dependencies: plain
      .map((other) => other.resource)
      .filter((other) => dependsOn.includes(other.name)),
  }));
}

function reports(given: readonly GivenResource[], level: Finding['level']): readonly string[] {
  return rules.flatMap((rule) =>
    reportable(rule, level, findingsOf(rule, given), {}, day).map(({ message }) => message),
  );
}

/** The first line of each message, which names the object, the field and what was found. */
const found = (messages: readonly string[]) => messages.map((text) => text.split('\n')[0]);

describe('stack of every application and backup under the policy pack', () => {
  it('takes the word of an owner who wants no dumps', async () => {
    const database = { name: 'play', size: '1Gi', node: 'kube01', dumps: { skip: 'a playground' } };
    const config = { ...homelabConfig(), postgres: [database] };
    assert.deepEqual(found(reports(givenFrom(await runProgram({ config })), 'violation')), []);
  });

  it('violates no policy and earns no advice', async () => {
    const given = givenFrom(await runProgram({ config: houseConfig() }));
    assert.deepEqual(reports(given, 'violation'), []);
    assert.deepEqual(found(reports(given, 'advice')), []);
  });
});

describe('homelab stack under the policy pack', () => {
  let given: readonly GivenResource[] = [];
  before(async () => {
    given = givenFrom(await runProgram({ config: homelabConfig() }));
  });

  it('violates no policy and earns no advice', () => {
    assert.deepEqual([...reports(given, 'violation'), ...reports(given, 'advice')], []);
  });

  it('is seen through: each loss of a safeguard is a violation', () => {
    const without = (gone: (item: GivenResource) => boolean) =>
      found(
        reports(
          given.filter((item) => !gone(item)),
          'violation',
        ),
      );
    const unprotected = given.map((item) => ({ ...item, opts: { protect: false } }));
    assert.match(
      without((item) => item.type.endsWith(':CronJob')).join('\n'),
      /postgres-main, .*nothing in this program backs it up, and it holds the data of PostgreSQL/,
    );
    assert.deepEqual(
      found(reports(unprotected, 'violation')).map((line) => line?.split(',')[0]),
      [
        'PersistentVolume larder-postgres-main',
        'PersistentVolumeClaim apps/postgres-main',
        'Namespace apps',
        'random:index/randomPassword:RandomPassword postgres-main-password',
      ],
    );
  });
});
