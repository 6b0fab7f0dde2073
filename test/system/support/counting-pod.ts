/**
 * A pod that counts on a volume: syncs every number, then says that it is safe, and ends at the
 * first error. A new one goes on from the number that it finds.
 */
import { type DatabaseLab, settledMs } from './database-lab.ts';

const counting = `
const fs = require('node:fs');
let n = 0;
try { n = Number(fs.readFileSync('/data/n', 'utf8')); } catch {}
setInterval(() => {
  const file = fs.openSync('/data/n', 'r+');
  n += 1;
  fs.writeSync(file, String(n).padStart(12, '0'), 0);
  fs.fsyncSync(file);
  fs.closeSync(file);
  if (n % 5 === 0) console.log('safe ' + n);
}, 50);`;

const namespace = 'default';

export class CountingPod {
  readonly #started: DatabaseLab;
  readonly #claim: string;

  /** @param claim in the namespace `default`; also the pod's name */
  constructor(started: DatabaseLab, claim: string) {
    this.#started = started;
    this.#claim = claim;
  }

  async makeClaim(): Promise<void> {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } };
    await this.#started.core.createNamespacedPersistentVolumeClaim({
      namespace,
      body: { metadata: { name: this.#claim }, spec },
    });
  }

  async deleteClaim(): Promise<void> {
    await this.#started.core.deleteNamespacedPersistentVolumeClaim({
      name: this.#claim,
      namespace,
    });
  }

  async run(node: string, withinMs: number = settledMs): Promise<void> {
    await this.#started.core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name: this.#claim },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': node },
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'counter',
              image: this.#started.toolsImage,
              imagePullPolicy: 'Never',
              command: ['sh', '-c', 'touch /data/n; exec node -e "$0"', counting],
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: this.#claim } }],
        },
      },
    });
    const isRunning = async () => (await this.phase()) === 'Running';
    await this.#started.until(`a pod of ${this.#claim} on ${node}`, isRunning, withinMs);
  }

  /** Ends the pod, as a person would, and waits until it is gone. */
  async end(): Promise<void> {
    await this.#started.core.deleteNamespacedPod({ name: this.#claim, namespace });
    await this.untilGone();
  }

  async untilGone(): Promise<void> {
    const isGone = async () => (await this.phase()) === 'gone';
    await this.#started.until(`the pod of ${this.#claim} to be gone`, isGone);
  }

  async phase(): Promise<string> {
    const { items } = await this.#started.core.listNamespacedPod({
      namespace,
      fieldSelector: `metadata.name=${this.#claim}`,
    });
    return items[0] === undefined ? 'gone' : (items[0].status?.phase ?? '');
  }

  /** The newest number that the pod knows to be on disks. */
  async safe(): Promise<number> {
    const last = (await this.#log()).findLast((line) => line.startsWith('safe '));
    return Number(last?.slice(5) ?? '0');
  }

  /** Until it has made safe some more numbers. */
  async untilGoesOn(): Promise<void> {
    const before = await this.safe();
    const goesOn = async () => {
      const [phase, safe] = [await this.phase(), await this.safe()];
      if (safe > before) return true;
      throw new Error(`${phase}, ${safe} safe`);
    };
    await this.#started.until(`the pod of ${this.#claim} to go on`, goesOn);
  }

  async #log(): Promise<readonly string[]> {
    const pod = this.#claim;
    return (await this.#started.lab.logs({ namespace, pod })).trim().split('\n');
  }
}
