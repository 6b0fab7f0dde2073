import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { execa } from 'execa';
import { parseChecksums } from '../../../../lab/toolchain/download.ts';
import { obtain } from '../../../../lab/toolchain/obtain.ts';
import type { Archive, GoModule, Origin } from '../../../../lab/toolchain/tool.ts';
import { faultOf, tinyCatalogue, tinyTool, toolArchive, World } from './world.ts';

const fromArchive: readonly Origin[] = [{ kind: 'download', archive: 'tiny' }];

describe('download', () => {
  let world: World;
  let server: Server;
  let archive: Buffer;
  let answer: RequestListener;
  let asked: number;

  beforeEach(async () => {
    world = new World();
    world.extra['LARDER_OFFLINE'] = '';
    answer = (request, response) => {
      if (request.url === '/tiny.tar.gz') response.end(archive);
      else response.writeHead(404).end();
    };
    asked = 0;
    server = createServer((request, response) => {
      asked += 1;
      // HEAD asks only whether the network is open.
      if (request.method === 'HEAD') response.end();
      else answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    archive = await tarOf(world, 'echo tiny 1.2.3');
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    world[Symbol.dispose]();
  });

  const url = (file: string) => {
    const { port } = server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${file}`;
  };
  const pinned = () => toolArchive(url('tiny.tar.gz'), sha256(archive));
  const get = async (from: Archive, origins = fromArchive) =>
    (
      await obtain(
        ['tiny'],
        world.context,
        tinyCatalogue({ tools: { tiny: tinyTool(origins) }, archives: { tiny: from } }),
      )
    ).get('tiny');
  const entries = () => readdirSync(world.paths.tools).filter((name) => !name.startsWith('.'));

  it('unpacks the archive and keeps it when its hash is the pinned one', async () => {
    const from = pinned();
    const found = await get(from);
    assert.equal(found?.source, 'download');
    assert.equal((await execa(found.path)).stdout, 'tiny 1.2.3');
    server.close();
    assert.deepEqual(await get(from), found);
  });

  it('is refused with both hashes, and nothing is kept, when the hash is another one', async () => {
    const from = toolArchive(url('tiny.tar.gz'), 'f'.repeat(64));
    const fault = await faultOf(get(from));
    assert.match(fault.message, /is not what was published/);
    assert.match(fault.message, new RegExp(`expected\\s+sha256 ${'f'.repeat(64)}`));
    assert.match(fault.message, new RegExp(`found\\s+sha256 ${sha256(archive)}`));
    assert.deepEqual(entries(), []);
  });

  it('does not fall back on another origin when the hash is wrong', async () => {
    const from = toolArchive(url('tiny.tar.gz'), 'f'.repeat(64));
    const origins: readonly Origin[] = [...fromArchive, { kind: 'go', module: 'none' }];
    const catalogue = tinyCatalogue({
      tools: { tiny: tinyTool(origins) },
      archives: { tiny: from },
      modules: { none: unusedModule(world) },
    });
    const fault = await faultOf(obtain(['tiny'], world.context, catalogue));
    assert.match(fault.message, /is not what was published/);
  });

  it('is checked against the published sums when the hash is not known beforehand', async () => {
    const sums = `${sha256(archive)}  ./tiny.tar.gz\n${'0'.repeat(64)}  other.tar.gz\n`;
    answer = (request, response) => {
      response.end(request.url === '/sums.txt' ? sums : archive);
    };
    const from: Archive = { ...pinned(), checksum: { kind: 'published', url: url('sums.txt') } };
    assert.equal((await get(from))?.version, '1.2.3');
  });

  const troubles: readonly [string, RequestListener, RegExp][] = [
    ['is not there', (_, response) => response.writeHead(404).end(), /answered 404/],
    [
      'breaks off',
      (_, response) => {
        response.writeHead(200, { 'content-length': '100000' });
        response.write('only so much', () => response.destroy());
      },
      /broke off/,
    ],
  ];
  for (const [trouble, listener, message] of troubles) {
    it(`leaves nothing and says why when the archive ${trouble}`, async () => {
      const from = pinned();
      answer = listener;
      const fault = await faultOf(get(from));
      assert.match(fault.message, /tiny 1\.2\.3 is not on PATH and cannot be fetched/);
      assert.match(world.said, message);
      assert.deepEqual(entries(), []);
    });
  }

  it('is not used without a checksum: the next origin is, when the published sums lack it', async () => {
    answer = (_, response) => response.end('no sums here\n');
    const from: Archive = { ...pinned(), checksum: { kind: 'published', url: url('sums.txt') } };
    const fault = await faultOf(get(from));
    assert.match(world.said, /do not name tiny\.tar\.gz/);
    assert.match(fault.hint, /open network/);
  });

  it('is not tried when LARDER_OFFLINE is set', async () => {
    world.extra['LARDER_OFFLINE'] = '1';
    await faultOf(get(pinned()));
    assert.equal(asked, 0);
  });

  it('leaves nothing when it is interrupted', async () => {
    const from = pinned();
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '100000' });
      response.write('only so much', () => world.controller.abort());
    };
    assert.match((await faultOf(get(from))).message, /^Interrupted: Downloading tiny 1\.2\.3/);
    assert.deepEqual(entries(), []);
    assert.deepEqual(readdirSync(path.join(world.paths.tools, '.partial')), []);
  });
});

describe('published checksums', () => {
  it('are read with and without marks before the name, and nothing else is', () => {
    const a = 'A'.repeat(64);
    const text = `${a}  one.tgz\n${a} *two.tgz\n${a}  ./three.tgz\nabc  four.tgz\n\n`;
    const sums = parseChecksums(text);
    assert.deepEqual([...sums.keys()], ['one.tgz', 'two.tgz', 'three.tgz']);
    assert.equal(sums.get('one.tgz'), 'a'.repeat(64));
  });
});

/** A module that must not be built. */
function unusedModule(world: World): GoModule {
  const folder = path.join(world.folder, 'module');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'go.mod'), 'module example.org/none\n');
  const words = { version: '1.2.3', what: 'none', neededFor: 'nothing', coldSeconds: 1 };
  return { ...words, folder, programs: [] };
}

async function tarOf(world: World, script: string): Promise<Buffer> {
  const folder = path.join(world.folder, 'archive');
  mkdirSync(folder);
  world.program('tiny', script, path.join(folder, 'tiny'));
  const file = path.join(world.folder, 'tiny.tar.gz');
  await execa('tar', ['--create', '--gzip', '--file', file, '--directory', folder, 'tiny']);
  assert.ok(existsSync(file));
  return readFileSync(file);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
