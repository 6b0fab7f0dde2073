import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { repositoryRoot } from '../../../../lab/base/paths.ts';
import { pulumiPlugins, pulumiVersion } from '../../../../lab/toolchain/catalogue.ts';
import { ensurePulumi } from '../../../../lab/toolchain/pulumi.ts';
import { faultOf, World } from './world.ts';

describe('Pulumi installation', () => {
  let world: World;
  let cli: string;
  beforeEach(() => {
    world = new World();
    cli = world.program('pulumi', `echo v${pulumiVersion}`);
  });
  afterEach(() => world[Symbol.dispose]());

  /** A language host beside the CLI and the plugins in the person's own Pulumi home. */
  const installOfficial = () => {
    world.program('pulumi-language-nodejs', 'echo official');
    for (const { name, version } of pulumiPlugins) {
      const folder = path.join(world.folder, `.pulumi/plugins/resource-${name}-v${version}`);
      world.program(`pulumi-resource-${name}`, `echo official ${name}`, folder);
    }
  };

  const plugin = (home: string | undefined, name: string, version: string) =>
    path.join(home ?? '', `plugins/resource-${name}-v${version}/pulumi-resource-${name}`);

  it('has stand-ins for everything but the CLI, and says so, when nothing official is to be had', async () => {
    const installation = await ensurePulumi(world.context);
    assert.deepEqual(installation.standIns, [
      'language-nodejs',
      'resource-kubernetes',
      'resource-random',
      'resource-command',
    ]);
    assert.match(world.said, /stand-ins for language-nodejs, resource-kubernetes/);
    for (const { name, version } of pulumiPlugins) {
      const text = readFileSync(plugin(installation.env['PULUMI_HOME'], name, version), 'utf8');
      const entry = path.join(repositoryRoot, `lab/standin/main/resource-${name}.ts`);
      assert.ok(text.includes(`'${entry}' "$@"`), text);
    }
  });

  it('has the language host beside the CLI, where Pulumi looks for it', async () => {
    const { cli: program, env } = await ensurePulumi(world.context);
    assert.equal(readFileSync(program, 'utf8'), readFileSync(cli, 'utf8'));
    const host = path.join(path.dirname(program), 'pulumi-language-nodejs');
    assert.match(readFileSync(host, 'utf8'), /standin\/main\/language-nodejs\.ts/);
    assert.equal((await execa('pulumi', ['version'], { env })).stdout, `v${pulumiVersion}`);
  });

  it('keeps Pulumi from looking for updates, plugins and programs elsewhere', async () => {
    const { env } = await ensurePulumi(world.context);
    assert.equal(env['PULUMI_SKIP_UPDATE_CHECK'], 'true');
    assert.equal(env['PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION'], 'true');
    assert.equal(env['PULUMI_IGNORE_AMBIENT_PLUGINS'], 'true');
  });

  it('is the same folder the next time, and another one for another CLI', async () => {
    const first = await ensurePulumi(world.context);
    assert.equal((await ensurePulumi(world.context)).cli, first.cli);
    const other = path.join(world.folder, 'other');
    world.program('pulumi', `echo v${pulumiVersion}`, other);
    world.extra['PATH'] = `${other}:/usr/bin:/bin`;
    assert.notEqual((await ensurePulumi(world.context)).cli, first.cli);
  });

  it('is the official one when the machine has the CLI, its host and all plugins', async () => {
    installOfficial();
    const installation = await ensurePulumi(world.context);
    assert.deepEqual(installation.standIns, []);
    assert.equal(installation.cli, cli);
    for (const { name, version } of pulumiPlugins) {
      const file = plugin(installation.env['PULUMI_HOME'], name, version);
      assert.equal((await execa(file)).stdout, `official ${name}`);
    }
  });

  it('does not take its own stand-ins for official ones when it runs inside itself', async () => {
    const outer = await ensurePulumi(world.context);
    Object.assign(world.extra, {
      PULUMI_HOME: outer.env['PULUMI_HOME'],
      PATH: outer.env['PATH'],
    });
    const inner = await ensurePulumi(world.context);
    assert.equal(inner.standIns.length, 4);
    assert.equal(inner.cli, outer.cli);
  });

  it('has stand-ins when PULUMI_PLUGINS=standin, whatever is there', async () => {
    installOfficial();
    world.extra['PULUMI_PLUGINS'] = 'standin';
    assert.equal((await ensurePulumi(world.context)).standIns.length, 4);
  });

  it('is refused with what is missing when PULUMI_PLUGINS=official and it cannot be had', async () => {
    world.extra['PULUMI_PLUGINS'] = 'official';
    const fault = await faultOf(ensurePulumi(world.context));
    assert.match(fault.message, /plugins are not on this machine and the network is closed/);
    assert.match(fault.hint, /kubernetes v4\.34\.2, random v4\.21\.2, command v1\.2\.1/);
  });

  it('is refused when PULUMI_PLUGINS has a value that means nothing', async () => {
    world.extra['PULUMI_PLUGINS'] = 'offical';
    const fault = await faultOf(ensurePulumi(world.context));
    assert.match(fault.message, /PULUMI_PLUGINS is 'offical'/);
    assert.match(fault.hint, /'official' or 'standin'/);
  });
});
