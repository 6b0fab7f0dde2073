import assert from 'node:assert/strict';
import { failed, type RunResult, succeeded } from './support/cli-run.ts';
import {
  type AllowedCell,
  allowedCells,
  engines,
  type Entry,
  type Kind,
  nameOf,
  type RefusedCell,
  refusedCells,
  tierOf,
  tiers,
  volumeOf,
} from './support/matrix-table.ts';
import { TestShelf } from './support/shelf.ts';
import type { StackState } from './support/state.ts';

/**
 * The matrix of data safety, part one: every edit of a volume or a database. One stack holds a
 * volume for each cell; one update tries all forbidden edits, one makes all allowed ones.
 */
const keyOf: Readonly<Record<Kind, string>> = {
  'static volume': 'larder:volumes',
  'dynamic volume': 'larder:volumes',
  'NFS volume': 'larder:volumes',
  'replicated volume': 'larder:volumes',
  database: 'larder:postgres',
};
const noDumps = { dumps: { skip: 'the matrix looks at volumes alone' } };
const usual: Readonly<Record<Kind, object>> = {
  'static volume': { node: 'kube01', disk: 'nvme' },
  'dynamic volume': { tier: tierOf['dynamic volume'] },
  'NFS volume': { tier: tierOf['NFS volume'] },
  'replicated volume': { tier: tierOf['replicated volume'] },
  database: { node: 'kube01', disk: 'nvme', ...noDumps },
};

/** Sizes differ, so that a rename is told by its own size. */
const firstSizeMi = 2049;
const cells = [...refusedCells, ...allowedCells];
const entries = new Map(
  cells.map((cell, index): [RefusedCell | AllowedCell, Entry] => {
    const name = nameOf(cell.kind, cell.row, 'found' in cell);
    return [cell, { name, size: `${firstSizeMi + index}Mi`, ...usual[cell.kind], ...cell.given }];
  }),
);
const entryOf = (cell: RefusedCell | AllowedCell): Entry => {
  const entry = entries.get(cell);
  assert.ok(entry, `${cell.kind}: ${cell.row} has an entry`);
  return entry;
};

const nodes = (spareMount: string) => [
  { name: 'kube01', disks: [{ mount: '/mnt/nvme' }, { mount: '/mnt/ssd' }] },
  { name: 'kube02', disks: [{ mount: '/mnt/nvme' }, { mount: spareMount, name: 'spare' }] },
  { name: 'kube03', disks: [{ mount: '/mnt/nvme' }] },
];

/** The stack file with the edits of some cells made. */
function stackFile(edited: readonly (RefusedCell | AllowedCell)[], spareMount = '/mnt/spare') {
  const of = (key: string) =>
    cells
      .filter(({ kind }) => keyOf[kind] === key)
      .flatMap((cell) => {
        const entry = entryOf(cell);
        const after = edited.includes(cell) ? cell.edit(entry) : entry;
        return after === undefined ? [] : [after];
      });
  return {
    'larder:nodes': nodes(spareMount),
    'larder:tiers': tiers,
    'larder:engines': engines,
    'larder:volumes': of('larder:volumes'),
    'larder:postgres': of('larder:postgres'),
  };
}

/** What a refusal must leave as it was. */
const recognise = ({ resources }: StackState) =>
  resources.map(({ urn, id, protect }) => ({ urn, id, protect }));

/** The problems of a refusal, each as its text. */
const problemsIn = (screen: string) => screen.split(/\n\s*\d+\. (?=larder:)/).slice(1);

describe('data safety: edits', function () {
  // The first hook makes forty volumes; on a quiet machine a minute.
  this.timeout(600_000);

  let shelf: TestShelf;
  let identities: Awaited<ReturnType<TestShelf['everyIdentity']>>;
  before(async function () {
    shelf = await TestShelf.open(this);
    shelf.project.configure(stackFile([]));
    succeeded(await shelf.project.up({ limitMs: 400_000 }));
    identities = await shelf.everyIdentity();
  });
  after(async () => shelf?.[Symbol.asyncDispose]());

  describe('that would put data aside', () => {
    const screens: Record<string, RunResult> = {};
    let state: unknown;
    before(async () => {
      state = recognise(shelf.project.state());
      shelf.project.configure(stackFile(refusedCells, '/mnt/moved'));
      screens['preview'] = failed(await shelf.project.preview());
      screens['up'] = failed(await shelf.project.up());
      shelf.project.configure(stackFile([]));
    });

    for (const cell of refusedCells)
      it(`${cell.kind}: ${cell.row} is refused, and the refusal says how to do it on purpose`, () => {
        const entry = entryOf(cell);
        const found = cell.found(entry);
        for (const [command, { screen }] of Object.entries(screens)) {
          const problem = problemsIn(screen).find((text) => text.includes(`found    ${found}`));
          assert.ok(problem, `${command} says "${found}":\n${screen}`);
          const key = keyOf[cell.kind];
          const place =
            cell.key === undefined ? `${key}\n` : new RegExp(`^${key}\\[\\d+\\]\\.${cell.key}\n`);
          if (typeof place === 'string') assert.ok(problem.startsWith(place), problem);
          else assert.match(problem, place);
          assert.match(problem, cell.todo);
        }
      });

    it('and nothing else is refused, and nothing was changed', async () => {
      for (const { screen, operations } of Object.values(screens)) {
        assert.equal(problemsIn(screen).length, refusedCells.length, screen);
        assert.match(screen, /nothing was changed/);
        assert.deepEqual(operations, []);
      }
      assert.deepEqual(recognise(shelf.project.state()), state);
      assert.deepEqual(await shelf.everyIdentity(), identities);
    });
  });

  /** Only a bound claim can grow, and no driver is there to bind those of networks. */
  async function bindAsDriversWould(): Promise<void> {
    const growing = allowedCells.filter(({ row, kind }) => row === 'grow' && kind !== 'database');
    for (const cell of growing.filter(({ kind }) => kind !== 'static volume'))
      await shelf.bind('apps', entryOf(cell).name, tierOf[cell.kind]);
  }

  describe('that change things where they are', () => {
    let run: RunResult;
    before(async () => {
      await bindAsDriversWould();
      shelf.project.configure(stackFile(allowedCells));
      run = succeeded(await shelf.project.up());
    });

    for (const cell of allowedCells)
      it(`${cell.kind}: ${cell.row} is done in place`, async () => {
        const volume = volumeOf(cell.kind, entryOf(cell));
        const own = run.steps
          .filter(({ op, type }) => op !== 'same' && type.startsWith('kubernetes:'))
          .filter(({ name }) => name.startsWith(`${volume}-`))
          .map(({ op, name }) => `${op} ${name}`)
          .toSorted();
        assert.deepEqual(
          own,
          cell.steps.map((step) => step.replace(' ', ` ${volume}`)),
        );
      });

    it('and every object that holds data is the one it was', async () => {
      assert.deepEqual(await shelf.everyIdentity(), identities);
      assert.deepEqual(
        run.operations.filter((line) => !line.startsWith('update ')),
        [],
      );
    });
  });
});
