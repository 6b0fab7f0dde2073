/**
 * The matrix of data safety as data: what holds data, what a person may do to it, what comes of it.
 * docs/data-safety.md shows it as a table (test/unit/components/data-safety.spec.ts compares), and
 * every cell is a test in matrix-edits.spec.ts or matrix-accidents.spec.ts.
 *
 * Each cell has a volume or database of its own, so that one update holds all edits of a kind: a
 * refusal tells every problem at once, and each cell looks for its own.
 */

export const kinds = [
  'static volume',
  'dynamic volume',
  'NFS volume',
  'replicated volume',
  'database',
] as const;
export type Kind = (typeof kinds)[number];

/** The tiers of the matrix. Nothing is installed for them: their classes are all that it needs. */
export const tiers: readonly Readonly<Record<string, unknown>>[] = [
  { name: 'local-ssd', engine: 'static' },
  { name: 'local', engine: 'local-path', default: true },
  { name: 'nas', engine: 'nfs', server: 'nas.home', share: '/k8s', ...late() },
  { name: 'copies', engine: 'longhorn', ...late() },
  { name: 'scratch', engine: 'scratch' },
];
export const engines = { nfs: { install: false }, longhorn: { install: false } };

/** Claims wait for a pod that never comes, instead of for a driver that is not there. */
function late() {
  return { binding: 'WaitForFirstConsumer' };
}

/** Where an entry of a kind lives, as its tier is called. */
export const tierOf: Readonly<Record<Kind, string>> = {
  'static volume': 'local-ssd',
  'dynamic volume': 'local',
  'NFS volume': 'nas',
  'replicated volume': 'copies',
  database: 'local-ssd',
};

/** An entry of `larder:volumes` or `larder:postgres`. */
export type Entry = Readonly<Record<string, unknown>> & { readonly name: string };

interface Change {
  readonly kind: Kind;
  /** What the entry has beside name and size before the edit. */
  readonly given?: Readonly<Record<string, unknown>>;
  /** The entry afterwards; undefined when it is taken out. */
  readonly edit: (entry: Entry) => Entry | undefined;
}

/** An edit that would put data aside, and what the refusal must say of it. */
export interface RefusedCell extends Change {
  readonly row: string;
  /** Key of the entry that the refusal names; none when it names the list. */
  readonly key: string | undefined;
  readonly found: (entry: Entry) => string;
  /** How to do it on purpose; part of the refusal's last line. */
  readonly todo: RegExp;
}

/** An edit that changes objects where they are. */
export interface AllowedCell extends Change {
  readonly row: string;
  /** Steps of the engine for the cell's own objects, without the entry's name. */
  readonly steps: readonly string[];
}

const merge = (more: Readonly<Record<string, unknown>>) => (entry: Entry) => ({
  ...entry,
  ...more,
});
const copyFirst = /declare a second (?:volume|database).*retire this one/;
const letGo = /write `retire: true` in it, run `pulumi up`, then remove it/;

/** The object's name: databases put a word before theirs. */
export const volumeOf = (kind: Kind, { name }: Entry) =>
  kind === 'database' ? `postgres-${name}` : name;

const placeIn = (kind: Kind, entry: Entry, disk: string) =>
  `${disk}/larder/volumes/${volumeOf(kind, entry)}`;

/** One row of the matrix: the same edit for several kinds. */
function refused(
  row: string,
  key: string | undefined,
  cells: readonly (readonly [Kind, Change['edit'], (entry: Entry) => string])[],
  todo = copyFirst,
  given: Readonly<Record<string, unknown>> = {},
): RefusedCell[] {
  return cells.map(([kind, edit, found]) => ({ row, key, kind, edit, found, todo, given }));
}

const all = (
  edit: Change['edit'],
  found: (kind: Kind) => (entry: Entry) => string,
  of: readonly Kind[] = kinds,
) => of.map((kind) => [kind, edit, found(kind)] as const);

const placed: readonly Kind[] = ['static volume', 'database'];
const network: readonly Kind[] = ['NFS volume', 'replicated volume'];

