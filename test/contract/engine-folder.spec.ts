import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { Fault } from '../../dataplane/base/fault.ts';
import { EngineFolder, type Followed } from '../../dataplane/main/engine-folder.ts';
import { until } from '../../dataplane/host/until.ts';

const schema = z.strictObject({ volume: z.string() });
const waitMs = 10_000;

/** A volume that leaves when it is told to, unless it hangs. */
class Service implements Followed {
  readonly #end = Promise.withResolvers<Fault>();
  hangs = false;

  run = async () => this.#end.promise;
  end = (fault: Fault) => {
    this.#end.resolve(fault);
  };
  stop = () => {
    if (!this.hangs) this.end(new Fault('volume.ending', 'It left.'));
  };
  abandon = () => {
    this.end(new Fault('volume.ending', 'It was given up.'));
  };
}

describe('folder of engines', () => {
  let folder: string;
  let followed: EngineFolder<{ volume: string }>;
  let over: Promise<void>;
  /** By volume, one for each time it was begun. */
  let begun: Map<string, Service[]>;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-engines-'));
    begun = new Map();
    begin();
  });

  afterEach(async () => {
    followed.stop();
    await over;
    rmSync(folder, { recursive: true });
  });

  function begin(): void {
    const start = ({ volume }: { volume: string }) => {
      const service = new Service();
      begun.set(volume, [...(begun.get(volume) ?? []), service]);
      return service;
    };
    const log = { info: () => {}, warn: () => {} };
    followed = new EngineFolder({ folder, schema, leaveMs: 50 }, start, log);
    over = followed.run();
  }

  const file = (name: string) => path.join(folder, name);
  const want = (volume: string) => {
    writeFileSync(file(`${volume}.json`), JSON.stringify({ volume }));
  };
  async function seen<T>(what: string, look: () => T | undefined): Promise<T> {
    const complaint = async () => new Fault('disk.failed', `${what} did not come`);
    return until(async () => look(), { forMs: waitMs, everyMs: 5, complaint });
  }
  const service = async (volume: string, time = 1) =>
    seen(`${volume}, time ${time}`, () => begun.get(volume)?.[time - 1]);
  const ended = async (volume: string) =>
    seen(`the end of ${volume}`, () =>
      existsSync(file(`${volume}.ended`))
        ? (JSON.parse(readFileSync(file(`${volume}.ended`), 'utf8')) as object)
        : undefined,
    );

  it('serves what is in it, leaves what is taken out, and says so', async () => {
    want('a');
    want('b');
    await service('a');
    await service('b');
    rmSync(file('a.json'));
    assert.deepEqual(await ended('a'), { code: 'volume.ending', message: 'It left.' });
    assert.equal(existsSync(file('b.ended')), false);
  });

  it('says why a volume has ended, and begins it again only when it is told to', async () => {
    want('a');
    (await service('a')).end(new Fault('volume.data-lost', 'Writes were lost.'));
    assert.deepEqual(await ended('a'), { code: 'volume.data-lost', message: 'Writes were lost.' });
    want('b');
    await service('b');
    assert.equal(begun.get('a')?.length, 1);
    rmSync(file('a.ended'));
    await service('a', 2);
  });

  it('gives up a volume that does not leave, and goes on with the others', async () => {
    want('a');
    want('b');
    const hanging = await service('a');
    hanging.hangs = true;
    const other = await service('b');
    rmSync(file('a.json'));
    assert.deepEqual(await ended('a'), { code: 'volume.ending', message: 'It was given up.' });
    assert.equal(begun.get('b')?.[0], other);
    assert.equal(existsSync(file('b.ended')), false);
  });

  it('refuses settings that it does not understand, and serves the others', async () => {
    writeFileSync(file('a.json'), '{"volum": 1}');
    want('b');
    await service('b');
    const { code } = (await ended('a')) as { readonly code: string };
    assert.equal(code, 'input.invalid');
    assert.match(readFileSync(file('a.ended'), 'utf8'), /volum/);
  });

  it('leaves everything to its successor when it is stopped', async () => {
    want('a');
    await service('a');
    followed.stop();
    await over;
    assert.equal(existsSync(file('a.ended')), false);
    begin();
    await service('a', 2);
  });
});
