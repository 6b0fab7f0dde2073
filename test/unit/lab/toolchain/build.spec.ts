import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, truncate } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { run } from '../../../../lab/base/run.ts';
import { catalogue as larderCatalogue } from '../../../../lab/toolchain/catalogue.ts';
import { findGos } from '../../../../lab/toolchain/go-command.ts';
import { toolOf } from '../../../../lab/toolchain/locate.ts';
import { obtain } from '../../../../lab/toolchain/obtain.ts';
import type { Catalogue, GoModule } from '../../../../lab/toolchain/tool.ts';
import { which } from '../../../../lab/toolchain/which.ts';
import { skip } from '../../../support/reporter.ts';
import { faultOf, tinyCatalogue, tinyTool, toolArchive, World } from './world.ts';

/** Go as the lab knows it, but only where PATH says: the tests choose it. */
const goOnPath = {
  ...toolOf('go', larderCatalogue),
  origins: [{ kind: 'path' as const, atLeast: '1.21' }],
};

const source = `package main

var version = "unknown"

func main() { println("tiny", version) }
`;

/** A module whose only dependency is a folder beside it: it builds without any network. */
function tinyModule(world: World, goVersion: string, stamp = '1.2.3'): Catalogue {
  const dependency = path.join(world.folder, 'dependency');
  const folder = path.join(world.folder, 'module');
  mkdirSync(path.join(dependency, 'cmd/tiny-tool/v2'), { recursive: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(dependency, 'go.mod'), 'module example.org/dependency\n\ngo 1.21\n');
  writeFileSync(path.join(dependency, 'cmd/tiny-tool/v2/main.go'), source);
  writeFileSync(
    path.join(folder, 'go.mod'),
    'module example.org/lab\n\ngo 1.21\n\nrequire example.org/dependency v1.2.3\n\n' +
      `replace example.org/dependency => ${dependency}\n`,
  );
  const module: GoModule = {
    version: '1.2.3',
    what: 'the tiny tool',
    neededFor: 'this test',
    coldSeconds: 1,
    folder,
    programs: [
      {
        tool: 'tiny',
        importPath: 'example.org/dependency/cmd/tiny-tool/v2',
        stamps: [`main.version=${stamp}`],
      },
    ],
  };
  return tinyCatalogue({
    goVersion,
    tools: { tiny: tinyTool([{ kind: 'go', module: 'tiny' }]), go: goOnPath },
    modules: { tiny: module },
    archives: { go: toolArchive('http://127.0.0.1:9/go.tar.gz', '0'.repeat(64)) },
  });
}

/** Lets the world use this machine's Go and its build cache; skips where there is none. */
async function useRealGo(world: World, test: Mocha.Context): Promise<string> {
  const gos = await findGos(larderCatalogue, process.env);
  const newest = gos[0];
  if (newest === undefined) return skip(test, 'needs Go');
  const { stdout } = await execa(newest.path, ['env', 'GOCACHE']);
  Object.assign(world.extra, { GOCACHE: stdout, GOPROXY: 'off' });
  world.extra['PATH'] = `${path.dirname(newest.path)}:/usr/bin:/bin`;
  return newest.version;
}

/** What the cache holds besides its locks: entries, and what is half-made. */
function leftovers(world: World): readonly string[] {
  return [world.paths.tools, path.join(world.paths.tools, '.partial')].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [],
  );
}

describe('Go build', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world[Symbol.dispose]());

  it('builds a program of a dependency, stamped with its version, under the name of its tool', async function () {
    const catalogue = tinyModule(world, await useRealGo(world, this));
    const found = (await obtain(['tiny'], world.context, catalogue)).get('tiny');
    assert.equal(found?.source, 'built');
    assert.equal(found.version, '1.2.3');
    const printed = await execa(found.path);
    assert.equal(printed.stderr, 'tiny 1.2.3');
    assert.match(world.said, /\[1\/1] Building the tiny tool 1\.2\.3 \(needed for this test\)/);
  });

  it('is silent and builds nothing when the build is in the cache', async function () {
    const catalogue = tinyModule(world, await useRealGo(world, this));
    await obtain(['tiny'], world.context, catalogue);
    const before = world.said;
    world.extra['PATH'] = '/nowhere';
    await obtain(['tiny'], world.context, catalogue);
    assert.equal(world.said, before);
  });

  it('builds again when the cached program was cut short', async function () {
    const catalogue = tinyModule(world, await useRealGo(world, this));
    const first = (await obtain(['tiny'], world.context, catalogue)).get('tiny');
    assert.ok(first);
    await truncate(first.path, 1000);
    const second = (await obtain(['tiny'], world.context, catalogue)).get('tiny');
    assert.equal((await execa(second?.path ?? '')).stderr, 'tiny 1.2.3');
  });

  it('builds anew beside the old entry when the module file changes', async function () {
    const catalogue = tinyModule(world, await useRealGo(world, this));
    const first = (await obtain(['tiny'], world.context, catalogue)).get('tiny');
    const goMod = path.join(catalogue.modules['tiny']?.folder ?? '', 'go.mod');
    writeFileSync(goMod, `${await readFile(goMod, 'utf8')}\n// raised\n`);
    const second = (await obtain(['tiny'], world.context, catalogue)).get('tiny');
    assert.notEqual(second?.path, first?.path);
  });

  it('refuses a program that calls itself another version and keeps nothing of it', async function () {
    const catalogue = tinyModule(world, await useRealGo(world, this), '9.9.9');
    const fault = await faultOf(obtain(['tiny'], world.context, catalogue));
    assert.match(fault.message, /tiny was made, but it says it is 9\.9\.9, not 1\.2\.3/);
    assert.deepEqual(leftovers(world), []);
  });

  it('shows what the compiler said when the source is broken', async function () {
    const catalogue = tinyModule(world, await useRealGo(world, this));
    writeFileSync(
      path.join(world.folder, 'dependency/cmd/tiny-tool/v2/main.go'),
      'package main\n\nfunc main() { undefinedName() }\n',
    );
    const fault = await faultOf(obtain(['tiny'], world.context, catalogue));
    assert.match(fault.message, /Building the tiny tool with Go failed/);
    assert.match(fault.message, /undefined: undefinedName/);
    assert.deepEqual(leftovers(world), []);
  });

  it('builds once when two runs start at the same time', async function () {
    const catalogue = tinyModule(world, await useRealGo(world, this));
    const runs = [1, 2].map(async () => obtain(['tiny'], world.context, catalogue));
    const [first, second] = await Promise.all(runs);
    assert.deepEqual(first, second);
    assert.equal(leftovers(world).length, 1);
  });

  it('says which disk is full and leaves nothing half-made when a disk fills up', async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root to mount a small disk');
    const small = path.join(world.folder, 'small');
    mkdirSync(small);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
    try {
      using confined = new World(small);
      const catalogue = tinyModule(confined, await useRealGo(confined, this));
      const fault = await faultOf(obtain(['tiny'], confined.context, catalogue));
      assert.match(fault.message, /a disk is full/);
      assert.match(fault.message, new RegExp(`${small}\\S* has \\d+ MiB free`));
      assert.match(fault.hint, /XDG_CACHE_HOME, GOCACHE and GOMODCACHE/);
      assert.deepEqual(leftovers(confined), []);
    } finally {
      await run('umount', [small]);
    }
  });
});

