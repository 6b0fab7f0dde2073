import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { ToolCache } from '../../../../lab/toolchain/cache.ts';
import { catalogue } from '../../../../lab/toolchain/catalogue.ts';
import {
  chooseDownloader,
  chooseGo,
  downloadGoAsModule,
  findGos,
} from '../../../../lab/toolchain/go-command.ts';
import { toolOf } from '../../../../lab/toolchain/locate.ts';
import { faultOf, World } from './world.ts';

describe('choice of Go', () => {
  const go = (version: string) => ({ path: `/go/${version}/go`, version });

  it('is the very version when it is there, not the first', () => {
    assert.deepEqual(chooseGo([go('1.27.0'), go('1.26.8')], '1.26.8'), {
      path: '/go/1.26.8/go',
      toolchain: 'local',
    });
  });

  it('is any Go from 1.21 on, told which version to fetch, when the very one is not there', () => {
    assert.deepEqual(chooseGo([go('1.19.8'), go('1.22.2')], '1.26.8'), {
      path: '/go/1.22.2/go',
      toolchain: 'go1.26.8',
    });
  });

  it('is none when all are too old to fetch another by themselves', () => {
    assert.equal(chooseGo([go('1.19.8'), go('1.20')], '1.26.8'), undefined);
    assert.deepEqual(chooseDownloader([go('1.15'), go('1.19.8')]), go('1.19.8'));
    assert.equal(chooseDownloader([go('1.15')]), undefined);
  });

  it('looks on PATH first, then where installers put it, and asks no other version in', async () => {
    using world = new World();
    const first = world.program('go', 'echo "go version go1.19.8 linux/amd64 $GOTOOLCHAIN"');
    const folder = path.join(world.folder, 'usr-local-go');
    const second = world.program('go', 'echo "go version go1.26 linux/amd64"', folder);
    const origins = [{ kind: 'path' as const, folders: [folder] }];
    const only = { ...catalogue, tools: { go: { ...toolOf('go', catalogue), origins } } };
    const gos = await findGos(only, { ...world.context.env, PATH: world.bin });
    assert.deepEqual(
      [gos.at(0), gos.at(-1)],
      [
        { path: first, version: '1.19.8' },
        { path: second, version: '1.26' },
      ],
    );
  });
});

describe('Go fetched by an older Go', () => {
  let world: World;
  let module: string;
  beforeEach(() => {
    world = new World();
    // As in Go's module cache: no executable bits, go.mod files under another name.
    module = path.join(world.folder, 'module');
    for (const folder of ['bin', 'pkg/tool/linux_amd64', 'src/cmd', 'src/bin']) {
      mkdirSync(path.join(module, folder), { recursive: true });
    }
    const script = '#!/bin/sh\necho go version go1.26.8\n';
    writeFileSync(path.join(module, 'bin/go'), script, { mode: 0o444 });
    writeFileSync(path.join(module, 'pkg/tool/linux_amd64/compile'), script, { mode: 0o444 });
    writeFileSync(path.join(module, 'src/bin/readme'), 'text', { mode: 0o444 });
    writeFileSync(path.join(module, 'src/cmd/_go.mod'), 'module cmd\n', { mode: 0o444 });
  });
  afterEach(() => world[Symbol.dispose]());

  const fetchWith = async (body: string) => {
    const older = { path: world.program('go', body), version: '1.19.8' };
    const cache = new ToolCache(world.paths.tools);
    return downloadGoAsModule(older, '1.26.8', cache, world.context);
  };

  it('is unpacked so that it runs', async () => {
    const go = await fetchWith(
      `[ "$*" = "mod download -json golang.org/toolchain@v0.0.1-go1.26.8.linux-${
        process.arch === 'x64' ? 'amd64' : process.arch
      }" ] || exit 1\necho '{"Dir":"${module}"}'`,
    );
    assert.equal(go.toolchain, 'local');
    assert.equal((await execa(go.path)).stdout, 'go version go1.26.8');
    const root = path.dirname(path.dirname(go.path));
    assert.equal(statSync(path.join(root, 'pkg/tool/linux_amd64/compile')).mode & 0o111, 0o111);
    assert.equal(statSync(path.join(root, 'src/bin/readme')).mode & 0o111, 0);
    assert.equal(existsSync(path.join(root, 'src/cmd/go.mod')), true);
    assert.equal(existsSync(path.join(root, 'src/cmd/_go.mod')), false);
  });

  it('is refused with what Go said when it cannot be downloaded', async () => {
    const fault = await faultOf(fetchWith('echo "dial tcp: no such host" >&2; exit 1'));
    assert.match(fault.message, /dial tcp: no such host/);
    assert.match(fault.hint, /Go module proxy/);
  });
});
