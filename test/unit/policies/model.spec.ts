/** The model under the rules: laws of its parsers, and reading what cannot be read. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import fc from 'fast-check';
import { exemptionOf } from '../../../policies/exemption.ts';
import { declared, nameOf } from '../../../policies/model/declared.ts';
import { matchesImage, parseImage, versionOf } from '../../../policies/model/image.ts';
import { isWithin } from '../../../policies/model/inventory.ts';
import { bytesOf, shownBytes } from '../../../policies/model/quantity.ts';
import { at, plain, textAt, UNKNOWN } from '../../../policies/model/value.ts';
import { rules } from '../../../policies/rules.ts';
import { given, object } from './support/given.ts';
import { findingsOf } from './support/judge.ts';

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const repository = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const tag = fc.option(fc.stringMatching(/^[a-zA-Z0-9][\w.-]{0,8}$/), { nil: undefined });
const registry = fc.constantFrom('', 'localhost/', 'ghcr.io/', 'registry.local:5000/');
const digest = fc.constantFrom(undefined, `sha256:${'0'.repeat(64)}`);

describe('parseImage', () => {
  it('gives back the parts that a reference was made of', () => {
    fc.assert(
      fc.property(registry, repository, tag, digest, (host, path, label, hash) => {
        const reference = `${host}${path}${label === undefined ? '' : `:${label}`}${hash === undefined ? '' : `@${hash}`}`;
        const image = parseImage(reference);
        equal(image.tag, label);
        equal(image.digest, hash);
        equal(image.repository, path.replace(/^library\//, ''));
        equal(image.registry, host === '' ? 'docker.io' : host.slice(0, -1));
      }),
    );
  });

  const official: readonly (readonly [string, boolean])[] = [
    ['postgres:16', true],
    ['library/postgres', true],
    ['docker.io/library/postgres', true],
    ['mirror.local/dockerhub/library/postgres', true],
    ['me/postgres', false],
    ['postgres-exporter', false],
  ];
  for (const [reference, isOfficial] of official) {
    it(`says that ${reference} is ${isOfficial ? '' : 'not '}the official postgres`, () => {
      equal(matchesImage(parseImage(reference), 'postgres'), isOfficial);
    });
  }

  it('reads the version that a tag begins with', () => {
    deepEqual(versionOf('v16.4-alpine'), [16, 4]);
    deepEqual(versionOf('latest'), []);
  });
});

describe('bytesOf', () => {
  it('reads what shownBytes writes, within the digit that it shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (size) => {
        const shown = bytesOf(shownBytes(size).replace(' bytes', ''));
        ok(shown !== undefined && Math.abs(shown - size) <= size * 0.051 + 1);
      }),
    );
  });

  it('knows decimal and binary units, and nothing else', () => {
    deepEqual(['1Gi', '1G', '1.5Ti', '10', 'lots', '-1Gi', undefined].map(bytesOf), [
      2 ** 30,
      1e9,
      1.5 * 2 ** 40,
      10,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('isWithin', () => {
  it('holds for a folder and everything below it, and not for a longer name', () => {
    fc.assert(
      fc.property(repository, word, (folder, name) => {
        ok(isWithin(`/${folder}`, `/${folder}`));
        ok(isWithin(`/${folder}/${name}`, `/${folder}/`));
        ok(!isWithin(`/${folder}${name}`, `/${folder}`));
      }),
    );
  });
});

describe('plain', () => {
  it('copies any JSON as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // What analysis of a file calls a hidden secret is the one text that is not copied.
        fc.pre(!JSON.stringify(value).includes('[secret]'));
        deepEqual(JSON.stringify(plain(value)), JSON.stringify(value));
      }),
    );
  });

  it('puts UNKNOWN where the runtime throws, and keeps what stands beside it', () => {
    const { fields } = declared(
      given('kubernetes:core/v1:Pod', 'x', { spec: { a: UNKNOWN, list: ['b', UNKNOWN] } }),
    );
    equal(at(fields, 'spec', 'a'), UNKNOWN);
    equal(at(fields, 'spec', 'a', 'deeper'), UNKNOWN);
    equal(at(fields, 'spec', 'list', 1), UNKNOWN);
    equal(textAt(fields, 'spec', 'list', 0), 'b');
    equal(at(fields, 'spec', 'nothing', 'here'), undefined);
  });
});

describe('nameOf', () => {
  it('names what has a namespace by it, and what has none without', () => {
    equal(nameOf(declared(object('apps/v1:Deployment', 'apps/x', {}))), 'Deployment apps/x');
    equal(nameOf(declared(object('core/v1:PersistentVolume', 'x', {}))), 'PersistentVolume x');
    const password = given('random:index/randomPassword:RandomPassword', 'x', {});
    equal(nameOf(declared(password)), 'random:index/randomPassword:RandomPassword x');
  });
});

describe('exemption', () => {
  const policy = 'images-pinned';
  const judged = (text: string, day = '2026-11-21') => {
    const annotations = { [`larder.dev/exempt.${policy}`]: text };
    const exempt = declared(object('core/v1:Pod', 'apps/x', { metadata: { annotations } }));
    return exemptionOf([exempt], policy, new Map(), day);
  };
  const refused = (because: string) => ({ kind: 'refused', because });

  it('counts until the end of its last day', () => {
    deepEqual(judged('a reason; until 2026-11-21'), { kind: 'granted' });
    deepEqual(
      judged('a reason; until 2026-11-20'),
      refused('its exemption ended on 2026-11-20: a reason'),
    );
    deepEqual(judged('a reason; in two parts'), { kind: 'granted' });
  });

  for (const text of ['', '  ', '; until 2030-01-01']) {
    it(`does not count without a reason ("${text}")`, () => {
      deepEqual(judged(text), refused('its exemption gives no reason'));
    });
  }

  for (const day of ['tomorrow', '2026-13-01', '2026-02-30', '26-01-01']) {
    it(`does not count with the day "${day}"`, () => {
      deepEqual(
        judged(`x; until ${day}`),
        refused(`its exemption ends on "${day}", not YYYY-MM-DD`),
      );
    });
  }

  it('may stand in the configuration, by name or by kind and name', () => {
    const bare = declared(object('core/v1:Pod', 'apps/x', {}));
    for (const key of ['x', 'Pod apps/x']) {
      const configured = new Map([[key, 'a reason']]);
      deepEqual(exemptionOf([bare], policy, configured, '2026-11-21'), { kind: 'granted' });
    }
  });

  it('is of one policy only', () => {
    const annotations = { 'larder.dev/exempt.other-policy': 'a reason' };
    const other = declared(object('core/v1:Pod', 'apps/x', { metadata: { annotations } }));
    deepEqual(exemptionOf([other], policy, new Map(), '2026-11-21'), { kind: 'none' });
  });
});

describe('every rule', () => {
  const types = [
    'kubernetes:apps/v1:Deployment',
    'kubernetes:apps/v1:StatefulSet',
    'kubernetes:batch/v1:CronJob',
    'kubernetes:core/v1:ConfigMap',
    'kubernetes:core/v1:Namespace',
    'kubernetes:core/v1:NodePatch',
    'kubernetes:core/v1:PersistentVolume',
    'kubernetes:core/v1:PersistentVolumeClaim',
    'kubernetes:core/v1:Secret',
    'kubernetes:core/v1:Service',
    'kubernetes:helm.sh/v3:Release',
    'kubernetes:k8up.io/v1:Schedule',
    'kubernetes:longhorn.io/v1beta2:RecurringJob',
    'kubernetes:postgresql.cnpg.io/v1:Cluster',
    'kubernetes:storage.k8s.io/v1:StorageClass',
    'kubernetes:velero.io/v1:Schedule',
    'kubernetes:volsync.backube/v1alpha1:ReplicationSource',
    'random:index/randomPassword:RandomPassword',
  ];
  const keys =
    'metadata name namespace labels annotations spec template jobTemplate containers volumes ' +
    'volumeMounts env envFrom image storageClassName volumeClaimTemplates strategy replicas ' +
    'backup restic retain parameters';
  const key = fc.constantFrom(...keys.split(' '));
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(UNKNOWN),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6, depthSize: 'medium' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
    ),
  }));
  const resource = fc
    .tuple(fc.constantFrom(...types), fc.dictionary(key, tree, { maxKeys: 6 }))
    .map(([type, inputs]) => given(type, 'x', inputs));

  it('bears any shape and any unknown value without a crash', () => {
    fc.assert(
      fc.property(fc.array(resource, { maxLength: 6 }), (resources) => {
        for (const rule of rules) findingsOf(rule, resources);
      }),
      { numRuns: 300 },
    );
  });
});
