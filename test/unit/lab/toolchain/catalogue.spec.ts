import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../../../lab/base/paths.ts';
import { catalogue, pulumiPlugins, pulumiVersion } from '../../../../lab/toolchain/catalogue.ts';
import { packages } from '../../../../lab/toolchain/packages.ts';

const modules = Object.entries(catalogue.modules);

function goMod(folder: string): string {
  return readFileSync(path.join(folder, 'go.mod'), 'utf8');
}

describe('catalogue', () => {
  it('names only origins that exist', () => {
    for (const [name, tool] of Object.entries(catalogue.tools)) {
      for (const origin of tool.origins) {
        switch (origin.kind) {
          case 'path':
            break;
          case 'download':
            assert.ok(catalogue.archives[origin.archive]?.programs[name], `${name}: no archive`);
            break;
          case 'package':
            assert.ok(
              packages.some((candidate) => candidate.debian === origin.packageName),
              `${name}: no package ${origin.packageName}`,
            );
            break;
          case 'go': {
            const programs = catalogue.modules[origin.module]?.programs ?? [];
            assert.ok(
              programs.some((program) => program.tool === name),
              `${name}: not built by ${origin.module}`,
            );
            break;
          }
        }
      }
    }
  });

  it('has a committed folder for each Go module and no other', () => {
    const folder = path.join(repositoryRoot, 'lab/toolchain/go');
    assert.deepEqual(readdirSync(folder).toSorted(), modules.map(([name]) => name).toSorted());
  });

  it('builds exactly the tools that each go.mod declares', () => {
    for (const [name, module] of modules) {
      const declared = /^tool (?:\(([^)]*)\)|(\S+))$/m.exec(goMod(module.folder));
      const tools = (declared?.[1] ?? declared?.[2] ?? '').trim().split(/\s+/);
      const built = module.programs.map((program) => program.importPath);
      assert.deepEqual(tools.toSorted(), built.toSorted(), name);
    }
  });

  it('gives each tool the version that its go.mod pins', () => {
    for (const [name, module] of modules) {
      const required = [...goMod(module.folder).matchAll(/^\s+(\S+) v(\S+?)(?: \/\/.*)?$/gm)];
      for (const { tool, importPath } of module.programs) {
        const best = required
          .filter(([, root]) => importPath === root || importPath.startsWith(`${root}/`))
          .toSorted(([, a], [, b]) => (b?.length ?? 0) - (a?.length ?? 0))[0];
        const version = catalogue.tools[tool]?.version;
        // Prometheus 3.5.0 is the Go module v0.305.0: its own rule for a module without /v3.
        const expected = tool === 'promtool' ? '0.305.0' : version;
        assert.equal(best?.[2], expected, `${tool} in ${name}`);
      }
    }
  });

  it('stamps only versions that the tools have', () => {
    for (const [, module] of modules) {
      for (const { tool, stamps } of module.programs) {
        const versions = stamps
          .filter((stamp) => !/git(Major|Minor)=/.test(stamp))
          .map((stamp) => stamp.replace(/^.*=v?/, ''));
        for (const version of versions) {
          assert.equal(version, catalogue.tools[tool]?.version, tool);
        }
      }
    }
  });

  it('keeps the CSI specification of Kubernetes below 1.13, with which kubelet does not compile', () => {
    const folder = catalogue.modules['kubernetes']?.folder ?? '';
    assert.match(goMod(folder), /container-storage-interface\/spec v1\.12\.0/);
  });

  it('has a pinned or a published checksum for every archive on every platform it serves', () => {
    for (const [name, archive] of Object.entries(catalogue.archives)) {
      assert.deepEqual(Object.keys(archive.urls).toSorted(), ['linux-arm64', 'linux-x64'], name);
      for (const platform of Object.keys(archive.urls)) {
        if (archive.checksum.kind === 'pinned') {
          assert.match(archive.checksum.sha256[platform] ?? '', /^[0-9a-f]{64}$/, name);
        } else {
          assert.match(archive.checksum.url, /^https:\/\/github\.com\/pulumi\//, name);
        }
      }
    }
  });

  it('has the versions of Pulumi that package.json has', () => {
    const manifest: unknown = JSON.parse(
      readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8'),
    );
    assert.ok(typeof manifest === 'object' && manifest !== null && 'dependencies' in manifest);
    const expected = {
      '@pulumi/pulumi': pulumiVersion,
      ...Object.fromEntries(pulumiPlugins.map(({ name, version }) => [`@pulumi/${name}`, version])),
    };
    assert.deepEqual({ ...(manifest.dependencies as object), ...expected }, manifest.dependencies);
  });
});
