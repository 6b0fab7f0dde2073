/**
 * What to do about the lab that is there: go on with it, start its processes anew over its data, or
 * remove it because other options are asked for. Afterwards there is a record, and what it names is
 * either running as recorded or not running at all.
 */
import { existsSync } from 'node:fs';
import type { LabPaths } from '../base/paths.ts';
import type { Progress } from '../base/progress.ts';
import { Cgroups } from './cgroups.ts';
import { loopDeviceNumbers } from './machine.ts';
import { networkName } from './node-power.ts';
import { type LabOptions, sameLab } from './options.ts';
import { chooseApiPort } from './port.ts';
import { isAlive, killAll, markedProcesses } from './processes.ts';
import { machineBootId, RecordFile } from './record.ts';
import { tearDown } from './teardown.ts';

interface TakeOverContext {
  readonly progress: Progress;
  readonly paths: LabPaths;
}

const killTimeoutMs = 15_000;
/** A pod that mounts the machine's /dev makes containerd leave this file there. */
const filesPodsLeave = ['/dev/termination-log'];

export async function takeOver(options: LabOptions, context: TakeOverContext): Promise<RecordFile> {
  return (await keepOrClear(options, context)) ?? (await createRecord(options, context));
}

/**
 * The record of a lab that can be gone on with; undefined after what was there has been cleared
 * away.
 */
async function keepOrClear(
  options: LabOptions,
  { progress, paths }: TakeOverContext,
): Promise<RecordFile | undefined> {
  const record = RecordFile.find(paths.state);
  if (record === undefined) {
    if (markedProcesses(paths.state).length > 0) {
      progress.say('Parts of a lab without a record still run: removing them first');
      await tearDown(paths.state, options.name);
    }
    return undefined;
  }
  const { current } = record;
  if (!sameLab(current.options, options)) {
    progress.say('The lab there was built from other options: removing it, data and all');
    await tearDown(paths.state, current.options.name);
    return undefined;
  }
  const wrongPort = options.apiPort !== undefined && options.apiPort !== current.apiPort;
  const reason =
    reasonToRestart(record) ?? (wrongPort ? 'Another API port is asked for' : undefined);
  if (reason !== undefined) {
    progress.say(`${reason}: starting its processes anew, its data stays`);
    const recorded = Object.values(current.processes).filter((identity) => identity !== null);
    await killAll([...recorded, ...markedProcesses(paths.state)], killTimeoutMs);
    const apiPort = await chooseApiPort(options.apiPort);
    record.update((changed) => {
      changed.phase = 'starting';
      changed.machineBootId = machineBootId();
      changed.processes = {};
      changed.apiPort = apiPort;
    });
  }
  return record;
}

function reasonToRestart(record: RecordFile): string | undefined {
  const { phase, machineBootId: then, processes } = record.current;
  if (then !== machineBootId()) return 'The machine was restarted since the lab ran';
  if (phase === 'starting') return 'The last start of the lab did not finish';
  if (!isAlive(processes[networkName] ?? undefined)) return 'The network of the lab is gone';
  return undefined;
}

async function createRecord(options: LabOptions, { paths }: TakeOverContext): Promise<RecordFile> {
  const nodes = options.nodes.map((node) => {
    const disks = node.disks.map((disk) => [disk.path, { present: 'own' as const }]);
    return [node.name, { bootId: '', disks: Object.fromEntries(disks) }];
  });
  return RecordFile.create(paths.state, {
    version: 1,
    phase: 'starting',
    machineBootId: machineBootId(),
    options: {
      name: options.name,
      nodes: options.nodes.map((node) => ({
        name: node.name,
        disks: node.disks.map((disk) => ({ ...disk })),
        labels: { ...node.labels },
      })),
      fastNodeLoss: options.fastNodeLoss ?? false,
    },
    apiPort: await chooseApiPort(options.apiPort),
    processes: {},
    nodes: Object.fromEntries(nodes),
    host: { readOnlyFolders: [] },
    before: {
      loopDevices: loopDeviceNumbers(),
      rootControllers: new Cgroups(options.name).rootControllersToEnable(),
      absentFiles: filesPodsLeave.filter((file) => !existsSync(file)),
    },
  });
}
