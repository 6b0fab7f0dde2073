/**
 * The second half of the matrix of data safety: applications, and volumes of our own data plane. As
 * data: docs/data-safety.md shows it as a table, every cell is a test in
 * matrix-applications.spec.ts. What happens to them is decided by the program, before any engine
 * hears of it, so mocks and the provider's replacement rules are enough; that the engine then does
 * as told is the first half's to prove (test/engine/support/matrix-table.ts).
 *
 * Each cell has an entry of its own, so that one run holds all forbidden edits and one all others.
 */

export const kinds = [
  'Gitea',
  'Loki',
  'Home Assistant',
  'dataset',
  'application',
  'volume of our own',
] as const;
export type Kind = (typeof kinds)[number];

export const sections: Readonly<Record<Kind, string>> = {
  Gitea: 'gitea',
  Loki: 'loki',
  'Home Assistant': 'homeAssistant',
  dataset: 'datasets',
  application: 'apps',
  'volume of our own': 'volumes',
};

/** Of its objects, and of its volume: what comes before the entry's name. */
export const prefixes: Readonly<Record<Kind, string>> = {
  Gitea: 'gitea-',
  Loki: 'loki-',
  'Home Assistant': 'home-assistant-',
  dataset: 'dataset-',
  application: 'app-',
  'volume of our own': '',
};

export type Entry = Readonly<Record<string, unknown>> & { readonly name: string };
type Edit = (entry: Entry) => Entry | undefined;

export interface Cell {
  readonly row: string;
  readonly kind: Kind;
  readonly edit: Edit;
  /** What the entry has before the edit, besides what all of its kind have. */
  readonly given?: Readonly<Record<string, unknown>>;
  readonly outcome: Refusal | Steps;
}

export interface Refusal {
  /** Key of the entry that is named; undefined: the list. */
  readonly key: string | undefined;
  readonly found: (volume: string) => string;
  readonly todo: RegExp;
}

/** What the engine would do to the entry's objects, names without the entry's own. */
interface Steps {
  readonly word: 'in place' | 'kept';
  readonly steps: readonly string[];
}

const merge =
  (more: Readonly<Record<string, unknown>>): Edit =>
  (entry) => ({ ...entry, ...more });
const copyFirst = /declare a second volume.*retire this one/;
const letGo = /write `retire: true` in it, run `pulumi up`, then remove it/;

const placed: readonly Kind[] = ['Gitea', 'Loki', 'Home Assistant', 'dataset'];
const own = 'volume of our own';

function refused(
  row: string,
  of: readonly Kind[],
  edit: Edit,
  outcome: Refusal,
  given: Readonly<Record<string, unknown>> = {},
): Cell[] {
  return of.map((kind) => ({ row, kind, edit, outcome, given }));
}

const place = (disk: string, volume: string) => `${disk}/larder/volumes/${volume}`;
const here = 'kube01:/mnt/nvme';

export const refusedCells: readonly Cell[] = [
  ...refused('rename', [...placed, own], (entry) => ({ ...entry, name: `${entry.name}-new` }), {
    key: undefined,
    found: (volume) => `the volume ${volume} (`,
    todo: letGo,
  }),
  ...refused('remove', [...placed, own], () => undefined, {
    key: undefined,
    found: (volume) => `no volume ${volume} any more, which holds up to`,
    todo: letGo,
  }),
  ...refused('shrink', [...placed, own], merge({ size: '1Gi' }), {
    key: 'size',
    found: (volume) => `1Gi, and the volume ${volume} has `,
    todo: copyFirst,
  }),
  ...refused('another tier', placed, merge({ tier: 'local', node: undefined, disk: undefined }), {
    key: 'tier',
    found: (volume) => `local, and the volume ${volume} has local-ssd`,
    todo: copyFirst,
  }),
  ...refused('another tier', [own], merge({ tier: 'local' }), {
    key: 'tier',
    found: (volume) => `local, and the volume ${volume} has copies`,
    todo: copyFirst,
  }),
  ...refused('another access mode', [own], merge({ accessMode: 'ReadWriteOncePod' }), {
    key: 'accessMode',
    found: (volume) => `ReadWriteOncePod, and the volume ${volume} has ReadWriteOnce`,
    todo: copyFirst,
  }),
  ...refused(
    'another namespace',
    ['Loki', 'Home Assistant', 'dataset', own],
    merge({ namespace: 'elsewhere' }),
    {
      key: 'namespace',
      found: (volume) => `elsewhere, and the volume ${volume} has apps`,
      todo: copyFirst,
    },
  ),
  ...refused('another node', placed, merge({ node: 'kube03' }), {
    key: 'node',
    found: (volume) =>
      `${place('kube03:/mnt/nvme', volume)}, and the volume ${volume} has ${place(here, volume)}`,
    todo: copyFirst,
  }),
  ...refused('another disk', placed, merge({ disk: 'ssd' }), {
    key: 'node',
    found: (volume) =>
      `${place('kube01:/mnt/ssd', volume)}, and the volume ${volume} has ${place(here, volume)}`,
    todo: copyFirst,
  }),
  ...refused('another database', ['Gitea'], merge({ database: 'spare' }), {
    key: 'database',
    found: () => 'spare, and the records of ',
    todo: /restore the newest dump of \S+ into spare, then write `movedFrom: \S+`/,
  }),
];

