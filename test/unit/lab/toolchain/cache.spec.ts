import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { recipeHash, ToolCache, type EntryKey } from '../../../../lab/toolchain/cache.ts';
import { World } from './world.ts';

const key: EntryKey = { name: 'tiny', version: '1.2.3', platform: 'linux-x64', recipe: 'abc' };

describe('ToolCache', () => {
  let world: World;
  let cache: ToolCache;
  let fills: number;

  beforeEach(() => {
    world = new World();
    cache = new ToolCache(world.paths.tools);
    fills = 0;
  });
  afterEach(() => world[Symbol.dispose]());

  const options = () => ({ what: 'making tiny', signal: world.controller.signal });
  const fill = async (folder: string) => {
    fills += 1;
    await mkdir(path.join(folder, 'bin'));
    await writeFile(path.join(folder, 'bin/tiny'), 'a program');
  };
  const make = async () => cache.make(key, options(), fill);

  it('keeps what was filled in under name, version, platform and recipe', async () => {
    const entry = await make();
    assert.equal(path.basename(entry), 'tiny-1.2.3-linux-x64-abc');
    assert.equal(await readFile(path.join(entry, 'bin/tiny'), 'utf8'), 'a program');
    assert.equal(await cache.find(key), entry);
  });

  it('does not fill again when the entry is whole', async () => {
    await make();
    await make();
    assert.equal(fills, 1);
  });

  it('has no entry when only part of it was written', async () => {
    await mkdir(path.join(cache.pathOf(key), 'bin'), { recursive: true });
    await writeFile(path.join(cache.pathOf(key), 'bin/tiny'), 'a prog');
    assert.equal(await cache.find(key), undefined);
    await make();
    assert.equal(await readFile(path.join(cache.pathOf(key), 'bin/tiny'), 'utf8'), 'a program');
  });

  const damages: readonly [string, (entry: string) => Promise<void>][] = [
    ['a file has grown', async (entry) => appendFile(path.join(entry, 'bin/tiny'), '!')],
    ['a file is gone', async (entry) => rm(path.join(entry, 'bin/tiny'))],
    [
      'a file of the same size and times has other content',
      async (entry) => {
        const file = path.join(entry, 'bin/tiny');
        await writeFile(file, 'a problem');
        await utimes(file, 0, 0);
      },
    ],
    ['the manifest is gone', async (entry) => rm(path.join(entry, 'manifest.json'))],
    ['the manifest is cut short', async (entry) => writeFile(`${entry}/manifest.json`, '{"fil')],
  ];
  for (const [damage, inflict] of damages) {
    it(`finds the damage and fills again when ${damage}`, async () => {
      const entry = await make();
      await inflict(entry);
      assert.equal(await cache.find(key), undefined);
      await make();
      assert.equal(fills, 2);
      assert.equal(await cache.find(key), entry);
      assert.equal(await readFile(path.join(entry, 'bin/tiny'), 'utf8'), 'a program');
    });
  }

  it('accepts an entry whose files were copied from elsewhere when the content is right', async () => {
    const entry = await make();
    const copy = `${entry}.copy`;
    await cp(entry, copy, { recursive: true });
    await rm(entry, { recursive: true });
    await cp(copy, entry, { recursive: true });
    assert.equal(await cache.find(key), entry);
    await make();
    assert.equal(fills, 1);
  });

  it('leaves nothing behind when filling fails, and fills the next time', async () => {
    const failing = cache.make(key, options(), async (folder) => {
      await writeFile(path.join(folder, 'half'), 'half');
      throw new Error('no more');
    });
    await assert.rejects(failing, /no more/);
    assert.deepEqual(await readdir(path.join(cache.folder, '.partial')), []);
    assert.equal(await cache.find(key), undefined);
    await make();
    assert.equal(fills, 1);
  });

  it('clears what a killed run left half-made when it makes the same entry', async () => {
    const left = path.join(cache.folder, '.partial/tiny-1.2.3-linux-x64-abc.XXXX');
    await mkdir(left, { recursive: true });
    await writeFile(path.join(left, 'half'), 'half');
    await make();
    assert.deepEqual(await readdir(path.join(cache.folder, '.partial')), []);
  });

  it('fills once when two ask at the same time, and tells the second whom it waits for', async () => {
    const waits: string[] = [];
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const first = cache.make(key, options(), async (folder) => {
      begun.resolve();
      await go.promise;
      await fill(folder);
    });
    await begun.promise;
    const onWait = (holder: string) => {
      waits.push(holder);
      go.resolve();
    };
    const second = cache.make(key, { ...options(), onWait }, fill);
    assert.equal(await second, await first);
    assert.equal(fills, 1);
    assert.deepEqual(waits, [`making tiny (process ${process.pid})`]);
  });
});

describe('recipeHash', () => {
  it('differs when any part differs', () => {
    assert.notEqual(recipeHash('a', ['b']), recipeHash('a', ['c']));
    assert.notEqual(recipeHash('a', 'b'), recipeHash('ab'));
    assert.equal(recipeHash('a', ['b']), recipeHash('a', ['b']));
  });
});
