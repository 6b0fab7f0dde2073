/** The controller of the data plane alone in a process, so that its memory and time can be told. */
import { Controller } from '../../../dataplane/drive/controller.ts';
import { HostClock } from '../../../dataplane/host/clock.ts';
import { KubeClient } from '../../../dataplane/host/kube-client.ts';
import { HostLog } from '../../../dataplane/host/log.ts';
import { hostObjects } from '../../../dataplane/host/objects.ts';
import { HostRandom } from '../../../dataplane/host/random.ts';

export interface ControllerUse {
  readonly rssBytes: number;
  readonly cpuMs: number;
}

const [access = '{}', repairAfterMs = '0'] = process.argv.slice(2);
const log = new HostLog();
const controller = new Controller(
  {
    objects: hostObjects(new KubeClient(JSON.parse(access)), log),
    clock: new HostClock(),
    random: new HostRandom(),
    log,
    events: { tell: () => {} },
    now: () => new Date().toISOString(),
  },
  { repairAfterMs: Number(repairAfterMs) },
);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const use: ControllerUse = { rssBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 };
  process.send?.(use);
});
await controller.run();
