/** Policies about what runs: archived projects, privileges, secrets, resources, time to stop. */
import { deepEqual, equal } from 'node:assert/strict';
import { declared } from '../../../policies/model/declared.ts';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { gracefulShutdown } from '../../../policies/rules/graceful-shutdown.ts';
import { noArchivedProjects } from '../../../policies/rules/no-archived-projects.ts';
import { secretsNotInConfig } from '../../../policies/rules/secrets-not-in-config.ts';
import { storageDaemonsHaveResources } from '../../../policies/rules/storage-daemons-have-resources.ts';
import { storagePodSecurity } from '../../../policies/rules/storage-pod-security.ts';
import { describePolicy } from './support/cases.ts';
import { type Inputs, object } from './support/given.ts';
import { messages } from './support/judge.ts';
import { app, storageClass } from './support/shapes.ts';

const container = 'spec.template.spec.containers[0]';
const image = [`violation ${container}.image`];

describePolicy(noArchivedProjects, [
  ['it runs Longhorn', [app({ image: 'longhornio/longhorn-manager:v1.10' })], []],
  ['it runs MinIO', [app({ image: 'quay.io/minio/minio:RELEASE.2025' })], image],
  ['it runs MinIO by Bitnami', [app({ image: 'bitnami/minio:2025' })], image],
  ['it runs the client of MinIO', [app({ image: 'minio/mc:RELEASE.2025' })], []],
  ['it runs cStor', [app({ image: 'openebs/cstor-pool:2.12' })], image],
  ['it runs Jiva', [app({ image: 'openebs/jiva:3.6' })], image],
  ['it runs Mayastor', [app({ image: 'openebs/mayastor-io-engine:v2' })], []],
  ['a class is cStor’s', [storageClass('x', 'cstor.csi.openebs.io')], ['violation provisioner']],
  ['a class is LocalPV’s', [storageClass('x', 'openebs.io/local')], []],
  [
    'an object is cStor’s',
    [object('cstor.openebs.io/v1:CStorPoolCluster', 'openebs/x', {})],
    ['violation kind'],
  ],
  [
    'a chart is MinIO’s',
    [object('helm.sh/v4:Chart', 'x/minio', { chart: 'oci://registry/minio' })],
    ['violation chart'],
  ],
]);

const namespace = (name: string, level?: string) =>
  object('core/v1:Namespace', name, {
    metadata: {
      labels: level === undefined ? {} : { 'pod-security.kubernetes.io/enforce': level },
    },
  });
const privileged = (securityContext: Inputs) =>
  app({ image: 'x/y:1', container: { securityContext } });
const daemon = object('apps/v1:DaemonSet', 'longhorn-system/manager', {
  spec: {
    template: {
      spec: {
        containers: [
          { name: 'exporter', image: 'prom/exporter:v1' },
          {
            name: 'manager',
            image: 'longhornio/longhorn-manager:v1.10',
            securityContext: { privileged: true },
          },
        ],
      },
    },
  },
});
const enforce = 'metadata.labels[pod-security.kubernetes.io/enforce]';

describePolicy(storagePodSecurity, [
  ['an application asks for nothing', [namespace('apps', 'baseline'), app({ image: 'x/y:1' })], []],
  ['the storage says what it needs', [namespace('longhorn-system', 'privileged'), daemon], []],
  ['the storage says nothing', [namespace('longhorn-system'), daemon], [`advice ${enforce}`]],
  ['applications may be privileged', [namespace('apps', 'privileged')], [`violation ${enforce}`]],
  [
    'the namespace is listed',
    [namespace('apps', 'privileged'), privileged({ privileged: true })],
    [],
    { privilegedNamespaces: ['apps'] },
  ],
  [
    'an application is privileged',
    [privileged({ privileged: true })],
    [`violation ${container}.securityContext.privileged`],
  ],
  [
    'an application adds SYS_ADMIN',
    [privileged({ capabilities: { add: ['SYS_ADMIN', 'CHOWN'] } })],
    [`violation ${container}.securityContext.capabilities.add`],
  ],
  ['an application adds less', [privileged({ capabilities: { add: ['NET_BIND_SERVICE'] } })], []],
  [
    'an application sees the processes of the node',
    [app({ image: 'x/y:1', pod: { hostPID: true } })],
    ['violation spec.template.spec.hostPID'],
  ],
  [
    'an application uses the network of the node',
    [app({ image: 'x/y:1', pod: { hostNetwork: true } })],
    [],
  ],
]);

const variable = (name: string, value: unknown) => [
  app({ image: 'x/y:1', env: [{ name, value }] }),
];
const config = (data: Inputs) => [object('core/v1:ConfigMap', 'apps/config', { data })];
const inClear = [`violation ${container}.env[0].value`];

