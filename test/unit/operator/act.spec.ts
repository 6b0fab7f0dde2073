import assert from 'node:assert/strict';
import type { StorageNodeObject, VolumeObject } from '../../../dataplane/control/objects.ts';
import { summaryOf } from '../../../dataplane/control/summary.ts';
import type { Clock } from '../../../dataplane/ports/clock.ts';
import { parseArguments } from '../../../operator/arguments.ts';
import { run } from '../../../operator/run.ts';
import { QuickClock } from '../dataplane/control/quick-clock.ts';
import { node, used } from '../dataplane/control/shelf.ts';
import { Listener, MemoryView } from './memory-view.ts';

const nodes = [node('kube1'), node('kube2'), node('kube3')];
const inSync = { inSync: true };

function said(volume: VolumeObject, shelf: readonly StorageNodeObject[] = nodes): VolumeObject {
  return { ...volume, status: { ...volume.status, ...summaryOf(volume, shelf) } };
}

async function larder(
  line: string,
  view: MemoryView,
  person = new Listener(),
  clock: Clock = new QuickClock(),
) {
  const wanted = parseArguments(line.split(' '));
  assert.ok(wanted !== 'help');
  const outcome = await run(wanted, { view, clock, person });
  return { ...outcome, text: outcome.lines.join('\n'), said: person.said.join('\n') };
}

const isMarked = (view: MemoryView, name: string) =>
  view.objects.storageNodes.all.find(({ metadata }) => metadata.name === name)?.spec.evacuate;

/** The controller's part, one step at every look: the copy of `kube2` goes to `kube3`. */
class Mover extends QuickClock {
  readonly #view: MemoryView;
  #steps: ((volume: VolumeObject) => VolumeObject)[];

  constructor(view: MemoryView) {
    super();
    this.#view = view;
    const at = {
      member: 'm3',
      node: 'kube3',
      disk: 'disk',
      made: true,
      leave: false,
      erase: false,
      problem: '',
    };
    const member = { id: 'm3', address: 'kube3@10.0.0.1:7480', inSync: false, departedAt: 0 };
    this.#steps = [
      (volume) => changed(volume, [...volume.status.places, at], (all) => [...all, member]),
      (volume) =>
        changed(
          volume,
          volume.status.places.filter((place) => place.node !== 'kube2'),
          (all) => all.filter(({ id }) => id !== 'm2'),
        ),
    ];
  }

  override after(delayMs: number, callback: () => void): Disposable {
    const step = this.#steps.shift();
    const [volume] = this.#view.objects.volumes.all;
    if (step !== undefined && volume !== undefined) this.#view.objects.volumes.force(step(volume));
    return super.after(delayMs, callback);
  }
}

type Record = NonNullable<VolumeObject['status']['record']>;

function changed(
  volume: VolumeObject,
  places: VolumeObject['status']['places'],
  members: (all: Record['members']) => Record['members'],
): VolumeObject {
  const { record } = volume.status;
  assert.ok(record !== undefined);
  const next = { ...record, members: members(record.members) };
  return { ...volume, status: { ...volume.status, places, record: next } };
}

