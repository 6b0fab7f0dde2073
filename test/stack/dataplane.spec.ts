import assert from 'node:assert/strict';
import {
  builtImageReference,
  homelabConfig,
  type ProgramRun,
  type Recorded,
  runProgram,
} from './support/record.ts';

const tiers = [
  { name: 'replicated', engine: 'larder', default: true },
  { name: 'local-ssd', engine: 'static' },
];
const images = { dataplane: 'registry.example/larder@sha256:00' };

interface Container {
  readonly name: string;
  readonly securityContext: { readonly privileged?: boolean };
  readonly volumeMounts: readonly { readonly mountPath: string }[];
  readonly ports?: readonly object[];
}

interface Rule {
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

describe('data plane of replicated tiers', () => {
  let run: ProgramRun;
  before(async () => {
    run = await runProgram({ config: { ...homelabConfig(), tiers, images } });
  });

  const ofType = (type: string): Recorded[] =>
    run.resources.filter((resource) => resource.type === type);
  const pods = (type: string) => {
    const [found] = ofType(type).filter(({ name }) => name.startsWith('dataplane'));
    const inputs = found?.inputs as
      | { spec: { template: { spec: { containers: Container[] } } } }
      | undefined;
    return inputs?.spec.template.spec ?? { containers: [] };
  };

  it('protects and keeps what volumes are recorded in', () => {
    const kept = [
      ...ofType('kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition'),
      ...ofType('kubernetes:larder.dev/v1alpha1:StorageNode'),
    ];
    assert.equal(kept.length, 3 + 3);
    for (const { name, options } of kept) {
      assert.equal(options.protect, true, name);
      assert.equal(options.retainOnDelete, true, name);
    }
  });

  it('declares the disks of each node with the tiers that they serve', () => {
    const specs = ofType('kubernetes:larder.dev/v1alpha1:StorageNode').map(
      ({ inputs }) => inputs['spec'],
    );
    const disk = { name: 'nvme', path: '/mnt/nvme', tags: ['replicated'], reserveBytes: 0 };
    assert.deepEqual(
      specs,
      [1, 2, 3].map(() => ({ zone: '', disks: [disk] })),
    );
  });

  it('has one privileged container, and shows disks to the other one only', () => {
    const { containers } = pods('kubernetes:apps/v1:DaemonSet');
    const privileged = containers.filter(({ securityContext }) => securityContext.privileged);
    assert.deepEqual(
      privileged.map(({ name }) => name),
      ['csi'],
    );
    const withDisks = containers.filter(({ volumeMounts }) =>
      volumeMounts.some(({ mountPath }) => mountPath.startsWith('/host/')),
    );
    assert.deepEqual(
      withDisks.map(({ name }) => name),
      ['storage'],
    );
  });

  it('gives the controllers no more than an ordinary user of a container has', () => {
    for (const { name, securityContext } of pods('kubernetes:apps/v1:Deployment').containers) {
      const { privileged = false, ...others } = securityContext;
      assert.equal(privileged, false, name);
      assert.deepEqual(others, {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        readOnlyRootFilesystem: true,
      });
    }
  });

  it('asks for no right on everything, and for one Secret only', () => {
    const roles = ['ClusterRole', 'Role']
      .flatMap((kind) => ofType(`kubernetes:rbac.authorization.k8s.io/v1:${kind}`))
      .filter(({ name }) => name.startsWith('dataplane'));
    assert.equal(roles.length, 4);
    const rules = roles.flatMap(({ inputs }) => inputs['rules'] as Rule[]);
    for (const { resources = [], verbs, resourceNames } of rules) {
      assert.ok(![...resources, ...verbs].includes('*'));
      if (resources.includes('secrets') && !verbs.includes('create')) {
        assert.deepEqual(resourceNames, ['larder-peer-authority']);
      }
    }
  });

  it('shows metrics from containers that are not privileged, and from no other', () => {
    const kinds = ['kubernetes:apps/v1:DaemonSet', 'kubernetes:apps/v1:Deployment'];
    const showing = kinds.flatMap((kind) =>
      pods(kind).containers.filter(({ ports = [] }) => ports.length > 0),
    );
    assert.deepEqual(
      showing.map(({ name, securityContext }) => [name, securityContext.privileged ?? false]),
      [
        ['storage', false],
        ['controller', false],
      ],
    );
  });

  it('lets nobody connect to pods of its Namespace but readers of metrics', () => {
    const policies = ofType('kubernetes:networking.k8s.io/v1:NetworkPolicy').map(
      ({ inputs }) => inputs['spec'],
    );
    assert.deepEqual(policies, [
      { podSelector: {}, policyTypes: ['Ingress'] },
      {
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'larder-controller' } },
        policyTypes: ['Ingress'],
        ingress: [{ ports: [{ protocol: 'TCP', port: 7481 }] }],
      },
    ]);
  });

  describe('with its image built from this checkout', () => {
    const repository = 'registry.home/larder';
    const declared = async (given: object) =>
      runProgram({ config: { ...homelabConfig(), tiers, images: given } });

    it('is built by a command of its own, once for each content, and used by its digest', async () => {
      const { resources } = await declared({ dataplaneRepository: repository });
      const commands = resources.filter(({ type }) => type === 'command:local:Command');
      assert.equal(commands.length, 1);
      const { create, triggers } = { ...commands[0]?.inputs };
      assert.equal(create, `node scripts/run.mjs dataplane/container/build.ts ${repository}`);
      assert.match(JSON.stringify(triggers), /^\["[0-9a-f]{64}"\]$/);
      const nodes = resources.find(({ type }) => type === 'kubernetes:apps/v1:DaemonSet');
      const images = JSON.stringify(nodes?.inputs).match(/"image":"([^"]*)"/g);
      assert.deepEqual(
        images,
        [1, 2].map(() => `"image":"${builtImageReference}"`),
      );
    });

    it('is not built when a finished one is named', () => {
      assert.deepEqual(ofType('command:local:Command'), []);
    });

    it('is refused when both are named', async () => {
      await assert.rejects(
        declared({ ...images, dataplaneRepository: repository }),
        /larder:images\.dataplaneRepository\n +found +a repository to build into, beside a finished image/,
      );
    });

    it('is refused where the repository has a tag, or is no name', async () => {
      await assert.rejects(
        declared({ dataplaneRepository: 'registry.home/larder; rm -rf /' }),
        /larder:images\.dataplaneRepository/,
      );
    });
  });
});
