import assert from 'node:assert/strict';
import {
  allowedCells,
  type Cell,
  type Entry,
  entryOf,
  type Kind,
  prefixes,
  type Refusal,
  refusedCells,
  sections,
} from './support/application-matrix.ts';
import { homelabConfig, type ProgramRun, runProgram } from './support/record.ts';
import { holdsData, stateAfter, type Step, stepsBetween } from './support/steps.ts';

const cells = [...refusedCells, ...allowedCells];
const entries = new Map(cells.map((cell, index) => [cell, entryOf(cell, index)]));
const entryOfCell = (cell: Cell): Entry => {
  const entry = entries.get(cell);
  assert.ok(entry, `${cell.kind}: ${cell.row} has an entry`);
  return entry;
};
const volumeOf = (cell: Cell) => `${prefixes[cell.kind]}${entryOfCell(cell).name}`;

/** Of one tier so that a change of its engine is an edit of its own. */
const tiers = [
  { name: 'local-ssd', engine: 'static', disks: ['nvme', 'ssd'] },
  { name: 'local', engine: 'local-path', default: true, disks: ['nvme'] },
  { name: 'one', engine: 'static', disks: ['usb'] },
  { name: 'copies', engine: 'larder', disks: ['nvme'] },
];
const noDumps = { dumps: { skip: 'the matrix looks at volumes alone' } };

/** The stack file with the edits of some cells made. */
function stackFile(edited: readonly Cell[] = [], more: Readonly<Record<string, unknown>> = {}) {
  const of = (section: string) =>
    cells
      .filter(({ kind }) => sections[kind] === section)
      .flatMap((cell) => {
        const entry = entryOfCell(cell);
        const after = edited.includes(cell) ? cell.edit(entry) : entry;
        return after === undefined ? [] : [after];
      });
  const indexes = (kind: Kind) =>
    cells.flatMap((cell, index) => (cell.kind === kind ? [index] : []));
  const small = { size: '1Gi', node: 'kube01', disk: 'nvme' };
  const databases = ['spare', ...indexes('Gitea').map((index) => `db-${index}`)];
  const volumes = ['second', ...indexes('application').map((index) => `vol-${index}`)];
  return {
    ...homelabConfig(),
    nodes: [
      { name: 'kube01', disks: [{ mount: '/mnt/nvme' }, { mount: '/mnt/ssd' }] },
      { name: 'kube02', disks: [{ mount: '/mnt/nvme' }, { mount: '/mnt/usb' }] },
      { name: 'kube03', disks: [{ mount: '/mnt/nvme' }] },
    ],
    tiers,
    images: { dataplane: 'registry.example/larder@sha256:00' },
    volumes: [
      ...of('volumes'),
      ...volumes.map((name) => ({ name, ...small })),
      { name: 'on-one', size: '1Gi', tier: 'one' },
    ],
    postgres: databases.map((name) => ({ name, ...small, ...noDumps })),
    gitea: of('gitea'),
    loki: of('loki'),
    homeAssistant: of('homeAssistant'),
    datasets: of('datasets'),
    apps: of('apps'),
    ...more,
  };
}

const problemsIn = (message: string) => message.split(/\n\s*\d+\. (?=larder:)/).slice(1);

