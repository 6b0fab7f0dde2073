import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  distributionsOf,
  installCommand,
  installPackages,
  packages,
  planPackages,
  type Package,
  type PackageHost,
} from '../../../../lab/toolchain/packages.ts';
import { which } from '../../../../lab/toolchain/which.ts';
import { faultOf, World } from './world.ts';

const wanted: readonly Package[] = [
  {
    debian: 'larder-one',
    program: 'larder-one-program',
    group: 'lab',
    neededFor: 'the first thing',
    dnf: 'one-rpm',
  },
  {
    debian: 'larder-two',
    program: 'larder-two-program',
    group: 'lab',
    neededFor: 'the second thing',
    dnf: 'two-rpm',
    pacman: 'two-arch',
    apk: 'two-apk',
  },
];

const debianRoot: PackageHost = {
  distributions: ['debian'],
  isRoot: true,
  noInstall: false,
  isPresent: () => false,
};

describe('package plan', () => {
  it('has nothing to do when the programs are there, whoever installed them', () => {
    const host = { ...debianRoot, distributions: [], isRoot: false, isPresent: () => true };
    assert.deepEqual(planPackages(wanted, host), { kind: 'complete' });
  });

  it('installs what is missing when root on Debian or Ubuntu', () => {
    const isPresent = (program: string) => program === 'larder-one-program';
    for (const distributions of [['debian'], ['ubuntu', 'debian'], ['linuxmint', 'ubuntu']]) {
      const plan = planPackages(wanted, { ...debianRoot, distributions, isPresent });
      assert.deepEqual(plan, { kind: 'install', missing: wanted.slice(1) });
    }
  });

  const told: readonly [string, Partial<PackageHost>, string, RegExp][] = [
    ['not root', { isRoot: false }, 'sudo apt-get install larder-one larder-two', /needs root/],
    [
      'LARDER_NO_INSTALL is set',
      { noInstall: true },
      'apt-get install larder-one larder-two',
      /LARDER_NO_INSTALL/,
    ],
    ['on Fedora', { distributions: ['fedora'] }, 'dnf install one-rpm two-rpm', /only Debian/],
    [
      'on Arch, which lacks one of them',
      { distributions: ['arch'] },
      'pacman -S two-arch, and install what Debian calls larder-one',
      /only Debian/,
    ],
    [
      'on an unknown distribution',
      { distributions: ['nixos'] },
      "install, with your distribution's package manager, what Debian calls larder-one larder-two",
      /only Debian/,
    ],
  ];
  for (const [circumstance, host, command, reason] of told) {
    it(`tells the command and the reason when ${circumstance}`, () => {
      const plan = planPackages(wanted, { ...debianRoot, ...host });
      assert.equal(plan.kind, 'tell');
      assert.ok(plan.kind === 'tell');
      assert.equal(plan.command, command);
      assert.match(plan.reason, reason);
    });
  }

  it('names what has no known package at all when another distribution lacks it', () => {
    const command = installCommand(wanted.slice(0, 1), { distributions: ['alpine'], isRoot: true });
    assert.equal(command, 'install what Debian calls larder-one');
  });

  it('knows the distribution and those it is like from os-release', () => {
    const text = 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n';
    assert.deepEqual(distributionsOf(text), ['linuxmint', 'ubuntu', 'debian']);
    assert.deepEqual(distributionsOf(''), []);
  });

  it('has every program once', () => {
    const programs = packages.map((candidate) => candidate.program);
    assert.equal(new Set(programs).size, programs.length);
  });
});

describe('package installation', () => {
  let world: World;
  let host: PackageHost;
  beforeEach(() => {
    world = new World();
    const env = world.context.env ?? {};
    host = { ...debianRoot, isPresent: (program) => which(program, env) !== undefined };
  });
  afterEach(() => world[Symbol.dispose]());

  const log = () => readFileSync(path.join(world.folder, 'apt.log'), 'utf8').trim().split('\n');
  const apt = (body: string) =>
    world.program('apt-get', `echo "$DEBIAN_FRONTEND $*" >> ${world.folder}/apt.log\n${body}`);
  const installBoth = ['larder-one', 'larder-two']
    .map(
      (name) =>
        `printf '#!/bin/sh' > ${'$'}BIN/${name}-program; chmod +x ${'$'}BIN/${name}-program`,
    )
    .join('\n');
  const bin = () => `BIN=${world.bin}`;

  it('names the packages and why they are needed before it installs them without questions', async () => {
    apt(`${bin()}\n${installBoth}`);
    await installPackages(wanted, world.context, host);
    assert.match(world.said, /larder-one \(larder-one-program\): the first thing/);
    assert.deepEqual(log(), [
      'noninteractive -o DPkg::Lock::Timeout=300 -q install --yes --no-install-recommends ' +
        'larder-one larder-two',
    ]);
  });

  it('refreshes the package lists once when the packages are not found', async () => {
    apt(`${bin()}
case "$*" in
*update*) touch ${world.folder}/updated ;;
*) [ -e ${world.folder}/updated ] || exit 100
${installBoth} ;;
esac`);
    await installPackages(wanted, world.context, host);
    assert.deepEqual(
      log().map((line) => /install|update/.exec(line)?.[0]),
      ['install', 'update', 'install'],
    );
  });

  it("shows apt-get's last words when it fails", async () => {
    apt('echo "E: no such mirror" >&2; exit 100');
    const fault = await faultOf(installPackages(wanted, world.context, host));
    assert.match(fault.message, /E: no such mirror/);
    assert.match(fault.hint, /LARDER_NO_INSTALL=1/);
  });

  it('says so when a program is still missing after a successful installation', async () => {
    apt('exit 0');
    const fault = await faultOf(installPackages(wanted, world.context, host));
    assert.match(fault.message, /still not found:\n {2}larder-one /);
  });

  it('installs nothing and tells the command when it may not', async () => {
    apt('exit 0');
    const work = installPackages(wanted, world.context, { ...host, noInstall: true });
    const fault = await faultOf(work);
    assert.match(fault.message, /These programs are missing:\n {2}larder-one/);
    assert.match(fault.hint, /^apt-get install larder-one larder-two\n {2}\(LARDER_NO_INSTALL/);
    assert.equal(existsSync(path.join(world.folder, 'apt.log')), false);
  });
});