/** Commands that change something: only what was said, and only when asked to. */
describe("operator's drain", () => {
  const moving = () => new MemoryView(nodes, [said(used('v', { kube1: inSync, kube2: inSync }))]);

  it('says what will happen, asks, and follows until the node is empty', async () => {
    const view = moving();
    const person = new Listener();
    const done = await larder('drain kube2', view, person, new Mover(view));
    assert.match(done.said, /kube2 holds a copy of 1 volume\. .* up to 1 GiB are copied/);
    assert.match(done.said, / {2}v {2}1 GiB {2}to kube3/);
    assert.deepEqual(person.asked, ['Empty kube2?']);
    assert.match(done.said, /v: is being copied to kube3\nv: has left kube2/);
    assert.match(done.text, /kube2 is empty after \d+ s\. It may be switched off/);
    assert.equal(done.code, 0);
    assert.equal(isMarked(view, 'kube2'), true);
  });

  it('changes nothing when the answer is no', async () => {
    const view = moving();
    const done = await larder('drain kube2', view, new Listener(false));
    assert.equal(done.text, 'Nothing was changed.');
    assert.equal(isMarked(view, 'kube2'), false);
    assert.equal(done.code, 1);
  });

  it('changes nothing when nobody can be asked', async () => {
    const view = moving();
    await assert.rejects(larder('drain kube2', view, new Listener('nobody')), {
      hint: /Add --yes/,
    });
    assert.equal(isMarked(view, 'kube2'), false);
  });

  it('does not ask when told not to', async () => {
    const view = moving();
    const person = new Listener(false);
    const done = await larder('drain kube2 --yes --no-wait', view, person);
    assert.deepEqual(person.asked, []);
    assert.equal(isMarked(view, 'kube2'), true);
    assert.equal(done.code, 0);
  });

  it('only follows when it is run again', async () => {
    const view = moving();
    await larder('drain kube2 --yes --no-wait', view);
    const person = new Listener(false);
    const done = await larder('drain kube2', view, person, new Mover(view));
    assert.deepEqual(person.asked, []);
    assert.match(done.text, /kube2 is empty/);
  });

  it('leaves the mark and says how to go on when it is interrupted', async () => {
    const view = moving();
    const person = new Listener();
    const clock = new QuickClock();
    const after = clock.after.bind(clock);
    clock.after = (delayMs, callback) => {
      queueMicrotask(() => {
        person.interrupt.abort();
      });
      return after(delayMs, callback);
    };
    const done = await larder('drain kube2 --yes', view, person, clock);
    assert.equal(done.code, 130);
    assert.match(
      done.text,
      /1 volume still on kube2\. The controller goes on without this command/,
    );
    assert.match(done.text, /drain kube2 --undo/);
    assert.equal(isMarked(view, 'kube2'), true);
  });

  it('takes the mark back, and ends when somebody else does', async () => {
    const view = moving();
    await larder('drain kube2 --yes --no-wait', view);
    const done = await larder('drain kube2 --undo', view);
    assert.equal(isMarked(view, 'kube2'), false);
    assert.match(done.text, /copies that are still there stay/);
    const again = await larder('drain kube2 --undo', view);
    assert.match(again.text, /is not being emptied/);
  });

  it('says before it begins what cannot leave, and why', async () => {
    const two = [node('kube1'), node('kube2')];
    const view = new MemoryView(two, [said(used('v', { kube1: inSync, kube2: inSync }), two)]);
    const done = await larder('drain kube2 --yes --no-wait', view);
    assert.match(
      done.said,
      /v {2}1 GiB {2}no place for its copy: .*kube2 is being emptied.*\. Add a disk/,
    );
    assert.match(done.said, /1 volume cannot leave kube2 as things are/);
  });

  it('tells the reason when the API server does not allow the mark', async () => {
    const view = moving();
    view.answer = { kind: 'refused', message: '403: forbidden' };
    await assert.rejects(larder('drain kube2 --yes', view), /could not be changed: 403: forbidden/);
  });

  it('suggests the node that was perhaps meant', async () => {
    await assert.rejects(larder('drain kube22', moving()), {
      message: 'The cluster shelf has no storage node kube22.',
      hint: /Did you mean kube2\?/,
    });
  });
});