export const refusedCells: readonly RefusedCell[] = [
  ...refused(
    'rename',
    undefined,
    all(
      (entry) => ({ ...entry, name: `${entry.name}-new` }),
      (kind) => (entry) => `the volume ${volumeOf(kind, entry)} (`,
    ),
    letGo,
  ),
  ...refused(
    'remove',
    undefined,
    all(
      () => undefined,
      (kind) => (entry) => `no volume ${volumeOf(kind, entry)} any more, which holds up to`,
    ),
    letGo,
  ),
  ...refused(
    'shrink',
    'size',
    all(
      merge({ size: '1Gi' }),
      (kind) => (entry) => `1Gi, and the volume ${volumeOf(kind, entry)} has ${entry['size']}`,
    ),
  ),
  ...refused('grow', 'size', [
    [
      'dynamic volume',
      merge({ size: '9Gi' }),
      (entry) => `9Gi, and the volume ${entry.name} has ${entry['size']}`,
    ],
  ]),
  ...refused('another tier', 'tier', [
    ...all(
      merge({ tier: 'local', node: undefined, disk: undefined }),
      (kind) => (entry) => `local, and the volume ${volumeOf(kind, entry)} has local-ssd`,
      placed,
    ),
    [
      'dynamic volume',
      merge({ tier: 'local-ssd', node: 'kube03', disk: 'nvme' }),
      (entry) => `local-ssd, and the volume ${entry.name} has local`,
    ],
    ...all(
      merge({ tier: 'local' }),
      (kind) => (entry) => `local, and the volume ${entry.name} has ${tierOf[kind]}`,
      network,
    ),
  ]),
  ...refused('another access mode', 'accessMode', [
    ...all(
      merge({ accessMode: 'ReadWriteOncePod' }),
      (kind) => (entry) =>
        `ReadWriteOncePod, and the volume ${volumeOf(kind, entry)} has ReadWriteOnce`,
      ['static volume', 'dynamic volume', ...network],
    ),
  ]),
  ...refused(
    'another namespace',
    'namespace',
    all(
      merge({ namespace: 'elsewhere' }),
      (kind) => (entry) => `elsewhere, and the volume ${volumeOf(kind, entry)} has apps`,
    ),
  ),
  ...refused(
    'another node',
    'node',
    all(
      merge({ node: 'kube03' }),
      (kind) => (entry) =>
        `kube03:${placeIn(kind, entry, '/mnt/nvme')}, and the volume ${volumeOf(kind, entry)} has kube01:${placeIn(kind, entry, '/mnt/nvme')}`,
      placed,
    ),
  ),
  ...refused(
    'another disk',
    'node',
    all(
      merge({ disk: 'ssd' }),
      (kind) => (entry) =>
        `kube01:${placeIn(kind, entry, '/mnt/ssd')}, and the volume ${volumeOf(kind, entry)} has kube01:${placeIn(kind, entry, '/mnt/nvme')}`,
      placed,
    ),
  ),
  ...refused(
    'another mount path of its disk',
    'node',
    all(
      (entry) => entry,
      (kind) => (entry) =>
        `kube02:${placeIn(kind, entry, '/mnt/moved')}, and the volume ${volumeOf(kind, entry)} has kube02:${placeIn(kind, entry, '/mnt/spare')}`,
      placed,
    ),
    copyFirst,
    { node: 'kube02', disk: 'spare' },
  ),
  ...refused('another major version', 'image', [
    [
      'database',
      merge({ image: 'docker.io/library/postgres:17.5-alpine' }),
      (entry) => `PostgreSQL 17 alpine, and the data of ${entry.name} were written by 16 alpine`,
    ],
  ]),
  ...refused('another base image', 'image', [
    [
      'database',
      merge({ image: 'docker.io/library/postgres:16.14-bookworm' }),
      (entry) => `PostgreSQL 16 debian, and the data of ${entry.name} were written by 16 alpine`,
    ],
  ]),
];

const onDisk = ['update -claim', 'update -disk'];

export const allowedCells: readonly AllowedCell[] = [
  { row: 'grow', kind: 'static volume', edit: merge({ size: '9Gi' }), steps: onDisk },
  ...network.map((kind) => ({
    row: 'grow',
    kind,
    edit: merge({ size: '9Gi' }),
    steps: ['update -claim'],
  })),
  {
    row: 'grow',
    kind: 'database',
    edit: merge({ size: '9Gi' }),
    steps: ['update -volume-claim', 'update -volume-disk'],
  },
  {
    row: "edit the StatefulSet's template",
    kind: 'database',
    edit: merge({
      image: 'docker.io/library/postgres:16.10-alpine',
      resources: { memoryLimit: '2Gi' },
    }),
    steps: ['update -server'],
  },
  ...kinds.map(
    (kind): AllowedCell => ({
      row: 'let go of it',
      kind,
      edit: merge({ retire: true }),
      steps: [kind === 'database' ? 'update -volume-claim' : 'update -claim'],
    }),
  ),
];

/** What happens to a whole stack rather than to one entry. Every kind keeps its data. */
export const accidents = [
  'tier: another reclaim policy or default',
  'another kubeconfig of the same cluster',
  '`pulumi import` of a claim that is declared',
  'remove the application, keep the data',
  'interrupt an update half-way',
  'kill an update half-way',
  'two updates at once',
  'lose the state',
  '`pulumi destroy`',
] as const;
export type Accident = (typeof accidents)[number];

/** The name of a cell's own volume or database. */
export function nameOf(kind: Kind, row: string, isRefused: boolean): string {
  const short = {
    'static volume': 's',
    'dynamic volume': 'd',
    'NFS volume': 'n',
    'replicated volume': 'r',
    database: 'p',
  }[kind];
  const words = row
    .toLowerCase()
    .replaceAll(/[^a-z]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return `${short}${isRefused ? '' : 'ok'}-${words}`.slice(0, 28).replace(/-$/, '');
}
