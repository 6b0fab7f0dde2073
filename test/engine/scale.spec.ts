/**
 * Many volumes on a real API server, without their data: the real controller in a process of its
 * own, the real agents of twenty nodes with disks in memory, and engines that do to the record what
 * engines do. Prints what docs/limits.md says.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { VolumeObject } from '../../dataplane/control/objects.ts';
import { ReplicaServer } from '../../dataplane/drive/replica.ts';
import { StorageAgent } from '../../dataplane/drive/storage-agent.ts';
import { HostClock } from '../../dataplane/host/clock.ts';
import type { Mirror } from '../../dataplane/ports/objects.ts';
import { grown, inSyncIds, retiringIds, shrunk } from '../../dataplane/volume/record.ts';
import { waitFor } from '../../lab/cluster/wait.ts';
import { skip } from '../support/reporter.ts';
import { FewDisks } from '../unit/dataplane/control/few-disks.ts';
import { type TestApiServer, useApiServer } from './support/api-server.ts';
import type { ControllerUse } from './support/controller-process.ts';
import {
  accessFor,
  type LarderApi,
  useLarderObjects,
  volumeNamed,
} from './support/larder-objects.ts';

const nodeCount = 20;
const volumeCount = 500;
const repairAfterMs = 10_000;
const quietMs = 60_000;
const limitMs = 280_000;
const hint = { hint: 'look at the log of the API server' };
const quiet = { info: () => {}, warn: () => {} };
const nodeNames = Array.from({ length: nodeCount }, (_, index) => `kube${index + 1}`);

describe('500 volumes on 20 nodes', () => {
  let api: TestApiServer;
  let larder: LarderApi;
  let controller: ChildProcess;
  let volumes: Mirror<VolumeObject>;
  const agents = new Map<string, StorageAgent>();
  const lost = new Set<string>();
  let living = true;
  let works = false;
  let again = false;

  before(async function () {
    if (process.env['LARDER_SCALE'] !== '1') {
      skip(this, 'on demand: LARDER_SCALE=1 measures for four minutes');
    }
    api = await useApiServer(this);
    larder = await useLarderObjects(api);
    volumes = larder.objects.volumes.mirror(() => void work());
    const script = path.join(import.meta.dirname, 'support/controller-process.ts');
    const access = JSON.stringify(accessFor(api));
    controller = fork(script, [access, String(repairAfterMs)], { stdio: 'ignore' });
    for (const name of nodeNames) await startNode(name);
  });

  after(() => {
    living = false;
    (controller as ChildProcess | undefined)?.kill('SIGKILL');
    (volumes as Mirror<VolumeObject> | undefined)?.[Symbol.dispose]();
    for (const agent of agents.values()) agent.stop();
  });

  it('are placed, watched for little, and repaired when a node is lost', async function () {
    this.timeout(limitMs * 2);
    const begunMs = performance.now();
    const names = Array.from({ length: volumeCount }, (_, index) => `scale-${index + 1}`);
    await Promise.all(names.map(async (name) => larder.objects.volumes.create(volumeNamed(name))));
    const isSafe = ({ status }: VolumeObject) => status.safety === 'Safe';
    await waitFor('all volumes', async () => every(isSafe), limitMs, hint);
    say('placed and made', `${seconds(begunMs)} s for ${volumeCount}`);

    await attachHalf(names);
    await waitFor('epochs', async () => every(({ status }) => epochOf(status) > 0), limitMs, hint);
    await passing(5_000);
    const before = [await requests(), await use()] as const;
    await passing(quietMs);
    const after = [await requests(), await use()] as const;
    const perHour = (after[0] - before[0]) * (3_600_000 / quietMs);
    say('requests at rest', `${(perHour / volumeCount).toFixed(1)} per volume and hour`);
    say('controller', `${(after[1].rssBytes / 2 ** 20).toFixed(0)} MiB RSS`);
    const percent = ((after[1].cpuMs - before[1].cpuMs) / quietMs) * 100;
    say('controller at rest', `${percent.toFixed(1)} % of a core`);

    const [gone = ''] = nodeNames;
    const hit = (await volumes.all()).filter(has(gone)).length;
    const lostMs = performance.now();
    lost.add(gone);
    agents.get(gone)?.stop();
    void work();
    const isKnown = async () =>
      (await larder.objects.storageNodes.get(gone))?.status.health === 'Unknown';
    await waitFor('the loss to be known', isKnown, limitMs, hint);
    say('a lost node is known', `after ${seconds(lostMs)} s`);
    await detachFrom(gone);
    const fresh = ({ status }: VolumeObject) => status.places.length > 2;
    const added = async () => (await volumes.all()).some(fresh);
    await waitFor('the first copy', added, limitMs, hint);
    say('the first copy elsewhere', `after ${seconds(lostMs)} s, grace ${repairAfterMs / 1000} s`);
    const isWhole = (volume: VolumeObject) => isSafe(volume) && !has(gone)(volume);
    await waitFor('all copies', async () => every(isWhole), limitMs, hint);
    say('all copies elsewhere', `after ${seconds(lostMs)} s, of ${hit} volumes`);
    const last = await use();
    say('controller after that', `${(last.rssBytes / 2 ** 20).toFixed(0)} MiB RSS`);
    assert.ok(perHour / volumeCount < 60, 'less than one request per volume and minute');
  });

  async function every(condition: (volume: VolumeObject) => boolean): Promise<boolean> {
    const found = await volumes.all();
    return found.length === volumeCount && found.every(condition);
  }

  async function startNode(name: string): Promise<void> {
    const disks = [
      { name: 'disk', path: '/mnt/disk', tags: [], reserveBytes: 0, schedulable: true },
    ];
    await larder.objects.storageNodes.create({
      metadata: { name, uid: '', resourceVersion: '' },
      spec: { zone: '', schedulable: true, evacuate: false, disks },
      status: {
        address: '',
        disks: [],
        attach: 'unknown',
        attachReason: '',
        health: 'Unknown',
        message: '',
        copies: 0,
        conditions: [],
        seenAt: '',
      },
    });
    const acceptor = { accept: async () => undefined, close: () => {} };
    const replicas = new ReplicaServer(
      { acceptor, log: quiet, onDefect: assert.ifError },
      { incarnation: name, plants: {} },
    );
    const agent = new StorageAgent(
      {
        objects: larder.objects,
        disks: new FewDisks(),
        clock: new HostClock(),
        log: quiet,
        replicas,
        now: () => new Date().toISOString(),
      },
      { node: name, address: `${name}@10.0.0.1:7480`, attach: 'fuse', attachReason: '' },
    );
    agents.set(name, agent);
    void agent.run();
  }

  /** As the attacher would have it; the other half waits for pods. */
  async function attachHalf(names: readonly string[]): Promise<void> {
    const half = new Set(names.slice(0, names.length / 2));
    for (const volume of await volumes.all()) {
      if (!half.has(volume.metadata.name)) continue;
      const attachedTo = volume.status.places[0]?.node ?? '';
      await larder.objects.volumes.putStatus({
        ...volume,
        status: { ...volume.status, attachedTo },
      });
    }
  }

  /** As fail-over has it: nobody uses them until their pods run elsewhere. */
  async function detachFrom(node: string): Promise<void> {
    const ofNode = ({ status }: VolumeObject) => status.attachedTo === node;
    for (let left = (await volumes.all()).filter(ofNode); left.length > 0; ) {
      for (const volume of left) {
        const status = { ...volume.status, attachedTo: '' };
        const written = await larder.objects.volumes.putStatus({ ...volume, status });
        if (written.kind === 'written') volumes.learn(written.object);
      }
      left = (await volumes.all()).filter(ofNode);
    }
  }

  /** Whenever something has changed, once more for what changed meanwhile. */
  async function work(): Promise<void> {
    again = true;
    if (works) return;
    works = true;
    while (again && living) {
      again = false;
      for (const volume of await volumes.all()) {
        const next = worked(volume);
        if (next === undefined) continue;
        const status = { ...volume.status, record: next };
        const written = await larder.objects.volumes.putStatus({ ...volume, status });
        if (written.kind === 'written') volumes.learn(written.object);
        again = true;
      }
    }
    works = false;
  }

  /** Opens, lets go who is away or asked to leave, and fills those that are there. */
  function worked({ status }: VolumeObject): VolumeObject['status']['record'] {
    const { record, places, attachedTo, tendedBy } = status;
    const on = attachedTo === '' ? tendedBy : attachedTo;
    if (record === undefined || (record.epoch > 0 && (on === '' || lost.has(on)))) return undefined;
    if (record.epoch === 0) {
      return places.every(({ made }) => made) ? { ...record, epoch: 1, writer: 'e' } : undefined;
    }
    const isThere = (member: string) =>
      places.some((at) => at.member === member && at.made && !lost.has(at.node));
    const away = inSyncIds(record).filter((member) => !isThere(member));
    const gone = away.length > 0 ? away : retiringIds(record);
    if (gone.length > 0 && gone.length < inSyncIds(record).length) {
      return shrunk(record, new Set(gone));
    }
    const back = record.members.find((each) => !each.inSync && !each.retiring && isThere(each.id));
    return back === undefined ? undefined : grown(record, back.id);
  }

  /** Answered by the API server about our objects so far, watches not counted. */
  async function requests(): Promise<number> {
    const told = await metrics();
    return [...told.matchAll(/^apiserver_request_total\{([^}]*)\} (\S+)$/gm)]
      .filter(([, labels = '']) => labels.includes('group="larder.dev"'))
      .filter(([, labels = '']) => !labels.includes('verb="WATCH"'))
      .reduce((sum, [, , value]) => sum + Number(value), 0);
  }

  async function metrics(): Promise<string> {
    const { server, caFile, tokenFile } = accessFor(api);
    const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
    const options = { headers: { authorization }, ca: readFileSync(caFile) };
    return new Promise((resolve, reject) => {
      get(`${server}/metrics`, options, (response) => {
        text(response).then(resolve, reject);
      }).on('error', reject);
    });
  }

  async function use(): Promise<ControllerUse> {
    const answer = once(controller, 'message');
    controller.send('use');
    const [found] = (await answer) as [ControllerUse];
    return found;
  }
});

const has = (node: string) => (volume: VolumeObject) =>
  volume.status.places.some((at) => at.node === node);

function epochOf({ record }: VolumeObject['status']): number {
  return record?.epoch ?? 0;
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1000).toFixed(1);
}

/** What is at rest is measured over a time. */
async function passing(forMs: number): Promise<void> {
  const endMs = performance.now() + forMs;
  const isOver = async () => performance.now() >= endMs;
  await waitFor('the time of a measurement', isOver, 2 * forMs, hint);
}

function say(what: string, number: string): void {
  process.stdout.write(`      ${what}: ${number}\n`);
}
