// Who may import whom: docs/architecture.md says why. test/tidy plants a violation of each rule and
// demands that this file reports it, because dependency-cruiser passes silently when it cannot parse.
const pure = 'volume|store|nbd|peer|backup|control|csi|report';

/** Named friends: the few nouns that may know another noun. */
const friends = {
  // What a member's store can prove (its superblock, its geometry) is what the volume decides by.
  volume: ['store'],
  store: [],
  nbd: [],
  peer: ['volume', 'store'],
  backup: ['store'],
  control: ['volume', 'backup'],
  csi: ['control'],
  report: ['control', 'volume'],
};

const nounRules = Object.entries(friends).map(([noun, allowed]) => ({
  name: `noun-${noun}`,
  comment: `dataplane/${noun} imports base, the types of ports${allowed.length === 0 ? '' : ` and ${allowed.join(', ')}`} only. Cure: return a command and let drive/ carry it out.`,
  severity: 'error',
  from: { path: `^dataplane/${noun}/` },
  to: {
    pathNot: [
      `^dataplane/(${[noun, 'base', ...allowed].join('|')})/`,
      '^dataplane/ports/',
      '^(node:)?(assert|buffer)',
      // The schemas of the objects are types, the check at the door and the CRDs in one.
      ...(noun === 'control' ? ['^node_modules/zod/'] : []),
    ],
  },
}));

export default {
  forbidden: [
    {
      name: 'base-imports-nothing',
      comment:
        'dataplane/base stands at the bottom. Cure: move what you need into base, or your code out of it.',
      severity: 'error',
      from: { path: '^dataplane/base/' },
      to: {
        pathNot: [
          '^dataplane/base/',
          // Of crypto the hash functions alone: the same input gives the same output.
          '^(node:)?(assert|buffer|crypto)',
          'node_modules/(@types/node|crc-32|@node-rs)',
        ],
      },
    },
    ...nounRules,
    {
      name: 'ports-are-interfaces',
      comment:
        'dataplane/ports holds interfaces over base and the types of nouns. Cure: put the code into host/ or drive/.',
      severity: 'error',
      from: { path: '^dataplane/ports/' },
      to: { pathNot: `^dataplane/(ports|base|${pure})/` },
    },
    {
      name: 'drive-knows-no-world',
      comment:
        'dataplane/drive reaches the world through ports. Cure: add what you need to a port and its twin.',
      severity: 'error',
      from: { path: '^dataplane/drive/' },
      to: { pathNot: [`^dataplane/(drive|ports|base|${pure})/`, '^(node:)?(assert|buffer)'] },
    },
    {
      name: 'host-holds-no-rules',
      comment:
        'dataplane/host carries out what it is told: ports, base, types of nouns, node and npm packages. Cure: move the decision into a noun.',
      severity: 'error',
      from: { path: '^dataplane/host/' },
      to: { path: '^(dataplane/(drive|main)|components|policies|lab|test|index)' },
    },
    {
      name: 'components-know-pulumi-only',
      comment:
        'components and index.ts know Pulumi, the CRD types and what is in the image, no data-plane code. Cure: share types through dataplane/control/crds.ts, rules through components/rules.',
      severity: 'error',
      from: { path: '^(components/|index\\.ts)' },
      to: {
        path: '^(dataplane|lab|policies|test|scripts)/',
        pathNot: '^dataplane/(control/crds|container/contents)\\.ts$',
      },
    },
    {
      name: 'component-rules-are-pure',
      comment:
        'components/rules is shared with the policies. Cure: keep Pulumi, files and npm packages out of it.',
      severity: 'error',
      from: { path: '^components/rules/' },
      // The model of a shelf and the arithmetic of sizes are as pure; of the schema, types alone.
      to: {
        pathNot: ['^components/rules/', '^components/config/(shelf/.*|quantity|suggest)[.]ts$'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'policies-stand-alone',
      comment:
        'policies run on any program: @pulumi/policy, their own folder and components/rules only.',
      severity: 'error',
      from: { path: '^policies/' },
      to: {
        pathNot: [
          '^policies/',
          '^components/rules/',
          '^node_modules/@pulumi/(policy|pulumi)/',
          '^(node:)?(assert|fs|path|url)',
        ],
      },
    },
    {
      name: 'nothing-imports-test-or-lab',
      comment:
        'tests and the lab stand outside. Cure: move the shared code to the folder that owns it.',
      severity: 'error',
      from: { pathNot: '^(test|lab|scripts|bench)/' },
      to: { path: '^(test|lab)/' },
    },
    {
      name: 'lab-does-not-import-test',
      comment: 'the lab runs without the tests. Cure: move the helper into lab/.',
      severity: 'error',
      from: { path: '^lab/' },
      to: { path: '^test/' },
    },
    {
      name: 'operator-stands-alone',
      comment:
        'the commands for people read the cluster and are in no image. Cure: move what others need to the folder that owns it.',
      severity: 'error',
      from: { pathNot: '^(operator|test)/' },
      to: { path: '^operator/' },
    },
    {
      name: 'no-cycles',
      comment:
        'a cycle has no first file to read. Cure: move the shared type into a file of its own.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(planted|golden|fixtures)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: new URL('tsconfig.json', import.meta.url).pathname },
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
