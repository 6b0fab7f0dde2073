import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { execa } from 'execa';
import { repositoryRoot } from '../../../../lab/base/paths.ts';
import { run } from '../../../../lab/base/run.ts';
import { catalogue, pulumiPlugins, pulumiVersion } from '../../../../lab/toolchain/catalogue.ts';
import { ensurePulumi } from '../../../../lab/toolchain/pulumi.ts';
import { platform, type Catalogue } from '../../../../lab/toolchain/tool.ts';
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

  it('keeps Pulumi from logging every command in full', async () => {
    const { env } = await ensurePulumi(world.context);
    assert.match(readFileSync(path.join(env['PULUMI_HOME'] ?? '', 'logs'), 'utf8'), /^A file/);
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

describe('Pulumi installation by download', () => {
  let world: World;
  let server: Server;
  /** Paths that the server does not have. */
  let missing: RegExp;
  let sums: string;
  let archives: Map<string, Buffer>;

  beforeEach(async () => {
    world = new World();
    world.extra['LARDER_OFFLINE'] = '';
    missing = /nothing/;
    archives = new Map();
    const cli = path.join(world.folder, 'release/pulumi');
    world.program('pulumi', `echo v${pulumiVersion}`, cli);
    world.program('pulumi-language-nodejs', 'echo official host', cli);
    await pack('pulumi', 'pulumi');
    for (const { name, archive } of pulumiPlugins) {
      const folder = path.join(world.folder, 'release');
      world.program(`pulumi-resource-${name}`, `echo official ${name}`, folder);
      await pack(archive, `pulumi-resource-${name}`);
    }
    const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    sums = [...archives].map(([name, bytes]) => `${sha256(bytes)}  ${name}.tar.gz\n`).join('');
    server = createServer((request, response) => {
      const name = path.basename(request.url ?? '', '.tar.gz');
      if (request.method === 'HEAD') response.end();
      else if (missing.test(name)) response.writeHead(404).end();
      else response.end(name === 'sums.txt' ? sums : archives.get(name));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    world[Symbol.dispose]();
  });

  const pack = async (archive: string, member: string) => {
    const file = path.join(world.folder, `${archive}.tar.gz`);
    await run('tar', ['--create', '--gzip', '--file', file, member], {
      cwd: path.join(world.folder, 'release'),
    });
    archives.set(archive, readFileSync(file));
  };

  const here = (): Catalogue => {
    const { port } = server.address() as AddressInfo;
    const root = `http://127.0.0.1:${port}`;
    const moved = Object.entries(catalogue.archives).map(([name, archive]) => {
      const urls = { [platform]: `${root}/${name}.tar.gz` };
      const checksum = { kind: 'published' as const, url: `${root}/sums.txt` };
      return [name, { ...archive, urls, checksum }];
    });
    return { ...catalogue, archives: Object.fromEntries(moved) };
  };

  it('is the official one, checked, with its host and plugins, and is kept', async () => {
    const installation = await ensurePulumi(world.context, here());
    assert.deepEqual(installation.standIns, []);
    const host = path.join(path.dirname(installation.cli), 'pulumi-language-nodejs');
    assert.equal((await execa(host)).stdout, 'official host');
    missing = /./;
    assert.deepEqual((await ensurePulumi(world.context, here())).cli, installation.cli);
  });

  it('has stand-ins, and says why, when a release is not there', async () => {
    missing = /resource-random/;
    const installation = await ensurePulumi(world.context, here());
    assert.equal(installation.standIns.length, 4);
    assert.match(world.said, /resource-random\.tar\.gz answered 404/);
  });

  it('is refused when a release is not what was published', async () => {
    archives.set('resource-random', Buffer.from('something else'));
    const fault = await faultOf(ensurePulumi(world.context, here()));
    assert.match(fault.message, /official random provider is not what was published/);
  });
});
