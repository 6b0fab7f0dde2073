/** Rules as the policy runtime sees them: levels, configuration, remedies, and what they cost. */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import type {
  Policies,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationArgs,
  StackValidationPolicy,
} from '@pulumi/policy';
import type { GivenResource } from '../../../policies/model/declared.ts';
import { registered } from '../../../policies/registered.ts';
import { rules } from '../../../policies/rules.ts';
import { object } from './support/given.ts';
import { app, claim } from './support/shapes.ts';

type Config = Readonly<Record<string, object>>;

const pack = (today = '2026-11-21'): Policies =>
  registered(rules, { today: () => today, stateBackend: undefined });

function isStack(policy: Policies[number]): policy is StackValidationPolicy {
  return 'validateStack' in policy;
}

/** What the runtime hands over, as far as the pack reads it. */
function argsFor(resources: readonly GivenResource[], config: object): StackValidationArgs {
  return { resources, getConfig: () => config } as unknown as StackValidationArgs;
}

/** One request for each resource and one for the stack, in the order of the runtime. */
function run(
  policies: Policies,
  resources: readonly GivenResource[],
  config: Config = {},
): string[] {
  const reports: string[] = [];
  for (const resource of resources) {
    for (const policy of policies) {
      if (isStack(policy)) continue;
      const args = { ...resource, getConfig: () => config[policy.name] ?? {} };
      void validationOf(policy)(args as unknown as ResourceValidationArgs, (message) =>
        reports.push(`${policy.name}: ${message}`),
      );
    }
  }
  for (const policy of policies) {
    if (!isStack(policy)) continue;
    void policy.validateStack(argsFor(resources, config[policy.name] ?? {}), (message) =>
      reports.push(`${policy.name}: ${message}`),
    );
  }
  return reports;
}

function validationOf(policy: ResourceValidationPolicy) {
  if (typeof policy.validateResource !== 'function') throw new Error(`${policy.name} has no check`);
  return policy.validateResource;
}

const named = (policies: Policies, name: string) => {
  const found = policies.find((policy) => policy.name === name);
  if (found === undefined) throw new Error(`no policy is called ${name}`);
  return found;
};
const gitea = app({ image: 'gitea/gitea:1.24.6' });
const ids = (reports: readonly string[]) => reports.map((report) => report.split(':')[0]);