describePolicy(secretsNotInConfig, [
  ['a variable is a password', variable('POSTGRES_PASSWORD', 'hunter2x'), inClear],
  ['a variable is a token', variable('API_TOKEN', 'abcdef123456'), inClear],
  ['a variable is a key in camel case', variable('adminPassword', 'hunter2x'), inClear],
  ['a variable is a URL with a password', variable('URL', 'postgres://me:hunter2@db/x'), inClear],
  ['a URL has no password', variable('DATABASE_URL', 'postgres://me@db/x'), []],
  ['a URL takes its password from a variable', variable('URL', 'postgres://me:$(PW)@db/x'), []],
  [
    'a password comes from a Secret',
    [
      app({
        image: 'x/y:1',
        env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } }],
      }),
    ],
    [],
  ],
  ['a password comes from a file', variable('POSTGRES_PASSWORD_FILE', '/run/secrets/x'), []],
  ['a password is a path', variable('PASSWORD', '/run/secrets/x'), []],
  ['a password is empty', variable('PASSWORD', ''), []],
  ['it is about passwords', variable('PASSWORD_MIN_LENGTH', '12'), []],
  ['it is a number', variable('MAX_TOKEN', '4096'), []],
  ['it is a switch', variable('REQUIRE_PASSWORD', 'true'), []],
  ['it refers to a variable', variable('PASSWORD', '$(OTHER)'), []],
  ['it is known only after the update', variable('PASSWORD', UNKNOWN), []],
  [
    'a ConfigMap holds a private key',
    config({ 'tls.key': '-----BEGIN PRIVATE KEY-----\nx' }),
    ['violation data[tls.key]'],
  ],
  ['a ConfigMap holds a certificate', config({ 'tls.crt': '-----BEGIN CERTIFICATE-----\nx' }), []],
  ['a ConfigMap holds a password', config({ password: 'hunter2x' }), ['violation data[password]']],
  [
    'a ConfigMap holds a URL with a password',
    config({ 'app.ini': 'url = http://a:b@c/' }),
    ['violation data[app.ini]'],
  ],
  [
    'a ConfigMap holds settings',
    config({ 'app.ini': 'token_ttl = 5\npassword = ${PASSWORD}' }),
    [],
  ],
  ['it is a Secret', [object('core/v1:Secret', 'apps/x', { stringData: { password: 'x' } })], []],
]);

describe('secrets-not-in-config, messages', () => {
  it('never repeat what they found', () => {
    const texts = [
      ...messages(secretsNotInConfig, variable('POSTGRES_PASSWORD', 'hunter2x')),
      ...messages(secretsNotInConfig, variable('URL', 'postgres://me:hunter2x@db/x')),
      ...messages(secretsNotInConfig, config({ password: 'hunter2x' })),
    ];
    equal(texts.length, 3);
    equal(
      texts.some((text) => text.includes('hunter2x')),
      false,
    );
  });
});

const complete = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } };
const engine = (resources: Inputs) =>
  app({ image: 'longhornio/longhorn-manager:v1', kind: 'DaemonSet', container: { resources } });
const resources = [`violation ${container}.resources`];

describePolicy(storageDaemonsHaveResources, [
  ['all is set', [engine(complete)], []],
  ['nothing is set', [engine({})], resources],
  ['the CPU request is missing', [engine({ ...complete, requests: { memory: '1Mi' } })], resources],
  ['the memory limit is missing', [engine({ ...complete, limits: { cpu: '1' } })], resources],
  ['there is no CPU limit', [engine(complete)], []],
  ['it is an application', [app({ image: 'x/y:1' })], []],
]);

const grace = (name: string, seconds: unknown, claimName: string | null = 'data') => [
  app({ image: name, claimName, pod: { terminationGracePeriodSeconds: seconds } }),
];
const field = 'spec.template.spec.terminationGracePeriodSeconds';
const short = [`violation ${field}`];

describePolicy(gracefulShutdown, [
  ['a database has two minutes', grace('mariadb:11', 120), []],
  ['a database has one minute', grace('mariadb:11', 60), []],
  ['a database has 59 seconds', grace('mariadb:11', 59), short],
  ['a database has what Kubernetes gives', grace('mariadb:11', undefined), short],
  ['a cache has what Kubernetes gives', grace('redis:8', undefined), []],
  ['a pod with a claim is killed at once', grace('x/y:1', 0), short],
  [
    'a pod without a claim is killed at once',
    [app({ image: 'x/y:1', pod: { terminationGracePeriodSeconds: 0, volumes: [] } })],
    [],
  ],
  ['it is known only after the update', grace('mariadb:11', UNKNOWN), []],
  [
    'a storage engine has what Kubernetes gives',
    grace('longhornio/longhorn-engine:v1', undefined),
    short,
  ],
]);

describe('graceful-shutdown, remedy', () => {
  it('gives two minutes', () => {
    const [short1] = grace('mariadb:11', 5);
    if (short1 === undefined) throw new Error('the case declares one workload');
    deepEqual(gracefulShutdown.remedy?.(declared(short1), {}), [
      { path: field.split('.'), value: 120 },
    ]);
  });
});