const grown = ['update -volume-claim', 'update -volume-disk'];

export const allowedCells: readonly Cell[] = [
  ...placed.map(
    (kind): Cell => ({
      row: 'grow',
      kind,
      edit: merge({ size: '9Gi' }),
      outcome: { word: 'in place', steps: grown },
    }),
  ),
  ...placed.map(
    (kind): Cell => ({
      row: 'let go of it',
      kind,
      edit: merge({ retire: true }),
      outcome: { word: 'in place', steps: ['update -volume-claim'] },
    }),
  ),
  {
    row: 'let go of it',
    kind: own,
    edit: merge({ retire: true }),
    outcome: { word: 'in place', steps: ['update -claim'] },
  },
  ...(['Gitea', 'Loki', 'Home Assistant', 'application'] as const).map(
    (kind): Cell => ({
      row: 'another image',
      kind,
      edit: merge({ image: 'registry.example.org/other:9.9.9-rootless' }),
      outcome: { word: 'in place', steps: ['update -server'] },
    }),
  ),
  {
    row: 'another image',
    kind: 'dataset',
    edit: merge({ writer: { image: 'registry.example.org/writer:2' } }),
    outcome: { word: 'in place', steps: ['update -writer'] },
  },
  {
    row: 'another address',
    kind: 'Gitea',
    edit: merge({ domain: 'code.home.arpa' }),
    outcome: { word: 'in place', steps: ['update -server'] },
  },
  {
    row: 'keep less',
    kind: 'Loki',
    edit: merge({ retentionDays: 7 }),
    outcome: { word: 'in place', steps: ['update -config', 'update -server'] },
  },
  {
    row: 'keep less',
    kind: 'dataset',
    edit: merge({ keep: 0 }),
    outcome: { word: 'in place', steps: ['update -collector'] },
  },
  {
    row: 'rename',
    kind: 'application',
    edit: (entry) => ({ ...entry, name: `${entry.name}-new` }),
    outcome: { word: 'kept', steps: [] },
  },
  {
    row: 'remove',
    kind: 'application',
    edit: () => undefined,
    outcome: { word: 'kept', steps: [] },
  },
  {
    row: 'another volume in its place',
    kind: 'application',
    edit: merge({ volumes: [{ volume: 'second', path: '/data' }] }),
    outcome: { word: 'in place', steps: ['update -server'] },
  },
];

/** The entry that a cell begins with. */
export function entryOf(cell: Cell, index: number): Entry {
  const name = `m${index}`;
  const disk = { size: `${2049 + index}Mi`, node: 'kube01', disk: 'nvme' };
  const usual: Readonly<Record<Kind, object>> = {
    Gitea: { ...disk, domain: 'git.home.arpa', database: `db-${index}` },
    Loki: disk,
    'Home Assistant': disk,
    dataset: { ...disk, writer: { image: 'registry.example.org/writer:1' } },
    application: {
      image: 'registry.example.org/app:1.0.0',
      volumes: [{ volume: `vol-${index}`, path: '/data' }],
    },
    'volume of our own': { size: disk.size, tier: 'copies' },
  };
  return { name, ...usual[cell.kind], ...cell.given };
}
