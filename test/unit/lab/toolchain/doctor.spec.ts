import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { catalogue } from '../../../../lab/toolchain/catalogue.ts';
import {
  diagnose,
  missingGo,
  missingTool,
  packageRow,
  renderDiagnosis,
  type Means,
} from '../../../../lab/toolchain/doctor.ts';
import { toolOf } from '../../../../lab/toolchain/locate.ts';
import { assessMachine, type MachineFacts } from '../../../../lab/toolchain/machine.ts';
import { packages, type PackageHost } from '../../../../lab/toolchain/packages.ts';
import { World } from './world.ts';

const gibibyte = 2 ** 30;

const fit: MachineFacts = {
  kernel: '6.12.0',
  processors: 4,
  isRoot: true,
  memoryBytes: 8 * gibibyte,
  freeMemoryBytes: 6 * gibibyte,
  cgroupVersion: 2,
  missingControllers: [],
  hasLoop: true,
  hasFuse: true,
  hasNbd: true,
  namespaces: 'work',
  nftables: 'work',
  cache: { folder: '/cache', freeBytes: 100 * gibibyte },
  state: { folder: '/state', freeBytes: 100 * gibibyte },
  isToolCacheEmpty: true,
  isNetworkOpen: true,
};

describe('machine assessment', () => {
  it('finds nothing to do on a machine that is fit', () => {
    const rows = assessMachine(fit);
    assert.deepEqual(
      rows.filter((row) => row.level !== 'ok' || row.advice !== undefined),
      [],
    );
  });

  const troubles: readonly [string, Partial<MachineFacts>, string, 'warn' | 'fail', RegExp][] = [
    ['not root', { isRoot: false }, 'root', 'fail', /KUBECONFIG=<file> npm start/],
    [
      'a controller is missing',
      { missingControllers: ['memory', 'pids'] },
      'control groups',
      'fail',
      /controllers/,
    ],
    [
      'namespaces are forbidden',
      { namespaces: 'refused' },
      'namespaces',
      'fail',
      /virtual machine/,
    ],
    ['namespaces were not tried', { namespaces: undefined }, 'namespaces', 'warn', /needs root/],
    ['nf_tables is missing', { nftables: 'refused' }, 'nftables', 'fail', /modprobe nf_tables/],
    ['there are no loop devices', { hasLoop: false }, 'loop devices', 'fail', /modprobe loop/],
    ['there is no FUSE', { hasFuse: false }, 'FUSE', 'warn', /modprobe fuse/],
    ['there is no nbd module', { hasNbd: false }, 'nbd module', 'warn', /modprobe nbd/],
    ['memory is short', { memoryBytes: 2 * gibibyte }, 'memory', 'warn', /3\.0 GiB/],
    [
      'the cache has no room for a build',
      { cache: { folder: '/cache', freeBytes: 5 * gibibyte } },
      'cache folder',
      'warn',
      /14 GiB are needed.*XDG_CACHE_HOME, GOCACHE and GOMODCACHE/,
    ],
    [
      'the state folder is small',
      { state: { folder: '/state', freeBytes: gibibyte } },
      'state folder',
      'warn',
      /XDG_STATE_HOME/,
    ],
  ];
  for (const [circumstance, facts, subject, level, advice] of troubles) {
    it(`says what to do when ${circumstance}`, () => {
      const rows = assessMachine({ ...fit, ...facts }).filter((row) => row.level !== 'ok');
      assert.deepEqual(
        rows.map((row) => [row.subject, row.level]),
        [[subject, level]],
      );
      assert.match(rows[0]?.advice ?? '', advice);
    });
  }

  it('asks for less room once the tools are built', () => {
    const cache = { folder: '/cache', freeBytes: 5 * gibibyte };
    const rows = assessMachine({ ...fit, cache, isToolCacheEmpty: false });
    assert.equal(rows.find((row) => row.subject === 'cache folder')?.level, 'ok');
  });
});