describe("operator's recover", () => {
  const dark = (...names: string[]) =>
    nodes.map((each) =>
      names.includes(each.metadata.name) ? node(each.metadata.name, { health: 'Unknown' }) : each,
    );

  it('has nothing to do for a volume that is safe', async () => {
    const view = new MemoryView(nodes, [said(used('v', { kube1: inSync, kube2: inSync }))]);
    const done = await larder('recover v', view);
    assert.match(done.text, /There is nothing to recover/);
    assert.equal(done.code, 0);
  });

  it('says that a degraded volume goes on by itself', async () => {
    const volume = said(used('v', { kube1: inSync, kube2: { inSync: false } }));
    const done = await larder('recover v', new MemoryView(nodes, [volume]));
    assert.match(done.text, /It works, and goes on by itself: The copy on kube2/);
    assert.equal(done.code, 0);
  });

  it('names every way on when no good copy can be reached, the one that loses nothing first', async () => {
    const shelf = dark('kube1', 'kube2');
    const members = { kube1: inSync, kube2: inSync, kube3: { inSync: false, departedAt: 1 } };
    const volume = said(used('v', members, { attachedTo: 'kube3' }), shelf);
    const done = await larder('recover v', new MemoryView(shelf, [volume]));
    const titles = done.text.split('\n').filter((line) => /^ {2}\d\. /.test(line));
    assert.deepEqual(titles, [
      '  1. Bring back any one of kube1, kube2, with its disk',
      '  2. Read the disk of kube1 in another machine',
      '  3. Read the disk of kube2 in another machine',
      '  4. Restore the newest backup into a new volume',
      '  5. Last resort: take the older bytes of kube3 out',
    ]);
    assert.match(done.text, /\/mnt\/disk\/larder\/replicas\/v\/m1/);
    assert.match(
      done.text,
      /costs {2}everything written since it left the volume \(at departure 1 of 1\)/,
    );
    assert.equal(done.code, 3);
  });

  it('sends to the runbook when a copy doubts the record', async () => {
    const volume = said(used('v', { kube1: inSync, kube2: inSync }));
    const { record } = volume.status;
    assert.ok(record !== undefined);
    const doubted = { ...record, doubt: 'm1 has promised epoch 9' };
    const view = new MemoryView(nodes, [
      { ...volume, status: { ...volume.status, record: doubted } },
    ]);
    const done = await larder('recover v', view);
    assert.match(done.text, /A copy knows more than the record: m1 has promised epoch 9\./);
    assert.match(done.text, /runbooks\/rolled-back\.md/);
    assert.equal(done.code, 3);
  });

  it('offers no copy that was never filled', async () => {
    const shelf = dark('kube1');
    const volume = said(
      used('v', { kube1: inSync, kube3: { inSync: false, departedAt: 0 } }),
      shelf,
    );
    const done = await larder('recover v', new MemoryView(shelf, [volume]));
    assert.doesNotMatch(done.text, /Last resort/);
  });

  it('counts a copy whose disk is gone as out of reach', async () => {
    const volume = said(used('v', { kube1: inSync }, { copies: 1 }));
    const [at] = volume.status.places;
    assert.ok(at !== undefined);
    const places = [{ ...at, problem: 'nothing is mounted at /mnt/disk' }];
    const lost = { ...volume, status: { ...volume.status, places } };
    const done = await larder('recover v', new MemoryView(nodes, [lost]));
    assert.match(done.text, /kube1: nothing is mounted at \/mnt\/disk/);
    assert.match(done.text, /1\. Bring back kube1, with its disk/);
  });

  describe('of a volume that is used on a node that is silent', () => {
    const stuck = () => {
      const shelf = dark('kube1');
      const members = { kube1: inSync, kube2: inSync };
      return new MemoryView(shelf, [said(used('v', members, { attachedTo: 'kube1' }), shelf)]);
    };

    it('explains what to wait for, and what makes it quicker', async () => {
      const done = await larder('recover v', stuck());
      assert.match(done.text, /Its data are there, but kube1, where it is used, is not heard of/);
      assert.match(done.text, /npm run larder -- recover v --node-is-off/);
    });

    it('tells Kubernetes that the node is off, after asking whether it is', async () => {
      const view = stuck();
      const person = new Listener();
      const done = await larder('recover v --node-is-off', view, person);
      assert.deepEqual(person.asked, ['Is kube1 off?']);
      assert.match(done.text, /kubectl taint nodes kube1 .*out-of-service-$/);
      assert.ok(view.clusterNodes.find(({ name }) => name === 'kube1')?.outOfService === true);
    });

    it('calls no node off that is heard of', async () => {
      const view = new MemoryView(nodes, [said(used('v', { kube1: inSync, kube2: inSync }))]);
      await assert.rejects(larder('recover v --node-is-off --yes', view), {
        message: 'kube1, where v is used, is heard of.',
      });
      assert.ok(view.clusterNodes.every(({ outOfService }) => !outOfService));
    });

    it('changes nothing when the answer is no', async () => {
      const view = stuck();
      const done = await larder('recover v --node-is-off', view, new Listener(false));
      assert.equal(done.text, 'Nothing was changed.');
      assert.ok(view.clusterNodes.every(({ outOfService }) => !outOfService));
    });
  });
});