describe('Go build with another Go', () => {
  it('asks for the wanted Go and keeps out what would change the build', async () => {
    using world = new World();
    const log = path.join(world.folder, 'environment');
    world.program(
      'go',
      `[ "$1" = version ] && echo "go version go1.22.2 linux/amd64" && exit
[ "$1" = build ] || exit 0
env > ${log}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\necho tiny 1.2.3\n' > "$2/tiny-tool"; chmod +x "$2/tiny-tool"`,
    );
    Object.assign(world.extra, { GOFLAGS: '-mod=vendor', GOOS: 'plan9', GOTOOLCHAIN: 'local' });
    Object.assign(world.extra, { GOEXPERIMENT: 'x', GOPROXY: 'https://proxy.example.org' });
    await obtain(['tiny'], world.context, tinyModule(world, '1.26.8'));
    const lines = (await readFile(log, 'utf8')).split('\n');
    for (const line of ['GOTOOLCHAIN=go1.26.8', 'GOFLAGS=-mod=readonly', 'CGO_ENABLED=0']) {
      assert.ok(lines.includes(line), line);
    }
    for (const line of ['GOOS=linux', 'GOWORK=off', 'GOPROXY=https://proxy.example.org']) {
      assert.ok(lines.includes(line), line);
    }
    assert.equal(
      lines.some((line) => line.startsWith('GOEXPERIMENT=')),
      false,
    );
  });
});

describe('Go build with a Go that never ends', () => {
  let world: World;
  /** Reading it waits until the build runs and gives the pid of its compiler. */
  let compiling: string;
  beforeEach(async () => {
    world = new World();
    compiling = path.join(world.folder, 'compiling');
    await run('mkfifo', [compiling]);
    world.program(
      'go',
      `case "$1" in
version) echo "go version go1.26.8 linux/amd64" ;;
list) echo example.org/tiny ;;
build) sleep 300 & echo $! > "${compiling}"; wait ;;
esac`,
    );
  });
  afterEach(() => world[Symbol.dispose]());

  it('ends the compilers too, leaves nothing half-made and says so when it is interrupted', async () => {
    const building = obtain(['tiny'], world.context, tinyModule(world, '1.26.8'));
    const compiler = Number(await readFile(compiling, 'utf8'));
    assert.equal(isRunning(compiler), true);
    world.controller.abort();
    const fault = await faultOf(building);
    assert.match(fault.message, /^Interrupted: Building the tiny tool 1\.2\.3/);
    assert.match(fault.hint, /run the same command again/);
    assert.deepEqual(leftovers(world), []);
    assert.equal(isRunning(compiler), false);
  });

  it('continues when it is run again after an interrupt', async function () {
    const building = obtain(['tiny'], world.context, tinyModule(world, '1.26.8'));
    await readFile(compiling, 'utf8');
    world.controller.abort();
    await faultOf(building);
    using next = new World(path.dirname(world.paths.tools));
    const catalogue = tinyModule(next, await useRealGo(next, this));
    assert.equal((await obtain(['tiny'], next.context, catalogue)).size, 1);
  });
});

/** A zombie has ended: only its parent has not looked yet. */
function isRunning(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
  return /\) [^ZX]/.test(stat);
}

describe('Go build without Go', () => {
  it('says what to install when there is no Go and packages may not be installed', async function () {
    using world = new World();
    if (which('go', world.context.env ?? {}) !== undefined)
      skip(this, 'Go is a system program here');
    world.extra['LARDER_NO_INSTALL'] = '1';
    const fault = await faultOf(obtain(['tiny'], world.context, tinyModule(world, '1.26.8')));
    assert.match(fault.message, /golang-go \(go\): building Kubernetes and other tools/);
  });
});