async function refusal(config: Record<string, unknown>, before: ProgramRun): Promise<string> {
  try {
    await runProgram({ config, state: stateAfter(before) });
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the program was to refuse');
}

describe('data safety of applications', () => {
  let made: ProgramRun;
  before(async () => {
    made = await runProgram({ config: stackFile() });
  });

  describe('when an edit would put data aside', () => {
    let message: string;
    before(async () => {
      message = await refusal(stackFile(refusedCells), made);
    });

    for (const cell of refusedCells)
      it(`${cell.kind}: ${cell.row} is refused, and the refusal says how to do it on purpose`, () => {
        const { key, found, todo } = cell.outcome as Refusal;
        const wanted = `found    ${found(volumeOf(cell))}`;
        const own = problemsIn(message).filter((text) => text.includes(wanted));
        const [problem] = own.filter(
          (text) =>
            cell.row !== 'another database' || text.includes(`of ${entryOfCell(cell).name} `),
        );
        assert.ok(problem, `"${wanted}" is said:\n${message}`);
        const list = `larder:${sections[cell.kind]}`;
        if (key === undefined) assert.ok(problem.startsWith(`${list}\n`), problem);
        else assert.match(problem, new RegExp(`^${list}\\[\\d+\\]\\.${key}\n`));
        assert.match(problem, todo);
      });

    it('and nothing else is refused', () => {
      assert.equal(problemsIn(message).length, refusedCells.length, message);
    });
  });

  describe('when an edit changes things where they are', () => {
    let steps: readonly Step[];
    before(async () => {
      const config = stackFile(allowedCells);
      steps = stepsBetween(made, await runProgram({ config, state: stateAfter(made) }));
    });

    for (const cell of allowedCells)
      it(`${cell.kind}: ${cell.row} leaves the data as they are`, () => {
        const { outcome } = cell;
        assert.ok('steps' in outcome);
        const object = `${prefixes[cell.kind]}${entryOfCell(cell).name}`;
        const own = steps.filter(
          ({ resource }) =>
            resource.type.startsWith('kubernetes:') && resource.name.startsWith(`${object}-`),
        );
        for (const { op, resource } of own)
          assert.ok(op === 'update' || !holdsData(resource), `${op} ${resource.name}`);
        if (outcome.word === 'in place')
          assert.deepEqual(
            own.map(({ op, resource }) => `${op} ${resource.name.slice(object.length)}`),
            outcome.steps,
          );
      });

    it('and nothing that holds data is deleted or replaced', () => {
      const touched = steps.filter(({ op, resource }) => op !== 'update' && holdsData(resource));
      assert.deepEqual(
        touched.map(({ op, resource }) => `${op} ${resource.name}`),
        [],
      );
    });
  });

  it('is not lost to another engine under a tier, a static one neither', async () => {
    const others = tiers.map((tier) => {
      if (tier.name === 'one') return { ...tier, engine: 'local-path' };
      return tier.name === 'copies' ? { ...tier, engine: 'local-path', disks: ['nvme'] } : tier;
    });
    const message = await refusal(stackFile([], { tiers: others }), made);
    const engines = problemsIn(message).filter((text) =>
      /^larder:tiers\[\d\]\.engine\n/.test(text),
    );
    assert.equal(engines.length, 2, message);
    const says = (pattern: RegExp) =>
      assert.ok(
        engines.some((text) => pattern.test(text)),
        `${pattern}: ${engines.join('\n')}`,
      );
    says(/on-one on this tier were made by kubernetes.io\/no-provisioner/);
    says(/on this tier were made by csi.larder.dev/);
    for (const problem of engines) assert.match(problem, /declare a second tier with the new one/);
    // The data plane itself would leave with its last tier.
    assert.match(message, /no tier of the engine larder any more, which this stack set up/);
  });

  it('lets a Gitea move to the database that its records were moved to', async () => {
    const cell = refusedCells.find(({ row }) => row === 'another database');
    assert.ok(cell);
    const entry = entryOfCell(cell);
    const moved = {
      ...cell,
      edit: () => ({ ...entry, database: 'spare', movedFrom: entry['database'] }),
    };
    const config = stackFile();
    const gitea = config.gitea.map((each) => (each.name === entry.name ? moved.edit() : each));
    const after = await runProgram({ config: { ...config, gitea }, state: stateAfter(made) });
    const steps = stepsBetween(made, after).map(({ op, resource }) => `${op} ${resource.name}`);
    const object = `gitea-${entry.name}`;
    assert.deepEqual(steps, [`update ${object}-server`, `update ${object}-volume-claim`]);
    // From here on it is the other way that is refused.
    const back = await refusal(stackFile(), after);
    assert.match(back, new RegExp(`${String(entry['database'])}, and the records of .* in spare`));
  });
});