describe('registered policies', () => {
  it('have a policy for each rule, and one for the advice of those that advise', () => {
    const policies = pack();
    const expected = rules.flatMap((rule) =>
      rule.advises ? [rule.id, `${rule.id}-advice`] : [rule.id],
    );
    deepEqual(
      policies.map((policy) => policy.name),
      expected,
    );
    for (const policy of policies) {
      const rule = rules.find((item) => item.id === policy.name);
      equal(policy.enforcementLevel, rule?.level ?? 'advisory', policy.name);
      match(policy.url ?? '', /^docs\/policies\.md#[a-z-]+$/);
    }
  });

  it('report a violation by the policy and advice by its companion', () => {
    deepEqual(ids(run(pack(), [gitea, claim('longhorn')])), [
      'postgres-over-sqlite',
      'volume-has-backup',
    ]);
    deepEqual(ids(run(pack(), [gitea, claim('mystery')])), [
      'postgres-over-sqlite-advice',
      'volume-has-backup',
    ]);
  });

  it('give advice by the configuration of its policy, unless it has its own', () => {
    const classes = { mystery: 'local' };
    const local = /class mystery \(local by configuration\)/;
    const shared = run(pack(), [gitea, claim('mystery')], { 'postgres-over-sqlite': { classes } });
    match(shared.find((report) => report.startsWith('postgres-over-sqlite-advice')) ?? '', local);
    const own = run(pack(), [gitea, claim('mystery')], {
      'postgres-over-sqlite': { classes },
      'postgres-over-sqlite-advice': { classes: { mystery: 'ephemeral' } },
    });
    match(
      own.find((report) => report.startsWith('postgres-over-sqlite-advice')) ?? '',
      /ephemeral/,
    );
  });

  it('fail with all unknown keys, the known ones and no stack trace', () => {
    const config = { 'one-default-class': { colour: 'red', exemt: {} } };
    throws(
      () => run(pack(), [gitea], config),
      (error: Error) => {
        match(
          error.message,
          /policy one-default-class has "colour", "exemt", which it does not know/,
        );
        match(error.message, /It knows: enforcementLevel, exempt\./);
        equal(error.stack, error.message);
        return true;
      },
    );
  });

  it('judge exemptions by the day they are told', () => {
    const until = object('core/v1:PersistentVolumeClaim', 'apps/data', {
      metadata: {
        annotations: { 'larder.dev/exempt.volume-names-a-class': 'made by hand; until 2026-12-01' },
      },
    });
    const reports = (day: string) =>
      run(pack(day), [until]).filter((report) => report.startsWith('volume-names-a-class'));
    deepEqual(reports('2026-12-01'), []);
    match(
      reports('2026-12-02')[0] ?? '',
      /Not exempt: its exemption ended on 2026-12-01: made by hand/,
    );
  });

  it('read a program anew in every request', () => {
    const policies = pack();
    equal(run(policies, [gitea, claim('longhorn')]).length, 2);
    deepEqual(
      run(policies, [gitea, claim('local-path')]).map((report) => report.split(':')[0]),
      ['postgres-over-sqlite-advice', 'volume-has-backup'],
    );
    deepEqual(run(policies, []), []);
  });
});

describe('remedies', () => {
  const remediate = (name: string, props: object) => {
    const policy = named(pack(), name);
    if (isStack(policy) || policy.remediateResource === undefined) throw new Error('no remedy');
    const token =
      name === 'reclaim-recycle-forbidden' ? 'core/v1:PersistentVolume' : 'apps/v1:StatefulSet';
    const args = {
      type: `kubernetes:${token}`,
      name: 'x',
      urn: 'urn',
      opts: { protect: false },
      props,
      getConfig: () => ({}),
    };
    return policy.remediateResource(args as unknown as ResourceValidationArgs);
  };

  it('change the one field and nothing beside it', () => {
    const spec = { capacity: { storage: '1Gi' }, persistentVolumeReclaimPolicy: 'Recycle' };
    deepEqual(remediate('reclaim-recycle-forbidden', { spec }), {
      spec: { capacity: { storage: '1Gi' }, persistentVolumeReclaimPolicy: 'Retain' },
    });
  });

  it('leave alone what is right', () => {
    const spec = { persistentVolumeReclaimPolicy: 'Retain' };
    equal(remediate('reclaim-recycle-forbidden', { spec }), undefined);
  });

  it('leave alone what is exempt', () => {
    const annotations = { 'larder.dev/exempt.graceful-shutdown': 'a test database' };
    const containers = [{ name: 'db', image: 'mariadb:11' }];
    const spec = { template: { spec: { containers } } };
    equal(remediate('graceful-shutdown', { metadata: { annotations }, spec }), undefined);
  });

  it('make the field where there was none', () => {
    const containers = [{ name: 'db', image: 'mariadb:11' }];
    deepEqual(remediate('graceful-shutdown', { spec: { template: { spec: { containers } } } }), {
      spec: { template: { spec: { containers, terminationGracePeriodSeconds: 120 } } },
    });
  });

  it('are off unless they are asked for', () => {
    for (const policy of pack()) ok(policy.enforcementLevel !== 'remediate', policy.name);
  });
});

describe('pack', () => {
  it('judges 400 resources within three seconds of processor time', () => {
    const resources = Array.from({ length: 200 }, (_, index) => {
      const name = `apps/app-${index}`;
      const env = Array.from({ length: 20 }, (__, nth) => ({ name: `V${nth}`, value: 'a value' }));
      const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: `app-${index}` } }];
      const mounts = [{ name: 'data', mountPath: '/data' }];
      const containers = [{ name: 'app', image: 'gitea/gitea:1.24.6', env, volumeMounts: mounts }];
      return [
        object('apps/v1:Deployment', name, {
          spec: { template: { spec: { containers, volumes } } },
        }),
        object('core/v1:PersistentVolumeClaim', name, { spec: { storageClassName: 'longhorn' } }),
      ];
    }).flat();
    equal(resources.length, 400);
    const before = process.cpuUsage();
    const reports = run(pack(), resources);
    const { user, system } = process.cpuUsage(before);
    ok(reports.length >= 400, 'the pack looked at them');
    ok(user + system < 3_000_000, `it took ${(user + system) / 1000} ms`);
  });
});
