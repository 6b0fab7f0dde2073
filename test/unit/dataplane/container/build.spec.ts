import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { builders, buildWith, type Run } from '../../../../dataplane/container/builders.ts';
import {
  contentsOf,
  debianPackages,
  removedFiles,
  writeContext,
} from '../../../../dataplane/container/contents.ts';
import { repositoryRoot } from '../../../../lab/base/paths.ts';

const digest = `sha256:${'0a'.repeat(32)}`;
const reference = 'registry.home/larder:1';

/** Building the image with what is there, once. */
describe("data plane's image", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'larder-build-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** Programs that are installed, each with what it does. */
  function machine(installed: Readonly<Record<string, (args: readonly string[]) => number>>) {
    const lines: string[] = [];
    const run: Run = async (program, args) => {
      const act = installed[program];
      if (act === undefined) return { code: 127, output: 'spawn ENOENT' };
      lines.push([program, args[0]].join(' '));
      return { code: act(args), output: args.includes('inspect') ? `x@${digest}` : 'said this' };
    };
    return { lines, run };
  }

  const fill = () => {
    writeFileSync(path.join(folder, 'Containerfile'), '');
  };
  const built = async (run: Run) => buildWith(builders, { reference, folder, fill }, run);

  it('is built and pushed by the first program that answers', async () => {
    const { lines, run } = machine({
      docker: () => 1,
      podman: (args) => {
        const [verb, , file = ''] = args;
        if (verb === 'push') writeFileSync(file, digest);
        return verb === 'pull' ? 1 : 0;
      },
    });
    assert.equal(await built(run), digest);
    assert.deepEqual(lines, [
      'docker version',
      'podman info',
      'podman pull',
      'podman build',
      'podman push',
    ]);
    assert.ok(existsSync(path.join(folder, 'Containerfile')), 'the context was there');
  });

  it('is not built again when the registry has this content', async () => {
    const { lines, run } = machine({ docker: () => 0 });
    assert.equal(await built(run), digest);
    assert.deepEqual(lines, ['docker version', 'docker pull', 'docker image']);
    assert.ok(!existsSync(path.join(folder, 'Containerfile')), 'nothing was copied together');
  });

  it('says of every program why it does not do', async () => {
    await assert.rejects(built(machine({ docker: () => 1 }).run), {
      message: /docker: said this\n +podman: is not installed\n +nerdctl.*\n +buildah/,
      hint: /larder:images\.dataplane/,
    });
  });

  it('shows the last words of a build that fails', async () => {
    const { run } = machine({ docker: ([verb]) => (verb === 'version' ? 0 : 1) });
    await assert.rejects(built(run), /docker build failed with 1:\nsaid this/);
  });

  it('has the code without types, the packages it imports, and one base by its digest', () => {
    const contents = contentsOf(repositoryRoot);
    assert.match(contents.hash, /^[0-9a-f]{64}$/);
    const names = contents.packages.map((each) => each.folder);
    // Imported late, for machines that they have nothing for.
    for (const late of ['fs-native-extensions', 'koffi'])
      assert.ok(names.includes(`node_modules/${late}`), late);
    assert.ok(names.includes('node_modules/zod'));
    for (const one of ['@pulumi', '@kubernetes', 'mocha', 'typescript']) {
      assert.ok(!names.some((name) => name.includes(one)), `${one} is in the image`);
    }
    writeContext(contents, repositoryRoot, folder);
    const main = readFileSync(path.join(folder, 'opt/larder/dataplane/main/engine.js'), 'utf8');
    assert.doesNotMatch(main, /interface|\.ts'/);
    const from =
      readFileSync(path.join(folder, 'Containerfile'), 'utf8').match(/^FROM .*$/gm) ?? [];
    assert.match(from[0] ?? '', /@sha256:[0-9a-f]{64} AS made$/);
    assert.deepEqual(from.slice(1), ['FROM scratch']);
  });

  it('installs no compiler and leaves out what its packages bring and nothing uses', () => {
    const installed = debianPackages(repositoryRoot);
    assert.ok(!installed.some((name) => /gcc|g\+\+|python|build-essential/.test(name)));
    const removed = removedFiles(repositoryRoot);
    assert.ok(removed.includes('usr/lib/python3*'));
    // From the root of the image and nowhere above it.
    for (const pattern of removed) assert.match(pattern, /^usr\/[^.]*(\.so\*)?[^.]*$/);
  });
});
