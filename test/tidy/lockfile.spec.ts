import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../lab/base/paths.ts';

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

interface Lockfile {
  readonly packages: Record<string, Manifest & { version?: string; integrity?: string }>;
}

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(path.join(repositoryRoot, name), 'utf8')) as T;

describe('package-lock.json', () => {
  const manifest = read<Manifest>('package.json');
  const lock = read<Lockfile>('package-lock.json');
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;

  for (const kind of kinds) {
    it(`names what package.json names [${kind}]`, () => {
      assert.deepEqual(lock.packages['']?.[kind], manifest[kind], 'cure: npm install');
    });

    it(`pins exact versions [${kind}]`, () => {
      const exact = /^(npm:[@\w/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/;
      const loose = Object.entries(manifest[kind] ?? {}).filter(([, range]) => !exact.test(range));
      assert.deepEqual(loose, [], 'cure: npm install --save-exact');
    });
  }

  it('has a checksum for every package', () => {
    const bare = Object.entries(lock.packages)
      .filter(([name, entry]) => name !== '' && entry.integrity === undefined)
      .map(([name]) => name);
    assert.deepEqual(bare, []);
  });

  it('has one copy of @pulumi/pulumi, or outputs of one are strangers to the other', () => {
    const copies = Object.keys(lock.packages).filter((name) =>
      name.endsWith('node_modules/@pulumi/pulumi'),
    );
    assert.deepEqual(copies, ['node_modules/@pulumi/pulumi']);
  });
});
