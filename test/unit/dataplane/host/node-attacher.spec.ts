import assert from 'node:assert/strict';
import { NodeAttacher } from '../../../../dataplane/host/node-attacher.ts';
import type { LivingAttacher } from '../../../../dataplane/ports/mounts.ts';

/** Remembers what it was asked, and which volumes it holds. */
class Way implements LivingAttacher {
  readonly asked: string[] = [];
  readonly volumes: string[];

  constructor(...volumes: string[]) {
    this.volumes = volumes;
  }

  async attach(volume: string): Promise<string> {
    this.asked.push(`attach ${volume}`);
    if (!this.volumes.includes(volume)) this.volumes.push(volume);
    return `/dev/${volume}`;
  }

  async resize(volume: string): Promise<void> {
    this.asked.push(`resize ${volume}`);
  }

  async detach(volume: string): Promise<void> {
    this.asked.push(`detach ${volume}`);
  }

  async device(volume: string): Promise<string | undefined> {
    this.asked.push(`device ${volume}`);
    return undefined;
  }

  async list(): Promise<readonly string[]> {
    return this.volumes;
  }

  async mend(volume: string): Promise<void> {
    this.asked.push(`mend ${volume}`);
  }

  async cutOff(volume: string): Promise<void> {
    this.asked.push(`cutOff ${volume}`);
  }
}

describe('attacher of a node', () => {
  const make = (kind: 'kernel' | 'fuse', kernel: Way, fuse: Way) => {
    const said: string[] = [];
    const log = {
      info: (message: string, labels?: object) => said.push(`${message} ${JSON.stringify(labels)}`),
      warn: () => {},
    };
    const attacher = new NodeAttacher({ kind, because: 'of a reason' }, { kernel, fuse }, log);
    return { attacher, said };
  };

  it('attaches by what was chosen, and says which and why', async () => {
    for (const kind of ['kernel', 'fuse'] as const) {
      const ways = { kernel: new Way(), fuse: new Way() };
      const { attacher, said } = make(kind, ways.kernel, ways.fuse);
      assert.equal(await attacher.attach('data', 4096), '/dev/data');
      assert.deepEqual(ways[kind].asked, ['attach data']);
      assert.match(said.join(), /^attaches volumes by .*"because":"of a reason"/);
    }
  });

  it('leaves a volume with the way it was attached by, whatever is chosen now', async () => {
    const fuse = new Way('old');
    const kernel = new Way('new');
    const { attacher } = make('kernel', kernel, fuse);
    await attacher.attach('old', 4096);
    await attacher.resize('old', 8192);
    await attacher.device('old');
    await attacher.mend('old');
    await attacher.cutOff('old');
    await attacher.detach('old');
    const all = ['attach', 'resize', 'device', 'mend', 'cutOff', 'detach'];
    assert.deepEqual(
      fuse.asked,
      all.map((what) => `${what} old`),
    );
    assert.deepEqual(kernel.asked, []);
    assert.deepEqual(await attacher.list(), ['new', 'old']);
  });
});
