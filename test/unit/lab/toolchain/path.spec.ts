import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { obtain } from '../../../../lab/toolchain/obtain.ts';
import type { Origin } from '../../../../lab/toolchain/tool.ts';
import { isAtLeast } from '../../../../lab/toolchain/version.ts';
import { faultOf, tinyCatalogue, tinyTool, World } from './world.ts';

const exact: readonly Origin[] = [{ kind: 'path' }];
const atLeast: readonly Origin[] = [{ kind: 'path', atLeast: '1.2' }];

describe('tool on PATH', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world[Symbol.dispose]());

  const find = async (origins: readonly Origin[]) => {
    const tools = { tiny: tinyTool(origins) };
    return (await obtain(['tiny'], world.context, tinyCatalogue({ tools }))).get('tiny');
  };

  it('is taken when its version is the wanted one', async () => {
    const file = world.program('tiny', 'echo tiny 1.2.3');
    assert.deepEqual(await find(exact), {
      name: 'tiny',
      path: file,
      version: '1.2.3',
      source: 'path',
    });
    assert.equal(world.said, '');
  });

  it('is taken with its own version when any newer one serves', async () => {
    world.program('tiny', 'echo tiny 1.10.0 >&2');
    assert.equal((await find(atLeast))?.version, '1.10.0');
  });

  it('is not taken when its version is another one, and the message says which is wanted', async () => {
    world.program('tiny', 'echo tiny 1.2.4');
    const fault = await faultOf(find(exact));
    assert.match(fault.message, /tiny 1\.2\.3 is not on PATH and cannot be fetched from here/);
    assert.match(fault.hint, /install tiny 1\.2\.3/);
  });

  it('is passed over for the right one later on PATH', async () => {
    world.program('tiny', 'echo tiny 1.0.0');
    const other = path.join(world.folder, 'other');
    const right = world.program('tiny', 'echo tiny 1.2.3', other);
    world.extra['PATH'] = `${world.bin}:${other}:/usr/bin:/bin`;
    assert.equal((await find(exact))?.path, right);
  });

  it('is not taken when it prints no version or cannot be executed', async () => {
    world.program('tiny', 'echo hello; exit 3');
    const other = path.join(world.folder, 'other');
    chmodSync(world.program('tiny', 'echo tiny 1.2.3', other), 0o644);
    world.extra['PATH'] = `${world.bin}:${other}:/usr/bin:/bin`;
    await faultOf(find(exact));
  });

  it('is not looked for in the cache of an outer run of ours', async () => {
    const folder = path.join(world.paths.tools, 'tiny-1.2.3-linux-x64-abc');
    world.program('tiny', 'echo tiny 1.2.3', folder);
    world.extra['PATH'] = `${folder}:/usr/bin:/bin`;
    await faultOf(find(exact));
  });
});

describe('version', () => {
  it('is compared by number, part by part', () => {
    assert.equal(isAtLeast('1.10', '1.9'), true);
    assert.equal(isAtLeast('1.9.9', '1.10'), false);
    assert.equal(isAtLeast('2', '1.21'), true);
    assert.equal(isAtLeast('1.21', '1.21.0'), true);
    assert.equal(isAtLeast('1.20.14', '1.21'), false);
  });
});