describe('missing tool', () => {
  const closed: Means = { hasGo: true, canInstall: false, isNetworkOpen: false };
  const rowOf = (name: string, means: Means, other?: string) =>
    missingTool(name, toolOf(name, catalogue), other, means, catalogue);

  it('comes by itself when Go is there', () => {
    const row = rowOf('kubelet', closed);
    assert.equal(row.level, 'later');
    assert.match(row.advice ?? '', /is built when needed \(about 7 min/);
  });

  it('stands in the way when there is no Go and none can be had', () => {
    const row = rowOf('kubelet', { ...closed, hasGo: false });
    assert.equal(row.level, 'fail');
    assert.match(row.advice ?? '', /install Go 1\.21 or newer/);
  });

  it('needs no Go by hand when an older one or a package can fetch it', () => {
    const go = toolOf('go', catalogue);
    assert.match(missingGo(go, '1.19.8', closed).found, /fetched when needed by the 1\.19\.8/);
    const bare = { ...closed, hasGo: false };
    assert.equal(missingGo(go, undefined, { ...bare, canInstall: true }).level, 'later');
    assert.equal(missingGo(go, undefined, bare).level, 'fail');
  });

  it('is installed by itself where packages may be installed, else it stands in the way', () => {
    assert.equal(rowOf('runc', { ...closed, canInstall: true }).level, 'later');
    assert.equal(rowOf('runc', closed).level, 'fail');
    assert.match(rowOf('runc', closed, '1.0.3').found, /1\.0\.3 is here/);
  });

  it('is downloaded on an open network, and the other version is named', () => {
    const row = rowOf('pulumi', { ...closed, isNetworkOpen: true }, '3.240.0');
    assert.equal(row.found, 'is downloaded when needed (3.240.0 is here)');
  });
});

describe('missing package', () => {
  const runc = packages.find((candidate) => candidate.debian === 'runc');
  const fio = packages.find((candidate) => candidate.debian === 'fio');
  const host: PackageHost = {
    distributions: ['debian'],
    isRoot: true,
    noInstall: false,
    isPresent: () => false,
  };

  it('comes by itself when it may be installed', () => {
    assert.ok(runc);
    assert.equal(packageRow(runc, undefined, host).level, 'later');
  });

  it('stands in the way only of what needs it when it may not be installed', () => {
    assert.ok(runc && fio);
    const plain = { ...host, isRoot: false };
    assert.equal(packageRow(runc, undefined, plain).level, 'fail');
    assert.equal(packageRow(fio, undefined, plain).level, 'warn');
    assert.equal(packageRow(runc, undefined, plain).advice, 'sudo apt-get install runc');
  });
});

describe('doctor', () => {
  it('has a row for every tool, names its home folder by ~, and writes nothing', async () => {
    using world = new World();
    world.program('pulumi', 'echo v3.257.0');
    const diagnosis = await diagnose(world.context);
    assert.deepEqual(
      diagnosis.tools.map((row) => row.name),
      Object.keys(catalogue.tools),
    );
    const pulumi = diagnosis.tools.find((row) => row.name === 'pulumi');
    assert.deepEqual([pulumi?.level, pulumi?.found], ['ok', '~/bin/pulumi']);
    assert.equal(existsSync(world.paths.tools), false);
    assert.equal(existsSync(world.paths.state), false);
  });

  it('prints aligned tables and a verdict', async () => {
    const row = { name: 'kubelet', version: '1.36.2', neededFor: 'each node' };
    const text = renderDiagnosis({
      tools: [
        { ...row, level: 'ok', found: '/cache/kubelet' },
        { ...row, name: 'go', level: 'fail', found: 'missing', advice: 'install Go' },
      ],
      packages: [],
      machine: [{ subject: 'root', level: 'ok', found: 'yes' }],
    });
    const lines = text.split('\n');
    assert.ok(lines.includes('  ok    kubelet  1.36.2   /cache/kubelet       each node'), text);
    assert.ok(lines.includes('  FAIL  go       1.36.2   missing: install Go  each node'), text);
    assert.equal(lines.at(-1), '1 thing stands in the way of the lab: see FAIL.');
  });
});
