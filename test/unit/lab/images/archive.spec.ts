import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../../../../lab/base/run.ts';
import { writeArchive } from '../../../../lab/images/archive.ts';
import { writeLayer } from '../../../../lab/images/layer.ts';
import { skip } from '../../../support/reporter.ts';

describe('image archive', () => {
  let folder: string;
  const at = (...parts: string[]) => path.join(folder, ...parts);
  const tar = async (...args: string[]) => (await run('tar', args)).stdout;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-image-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function makeTree(name: string): string {
    const tree = at(name);
    mkdirSync(path.join(tree, 'usr/bin'), { recursive: true });
    mkdirSync(path.join(tree, 'var/cache'), { recursive: true });
    writeFileSync(path.join(tree, 'usr/bin/tool'), '#!/bin/sh\n');
    chmodSync(path.join(tree, 'usr/bin/tool'), 0o4755);
    linkSync(path.join(tree, 'usr/bin/tool'), path.join(tree, 'usr/bin/twin'));
    symlinkSync('usr/bin', path.join(tree, 'bin'));
    writeFileSync(path.join(tree, 'var/cache/big'), 'not wanted');
    mkdirSync(path.join(tree, 'etc'));
    writeFileSync(path.join(tree, 'etc/hostname'), 'not wanted either');
    writeFileSync(path.join(tree, `long-${'n'.repeat(150)}`), 'long');
    return tree;
  }

  it('has a layer that GNU tar reads: modes, owners, links and long names', async () => {
    const layer = await writeLayer(makeTree('tree'), at('layer.tar'), {
      without: ['var/cache', 'etc/hostname'],
    });
    const listing = await tar('--numeric-owner', '-tvf', layer.file);
    assert.match(listing, /^-rwsr-xr-x \d+\/\d+ +10 1970-01-01 .* usr\/bin\/tool$/m);
    assert.match(listing, /^h.* usr\/bin\/twin link to usr\/bin\/tool$/m);
    assert.match(listing, /^l.* bin -> usr\/bin$/m);
    assert.match(listing, /long-n{150}$/m);
    assert.match(listing, /^d.* var\/cache\/$/m);
    assert.doesNotMatch(listing, /cache\/big|hostname/);
  });

  it('has the same bytes for the same tree, whenever and in whatever order it was made', async () => {
    const first = await writeLayer(makeTree('one'), at('one.tar'));
    const tree = makeTree('two');
    utimesSync(path.join(tree, 'usr/bin/tool'), 1e9, 1e9);
    const second = await writeLayer(tree, at('two.tar'));
    assert.equal(first.digest, second.digest);
    assert.deepEqual(readFileSync(first.file), readFileSync(second.file));
  });

  it('is told the digest and size of what was written', async () => {
    const layer = await writeLayer(makeTree('tree'), at('layer.tar'));
    const bytes = readFileSync(layer.file);
    assert.equal(layer.digest, createHash('sha256').update(bytes).digest('hex'));
    assert.equal(layer.sizeBytes, bytes.length);
  });

  it('turns a deleted file of an overlay into a whiteout', async function () {
    if (process.getuid?.() !== 0) skip(this, 'needs root to make a device');
    const tree = makeTree('tree');
    await run('mknod', [path.join(tree, 'usr/gone'), 'c', '0', '0']);
    const layer = await writeLayer(tree, at('layer.tar'));
    const listing = await tar('-tf', layer.file);
    assert.match(listing, /^usr\/\.wh\.gone$/m);
    assert.doesNotMatch(listing, /^usr\/gone$/m);
  });

  it('says by hash what it consists of, each layer once', async () => {
    const layer = await writeLayer(makeTree('tree'), at('layer.tar'));
    const file = at('image.tar');
    await writeArchive(file, {
      reference: 'localhost/lab/x:1',
      architecture: 'amd64',
      config: { Env: ['PATH=/bin'], Cmd: ['sh'], StopSignal: 'SIGINT' },
      layers: [layer, layer],
    });
    await tar('-xf', file, '-C', folder);
    const [entry] = JSON.parse(readFileSync(at('manifest.json'), 'utf8')) as [
      { Config: string; RepoTags: string[]; Layers: string[] },
    ];
    assert.deepEqual(entry.RepoTags, ['localhost/lab/x:1']);
    assert.deepEqual(entry.Layers, [`${layer.digest}.tar`, `${layer.digest}.tar`]);
    const config = readFileSync(at(entry.Config));
    assert.equal(`${createHash('sha256').update(config).digest('hex')}.json`, entry.Config);
    const parsed = JSON.parse(config.toString()) as {
      os: string;
      config: { StopSignal: string };
      rootfs: { diff_ids: string[] };
    };
    assert.equal(parsed.os, 'linux');
    assert.equal(parsed.config.StopSignal, 'SIGINT');
    assert.deepEqual(parsed.rootfs.diff_ids, [`sha256:${layer.digest}`, `sha256:${layer.digest}`]);
    const listing = (await tar('-tf', file)).split('\n');
    assert.equal(listing.filter((name) => name === `${layer.digest}.tar`).length, 1);
  });

  it('fails as a whole when a file cannot be read', async () => {
    await assert.rejects(writeLayer(at('nowhere'), at('layer.tar')), /ENOENT/);
  });
});
